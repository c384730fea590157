// @ts-check
// What the components share. A component of Streamlit is one module, and can import nothing from
// here: Python sets this file before it, in place of its import (pages/common/components.py).

// ------------------------------------------------------------------------------ probabilities

/**
 * p_i = exp(z_i / T) / Σ_j exp(z_j / T), with the largest logit taken off first: the formula of
 * kdcore.losses.soft_labels. A browser test compares the two.
 * @param {number[]} logits
 * @param {number} temperature
 */
export function softLabels(logits, temperature) {
  const largest = Math.max(...logits);
  const powers = logits.map((z) => Math.exp((z - largest) / temperature));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/**
 * Logits as log-probabilities.
 * @param {Float64Array} values
 */
export function logSoftmax(values) {
  let largest = -Infinity;
  for (const v of values) if (v > largest) largest = v;
  let sum = 0;
  for (const v of values) sum += Math.exp(v - largest);
  const log = largest + Math.log(sum);
  return values.map((v) => v - log);
}

/**
 * KL(p ‖ q) = Σ p · (ln p − ln q), in nats; what p holds impossible adds nothing.
 * @param {Float64Array} logP
 * @param {Float64Array} logQ
 */
export function kl(logP, logQ) {
  let sum = 0;
  for (let i = 0; i < logP.length; i++) {
    const p = Math.exp(logP[i]);
    if (p > 0) sum += p * (logP[i] - logQ[i]);
  }
  return sum;
}

/**
 * H = −Σ_i p_i ln p_i, in nats; what is impossible adds nothing.
 * @param {number[]} probabilities
 */
export function entropy(probabilities) {
  return probabilities.reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0);
}

// ------------------------------------------------------------------------------ halves

/**
 * Every float16 there is, once: looking a number up is faster than taking its bits apart.
 * @type {Float32Array | undefined}
 */
let halves;

/**
 * Decode little-endian float16 numbers (IEEE 754, binary16) from base 64.
 * @param {string} base64
 */
export function fromHalves(base64) {
  halves ??= Float32Array.from({ length: 65536 }, (_, bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 0) return sign * 2 ** -14 * (fraction / 1024);
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
  });
  const text = atob(base64);
  const numbers = new Float32Array(text.length / 2);
  for (let i = 0; i < numbers.length; i++) {
    numbers[i] = halves[text.charCodeAt(2 * i) | (text.charCodeAt(2 * i + 1) << 8)];
  }
  return numbers;
}

// ------------------------------------------------------------------------------ marching squares

/**
 * The lines on which a function of the plane is zero, between the cells of a square grid; beyond
 * its edge the outermost cells go on for one cell more. Marching squares (Lorensen, Cline 1987, in
 * two dimensions).
 * @param {ArrayLike<number>} values value at each cell's centre, row by row
 * @param {number} grid cells along a side
 * @returns {number[]} x1, y1, x2, y2 of each piece in turn; the first cell's centre is 0, 0
 */
export function zeroLines(values, grid) {
  const inside = (/** @type {number} */ i) => Math.min(Math.max(i, 0), grid - 1);
  const pieces = [];
  const dx = [0, 1, 1, 0]; // the corners of a square, one after the other around it
  const dy = [0, 0, 1, 1];
  const corner = [0, 0, 0, 0];
  for (let row = -1; row < grid; row++) {
    for (let column = -1; column < grid; column++) {
      let above = 0;
      for (let e = 0; e < 4; e++) {
        corner[e] = values[inside(row + dy[e]) * grid + inside(column + dx[e])];
        if (corner[e] > 0) above += 1;
      }
      if (above === 0 || above === 4) continue;
      // Two sides are crossed, or all four at a saddle: then the crossings are joined in turn.
      for (let e = 0; e < 4; e++) {
        const next = (e + 1) % 4;
        if (corner[e] > 0 === corner[next] > 0) continue;
        const share = corner[e] / (corner[e] - corner[next]);
        pieces.push(
          column + dx[e] + share * (dx[next] - dx[e]),
          row + dy[e] + share * (dy[next] - dy[e]),
        );
      }
    }
  }
  return pieces;
}

// ------------------------------------------------------------------------------ writing

/**
 * A probability in percent, as short as it may be: whole from 10 on, and 0 for what rounds to it.
 * @param {number} p
 */
export function percent(p) {
  return (100 * p).toFixed(p >= 0.0995 || p < 0.0005 ? 0 : 1);
}

/**
 * Put values into a text, {name} by {name}.
 * @param {string} text
 * @param {Record<string, string | number>} values
 */
export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (all, name) => String(values[name] ?? all));
}

// ------------------------------------------------------------------------------ the document

/**
 * A new element with its attributes and children.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number>} attributes
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

/**
 * A new part of a drawing, with its attributes.
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 */
export function shape(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  return node;
}

/**
 * The one element that a selector finds.
 * @param {ParentNode} root
 * @param {string} selector
 * @returns {any} whichever kind of element it is
 */
export function find(root, selector) {
  return root.querySelector(selector);
}

