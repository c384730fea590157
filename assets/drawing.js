// @ts-check
// A small drawing board. Mouse, pen and finger are all pointer events. When the pointer is lifted,
// the ink goes to Python as one text of 0 and 1, side × side cells, row by row.

import { contextOf, find, inTurn } from "./common.js";

/**
 * @typedef {{
 *   side: number, pen: number, ink: string, examples: string[],
 *   words: { board: string, clear: string, example: string, draw: string },
 * }} Data
 * @typedef {{ last: [number, number] | null, reported: string | null, example?: number }} State
 */

/**
 * @param {HTMLCanvasElement} canvas
 * @param {number} side
 */
function inkOf(canvas, side) {
  const small = document.createElement("canvas");
  small.width = small.height = side;
  const context = contextOf(small, { willReadFrequently: true });
  context.drawImage(canvas, 0, 0, side, side);
  const { data } = context.getImageData(0, 0, side, side);
  // The board is transparent where nothing is drawn: what counts is opacity.
  return Array.from({ length: side * side }, (_, i) => (data[4 * i + 3] >= 128 ? "1" : "0")).join("");
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {string} ink
 * @param {number} side
 */
function drawInk(canvas, ink, side) {
  const context = contextOf(canvas);
  context.clearRect(0, 0, canvas.width, canvas.height);
  const cell = canvas.width / side;
  for (let i = 0; i < ink.length; i++) {
    if (ink[i] === "1") {
      context.fillRect((i % side) * cell, Math.floor(i / side) * cell, cell, cell);
    }
  }
}

/**
 * @param {{
 *   parentElement: HTMLElement & { _drawing?: State },
 *   data: Data,
 *   setStateValue: (name: "ink", value: string) => void,
 * }} component
 */
function render({ parentElement, data, setStateValue }) {
  const canvas = /** @type {HTMLCanvasElement} */ (find(parentElement, "canvas"));
  const clear = find(parentElement, ".clear");
  const example = find(parentElement, ".example");
  const context = contextOf(canvas);
  const state = (parentElement._drawing ??= { last: null, reported: null });
  context.fillStyle = context.strokeStyle = getComputedStyle(canvas).color;
  context.lineWidth = data.pen * canvas.width;
  context.lineCap = context.lineJoin = "round";

  canvas.setAttribute("aria-label", data.words.board);
  clear.textContent = data.words.clear;
  example.textContent = data.words.example;
  find(parentElement, ".hint").textContent = data.words.draw;

  // After a change of page the board is new, and Python remembers what was on it.
  if (state.reported === null) {
    state.reported = data.ink;
    drawInk(canvas, data.ink, data.side);
  }
  const report = () => {
    const ink = inkOf(canvas, data.side);
    if (ink === state.reported) return;
    state.reported = ink;
    setStateValue("ink", ink);
  };
  /** @returns {[number, number]} */
  const at = (/** @type {PointerEvent} */ event) => {
    const box = canvas.getBoundingClientRect();
    const scale = canvas.width / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  };
  /** @type {(from: [number, number], to: [number, number]) => void} */
  const line = (from, to) => {
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
  };

  canvas.onpointerdown = (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    state.last = at(event);
    line(state.last, state.last); // a dot, should the pointer not move
  };
  canvas.onpointermove = (event) => {
    if (!state.last) return;
    for (const part of event.getCoalescedEvents?.() ?? [event]) {
      const here = at(part);
      line(state.last, here);
      state.last = here;
    }
  };
  canvas.onpointerup = canvas.onpointercancel = () => {
    if (!state.last) return;
    state.last = null;
    report();
  };
  clear.onclick = () => {
    context.clearRect(0, 0, canvas.width, canvas.height);
    report();
  };
  // Who cannot draw can still ask: a test image stands in for the drawing.
  example.onclick = () => {
    const examples = data.examples;
    state.example = ((state.example ?? -1) + 1) % examples.length;
    drawInk(canvas, examples[state.example], data.side);
    report();
  };
}

export default inTurn(render);
