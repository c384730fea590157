// The temperature slider. While the pointer drags, it tells the live bars on the same page through
// a window event, one frame later; Python hears of T only when the slider is released.
// A native range input: arrow keys, screen readers and touch work as the browser makes them work.

const EVENT = "dark-knowledge:temperature";
const KEYBOARD_PAUSE_MS = 350; // a burst of arrow keys is one change

export default function ({ parentElement, data, setStateValue }) {
  const input = parentElement.querySelector("input");
  const output = parentElement.querySelector("output");
  const state = (parentElement._temperature ??= { reported: data.value, dragging: false, timer: 0 });

  parentElement.querySelector("label > span").textContent = data.label;
  const help = parentElement.querySelector(".help");
  help.title = data.help;
  input.min = data.minimum;
  input.max = data.maximum;
  input.step = data.step;

  const show = (value) => {
    output.textContent = value.toFixed(1);
    input.setAttribute("aria-valuetext", `T = ${value.toFixed(1)}`);
    const share = (value - data.minimum) / (data.maximum - data.minimum);
    input.style.setProperty("--share", `${100 * share}%`);
  };
  const announce = (value) => {
    window.dispatchEvent(new CustomEvent(EVENT, { detail: value }));
  };
  const report = () => {
    clearTimeout(state.timer);
    const value = input.valueAsNumber;
    if (value !== state.reported) {
      state.reported = value;
      setStateValue("temperature", value);
    }
  };

  // A late answer from Python must not pull the thumb from under the finger.
  const busy = state.dragging || input.valueAsNumber !== state.reported;
  if (!state.started || (!busy && data.value !== input.valueAsNumber)) {
    input.value = data.value;
    state.reported = data.value;
    state.started = true;
    announce(data.value);
  }
  show(input.valueAsNumber);

  input.onpointerdown = () => { state.dragging = true; };
  input.onpointerup = input.onpointercancel = () => { state.dragging = false; report(); };
  input.oninput = () => {
    show(input.valueAsNumber);
    announce(input.valueAsNumber);
    if (!state.dragging) {
      clearTimeout(state.timer);
      state.timer = setTimeout(report, KEYBOARD_PAUSE_MS);
    }
  };
  input.onchange = () => { if (!state.dragging) { clearTimeout(state.timer); state.timer = setTimeout(report, KEYBOARD_PAUSE_MS); } };
  input.onblur = report;
  return () => clearTimeout(state.timer);
}
