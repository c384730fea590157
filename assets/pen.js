// @ts-check
// Four pens that walk a circle: the teacher's and its students'. All begin at the same place, and
// chance says the same to all of them, token by token. A button draws and stops; a click anywhere
// puts the pens there. Who asks for less motion gets the whole drawing at once.

import { element, fill, find, inTurn, shape, softLabels } from "./common.js";

const TOKENS_A_SECOND = 20;
const SIDE = 2.2; // half the width of a plane; the circle has radius 1

/**
 * @typedef {[number, number]} Point
 * @typedef {{ weights: number[][][], biases: number[][] }} Network
 * @typedef {{ step: number, correction: number, sureness: number, directions: number }} Rule
 * @typedef {{ name: string, colour: string, network: Network | null }} Hand
 * @typedef {{
 *   hands: Hand[], rule: Rule, tokens: number, lane: number, stale: boolean,
 *   words: Record<string, string>,
 * }} Data
 * @typedef {{ timer: number, paths: Point[][], begin: Point, left: boolean[] }} State
 */

/**
 * How token k moves the pen: a step in the direction of angle 2πk / directions.
 * @param {Rule} rule
 * @param {number} k
 * @returns {Point}
 */
export function move(rule, k) {
  const angle = (2 * Math.PI * k) / rule.directions;
  return [rule.step * Math.cos(angle), rule.step * Math.sin(angle)];
}

/**
 * The teacher's logits: the formula of kdcore.today.pen.teacher_logits. A test compares the two.
 * @param {Rule} rule
 * @param {Point} at
 */
export function teacherLogits(rule, [x, y]) {
  const radius = Math.max(Math.hypot(x, y), 1e-6);
  const [ox, oy] = [x / radius, y / radius];
  const back = rule.correction * (radius - 1);
  const wish = [-oy - back * ox, ox - back * oy];
  const length = Math.hypot(wish[0], wish[1]);
  return Array.from({ length: rule.directions }, (_, k) => {
    const [dx, dy] = move(rule, k);
    return (rule.sureness / rule.step) * ((wish[0] * dx + wish[1] * dy) / length);
  });
}

/**
 * A student's logits: an MLP with ReLU between its layers, as kdcore.models has it.
 * @param {Network} network
 * @param {Point} at
 */
export function studentLogits(network, at) {
  /** @type {number[]} */
  let below = at;
  network.weights.forEach((weight, layer) => {
    const last = layer === network.weights.length - 1;
    below = weight.map((row, i) => {
      const sum = row.reduce((total, w, j) => total + w * below[j], network.biases[layer][i]);
      return last ? sum : Math.max(sum, 0);
    });
  });
  return below;
}

/**
 * The first token whose cumulative probability reaches a number from 0 to 1.
 * @param {number[]} logits
 * @param {number} chance
 */
export function tokenOf(logits, chance) {
  let sum = 0;
  const found = softLabels(logits, 1).findIndex((p) => (sum += p) >= chance);
  return found < 0 ? logits.length - 1 : found;
}

/**
 * @param {{ parentElement: HTMLElement & { _pen?: State }, data: Data }} component
 */
