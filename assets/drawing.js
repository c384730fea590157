// A small drawing board. Mouse, pen and finger are all pointer events. When the pointer is lifted,
// the ink goes to Python as one text of 0 and 1, side × side cells, row by row.

function inkOf(canvas, side) {
  const small = document.createElement("canvas");
  small.width = small.height = side;
  const context = small.getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0, side, side);
  const { data } = context.getImageData(0, 0, side, side);
  // The board is transparent where nothing is drawn: what counts is opacity.
  return Array.from({ length: side * side }, (_, i) => (data[4 * i + 3] >= 128 ? "1" : "0")).join("");
}

function drawInk(canvas, ink, side) {
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  const cell = canvas.width / side;
  for (let i = 0; i < ink.length; i++) {
    if (ink[i] === "1") {
      context.fillRect((i % side) * cell, Math.floor(i / side) * cell, cell, cell);
    }
  }
}

export default function ({ parentElement, data, setStateValue }) {
  const canvas = parentElement.querySelector("canvas");
  const context = canvas.getContext("2d");
  const state = (parentElement._drawing ??= { last: null, reported: null });
  context.fillStyle = context.strokeStyle = "#1d1c24";
  context.lineWidth = data.pen * canvas.width;
  context.lineCap = context.lineJoin = "round";

  canvas.setAttribute("aria-label", data.words.board);
  parentElement.querySelector(".clear").textContent = data.words.clear;
  parentElement.querySelector(".example").textContent = data.words.example;
  parentElement.querySelector(".hint").textContent = data.words.draw;

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
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    const scale = canvas.width / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  };
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
  parentElement.querySelector(".clear").onclick = () => {
    context.clearRect(0, 0, canvas.width, canvas.height);
    report();
  };
  // Who cannot draw can still ask: a test image stands in for the drawing.
  parentElement.querySelector(".example").onclick = () => {
    const examples = data.examples;
    state.example = ((state.example ?? -1) + 1) % examples.length;
    drawInk(canvas, examples[state.example], data.side);
    report();
  };
}