/**
 * What draws on a canvas.
 * @param {HTMLCanvasElement} canvas
 * @param {CanvasRenderingContext2DSettings} [settings]
 */
export function contextOf(canvas, settings) {
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", settings));
}

/**
 * All elements that a selector finds.
 * @param {ParentNode} root
 * @param {string} selector
 * @returns {HTMLElement[]}
 */
export function findAll(root, selector) {
  return [...root.querySelectorAll(selector)].map((node) => /** @type {HTMLElement} */ (node));
}

/**
 * Give an element the colour of the teacher, a student or the label. The page names these colours,
 * and a component inherits them (pages/common/frame.py).
 * @param {HTMLElement} node
 * @param {string} who
 */
export function colourAs(node, who) {
  node.style.setProperty("--colour", `var(--${who})`);
}

// ------------------------------------------------------------------------------ turns

/**
 * @typedef {{ call: any, end: (() => void) | void }} Turn
 * @type {WeakMap<object, Turn[]>}
 */
const turnsOf = new WeakMap();

/**
 * Make a component show the newest data, in whatever order Streamlit calls it. While its module is
 * on the way, several calls wait for it, and a browser may let the last one go first (Chromium does
 * so about every second time); Streamlit then ends an old call as soon as it has come. Without
 * this, a result that arrives early is painted over by the empty page that was there before it.
 * @template {{ parentElement: HTMLElement }} Call
 * @param {(call: Call) => (() => void) | void} render returns what ends it, if anything must be
 * @returns {(call: Call) => () => void} the component: returns what Streamlit calls at the end
 */
export function inTurn(render) {
  return (call) => {
    const root = call.parentElement;
    const turns = turnsOf.get(root) ?? [];
    const turn = { call, end: render(call) };
    turnsOf.set(root, turns);
    turns.push(turn);
    // Whoever is not ended by then has come in time: the ones before are done with.
    setTimeout(() => { turns.splice(0, turns.indexOf(turn)); });
    return () => {
      const place = turns.indexOf(turn);
      if (place < 0) return;
      turns.splice(place, 1);
      if (place < turns.length) return; // another turn has been taken since
      const before = turns.at(-1);
      if (before && root.isConnected) before.end = render(before.call);
      else turn.end?.();
    };
  };
}

// ------------------------------------------------------------------------------ playing

/**
 * Something shown step by step: `at` of its `length` steps are on screen; `timer` is 0 while it
 * stands still.
 * @typedef {{ root: ParentNode, at: number, length: number, timer: any }} Played
 */

/** @param {Played} view */
export function stopPlaying(view) {
  clearInterval(view.timer);
  view.timer = 0;
}

/**
 * Show a view, and let the buttons .play, .step and .again move it on. At its end it stops, and
 * plays from the beginning again. Who asks for less motion gets the end at once.
 * @param {Played} view
 * @param {Record<string, string>} words what the buttons say: `play`, `stop`, `step`, `again`
 * @param {number} pace milliseconds from one step to the next
 * @param {() => void} draw shows as many steps as there are to be seen
 */
export function letPlay(view, words, pace, draw) {
  const button = (/** @type {string} */ name) => find(view.root, `.${name}`);
  const show = () => {
    draw();
    button("play").textContent = view.timer ? words.stop : words.play;
  };
  const advance = () => {
    view.at = Math.min(view.at + 1, view.length);
    if (view.at === view.length) stopPlaying(view);
    show();
  };
  button("step").textContent = words.step;
  button("again").textContent = words.again;
  button("play").onclick = () => {
    if (view.timer) {
      stopPlaying(view);
    } else if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      view.at = view.length;
    } else {
      if (view.at >= view.length) view.at = 0;
      view.timer = setInterval(advance, pace);
    }
    show();
  };
  button("step").onclick = () => { stopPlaying(view); advance(); };
  button("again").onclick = () => { stopPlaying(view); view.at = 0; show(); };
  show();
}

// ------------------------------------------------------------------------------ temperature

const TEMPERATURE_EVENT = "dark-knowledge:temperature";

/**
 * Tell every component on the page of a temperature, in the same frame.
 * @param {number} temperature
 */
export function announceTemperature(temperature) {
  window.dispatchEvent(new CustomEvent(TEMPERATURE_EVENT, { detail: temperature }));
}

/**
 * Keep `view.temperature` that of the slider. Python's T counts until the slider is dragged again.
 * @param {{ temperature: number, fromPython?: number, unfollow?: () => void }} view
 * @param {number} fromPython
 * @param {() => void} changed called after each change by the slider
 * @returns {() => void} ends it
 */
export function followTemperature(view, fromPython, changed) {
  if (view.fromPython !== fromPython) view.temperature = view.fromPython = fromPython;
  const hear = (/** @type {Event} */ event) => {
    view.temperature = /** @type {CustomEvent<number>} */ (event).detail;
    changed();
  };
  view.unfollow?.();
  view.unfollow = () => window.removeEventListener(TEMPERATURE_EVENT, hear);
  window.addEventListener(TEMPERATURE_EVENT, hear);
  return view.unfollow;
}
