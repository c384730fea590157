// @ts-check
// The temperature slider. While the pointer drags, it tells the live bars on the same page through
// a window event, one frame later; Python hears of T only when the slider is released.
// A native range input: arrow keys, screen readers and touch work as the browser makes them work.

import { announceTemperature, find, inTurn } from "./common.js";

const KEYBOARD_PAUSE_MS = 350; // a burst of arrow keys is one change

/**
 * @typedef {{
 *   label: string, help: string, minimum: number, maximum: number, step: number, value: number,
 * }} Data
 * @typedef {{ reported: number, dragging: boolean, timer: number, started?: boolean }} State
 */

/**
 * What a setting is for is said to a pointer that rests on its sign, to the Tab key, and to a finger:
 * not every browser gives a button the focus for a tap. Escape takes it away.
 * @param {HTMLElement} asked
 */
function answerWhoAsks(asked) {
  const sign = find(asked, ".help");
  const turn = (/** @type {"open" | "shut" | ""} */ way) => {
    asked.classList.toggle("open", way === "open");
    asked.classList.toggle("shut", way === "shut");
  };
  sign.onclick = () => turn(asked.classList.contains("open") ? "" : "open");
  sign.onblur = () => turn("");
  // A finger leaves before its tap counts.
  sign.onpointerleave = (event) => { if (event.pointerType === "mouse") turn(""); };
  sign.onkeydown = (event) => { if (event.key === "Escape") turn("shut"); };
}

/**
 * @param {{
 *   parentElement: HTMLElement & { _temperature?: State },
 *   data: Data,
 *   setStateValue: (name: "temperature", value: number) => void,
 * }} component
 */
function render({ parentElement, data, setStateValue }) {
  const input = /** @type {HTMLInputElement} */ (find(parentElement, "input"));
  const output = find(parentElement, "output");
  const state = (parentElement._temperature ??= { reported: data.value, dragging: false, timer: 0 });

  find(parentElement, "label > span").textContent = data.label;
  find(parentElement, ".said").textContent = data.help;
  answerWhoAsks(find(parentElement, ".asked"));
  input.min = String(data.minimum);
  input.max = String(data.maximum);
  input.step = String(data.step);

  const show = (/** @type {number} */ value) => {
    output.textContent = value.toFixed(1);
    input.setAttribute("aria-valuetext", `T = ${value.toFixed(1)}`);
    const share = (value - data.minimum) / (data.maximum - data.minimum);
    input.style.setProperty("--share", `${100 * share}%`);
  };
  const report = () => {
    clearTimeout(state.timer);
    const value = input.valueAsNumber;
    if (value !== state.reported) {
      state.reported = value;
      setStateValue("temperature", value);
    }
  };
  const reportSoon = () => {
    if (state.dragging) return;
    clearTimeout(state.timer);
    state.timer = window.setTimeout(report, KEYBOARD_PAUSE_MS);
  };

  // A late answer from Python must not pull the thumb from under the finger.
  const busy = state.dragging || input.valueAsNumber !== state.reported;
  if (!state.started || (!busy && data.value !== input.valueAsNumber)) {
    input.value = String(data.value);
    state.reported = data.value;
    state.started = true;
    announceTemperature(data.value);
  }
  show(input.valueAsNumber);

  input.onpointerdown = () => { state.dragging = true; };
  input.onpointerup = input.onpointercancel = () => { state.dragging = false; report(); };
  input.oninput = () => {
    show(input.valueAsNumber);
    announceTemperature(input.valueAsNumber);
    reportSoon();
  };
  input.onchange = reportSoon;
  input.onblur = report;
  return () => clearTimeout(state.timer);
}

export default inTurn(render);