function render({ parentElement, data }) {
  const { hands, rule, words } = data;
  const root = /** @type {HTMLElement} */ (find(parentElement, ".pen"));
  const button = /** @type {HTMLButtonElement} */ (find(parentElement, "button"));
  const from = /** @type {HTMLInputElement} */ (find(parentElement, "input"));
  const planes = find(parentElement, ".planes");
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  clearInterval(parentElement._pen?.timer);
  /** @type {State} */
  const state = { timer: 0, paths: [], begin: parentElement._pen?.begin ?? [1, 0], left: [] };
  parentElement._pen = state;

  root.classList.toggle("stale", data.stale);
  find(parentElement, ".from span").textContent = words.from;
  planes.replaceChildren(...hands.map((hand) => plane(hand)));

  /** @param {Hand} hand */
  function plane(hand) {
    const svg = shape("svg", { viewBox: `${-SIDE} ${-SIDE} ${2 * SIDE} ${2 * SIDE}`, role: "img" });
    svg.append(
      shape("circle", { class: "lane", r: 1, style: `stroke-width: ${2 * data.lane}` }),
      shape("circle", { class: "circle", r: 1 }),
      shape("circle", { class: "begin", r: 0.09 }),
      shape("polyline", { class: "path" }),
      shape("circle", { class: "tip", r: 0.09 }),
    );
    svg.addEventListener("click", (event) => {
      const box = svg.getBoundingClientRect();
      const click = /** @type {MouseEvent} */ (event);
      const x = ((click.clientX - box.left) / box.width) * 2 * SIDE - SIDE;
      const y = SIDE - ((click.clientY - box.top) / box.height) * 2 * SIDE;
      start([x, y]);
    });
    const figure = element("figure", { class: "plane", style: `--colour: ${hand.colour}` });
    figure.append(element("figcaption", {}, hand.name), svg, element("p", { class: "state" }));
    return figure;
  }

  function show() {
    hands.forEach((hand, i) => {
      const figure = planes.children[i];
      const path = state.paths[i];
      const [x, y] = path[path.length - 1];
      const away = Math.abs(Math.hypot(x, y) - 1);
      // Beyond the plane a pen is not drawn, but it goes on.
      const points = path.map(([px, py]) => `${px.toFixed(3)},${(-py).toFixed(3)}`).join(" ");
      find(figure, ".path").setAttribute("points", points);
      place(find(figure, ".tip"), x, y);
      place(find(figure, ".begin"), path[0][0], path[0][1]);
      const text = fill(state.left[i] ? words.left : words.kept, { away: away.toFixed(2) });
      find(figure, ".state").textContent = text;
      find(figure, "svg").setAttribute("aria-label", `${hand.name}: ${text}`);
    });
    const radius = Math.hypot(state.begin[0], state.begin[1]);
    from.value = String(radius);
    find(parentElement, "output").textContent = radius.toFixed(2);
    button.textContent = state.timer ? words.stop : words.draw;
  }

  /**
   * @param {Element} node
   * @param {number} x
   * @param {number} y
   */
  function place(node, x, y) {
    node.setAttribute("cx", x.toFixed(3));
    node.setAttribute("cy", (-y).toFixed(3));
  }

  function step() {
    const chance = Math.random();
    hands.forEach((hand, i) => {
      const path = state.paths[i];
      const at = path[path.length - 1];
      const logits = hand.network ? studentLogits(hand.network, at) : teacherLogits(rule, at);
      const [dx, dy] = move(rule, tokenOf(logits, chance));
      path.push([at[0] + dx, at[1] + dy]);
      const away = Math.abs(Math.hypot(at[0] + dx, at[1] + dy) - 1);
      state.left[i] ||= away > data.lane;
    });
    if (state.paths[0].length > data.tokens) stop();
  }

  /** @param {Point} begin */
  function start(begin) {
    clearInterval(state.timer);
    state.begin = begin;
    state.paths = hands.map(() => [begin]);
    state.left = hands.map(() => Math.abs(Math.hypot(begin[0], begin[1]) - 1) > data.lane);
    find(parentElement, ".said").textContent = "";
    state.timer = window.setInterval(() => {
      step();
      show();
    }, 1000 / TOKENS_A_SECOND);
    if (calm.matches) while (state.timer) step();
    show();
  }

  function stop() {
    clearInterval(state.timer);
    state.timer = 0;
    const away = hands.filter((_, i) => state.left[i]).map((hand) => hand.name);
    find(parentElement, ".said").textContent = away.length
      ? fill(words.some, { names: away.join(", ") })
      : words.none;
  }

  button.onclick = () => {
    if (state.timer) {
      stop();
      show();
    } else {
      start(state.begin);
    }
  };
  from.oninput = () => start([from.valueAsNumber, 0]);
  state.paths = hands.map(() => [state.begin]);
  state.left = hands.map(() => false);
  show();

  return () => clearInterval(state.timer);
}

export default inTurn(render);
