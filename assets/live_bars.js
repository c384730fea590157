// @ts-check
// Live soft-label bars. The component holds the logits of a few digits and softens them itself, so
// the bars move with the temperature slider, in the same frame, without asking the server.

import {
  colourAs, contextOf, element, entropy, fill, find, findAll, followTemperature, inTurn, percent,
  softLabels,
} from "./common.js";

const PIXEL_LEVELS = 16;

/**
 * @typedef {"label" | "teacher" | "hard" | "distilled"} Who
 * @typedef {{ who: Who, name: string, marker: string, temperature: number | null }} Row
 * @typedef {{
 *   index: number, label: number, pixels: number[], logits: Record<string, number[]>,
 *   hardest: boolean,
 * }} Digit one test image, and the logits that each network gives it
 * @typedef {{
 *   classes: number, rows: Row[], digits: Digit[], thumbnails: boolean, height: string,
 *   tall: string, chosen: number, temperature: number, stale: boolean, words: Record<string, string>,
 * }} Data
 * @typedef {{
 *   root: HTMLElement, data: Data, temperature: number, chosen: number, frame: number,
 *   fromPython?: number, chosenByPython?: number, unfollow?: () => void,
 * }} View
 */

/**
 * @param {HTMLCanvasElement} canvas
 * @param {number[]} pixels
 */
function drawDigit(canvas, pixels) {
  const size = Math.sqrt(pixels.length);
  canvas.width = canvas.height = size;
  const context = contextOf(canvas);
  const image = context.createImageData(size, size);
  pixels.forEach((ink, i) => {
    const grey = 255 - Math.round((ink / PIXEL_LEVELS) * 235);
    image.data.set([grey, grey, grey, 255], 4 * i);
  });
  context.putImageData(image, 0, 0);
}

/**
 * @param {View} view
 * @param {Data} data
 * @param {(index: number) => void} choose
 */
function buildThumbnails(view, data, choose) {
  const list = find(view.root, ".thumbnails");
  list.hidden = !data.thumbnails;
  const shown = data.digits.map((digit) => digit.index).join() + data.words.hardest;
  if (list.dataset.shown === shown) return;
  list.dataset.shown = shown;
  list.replaceChildren();
  data.digits.forEach((digit) => {
    const canvas = element("canvas", { "aria-hidden": "true" });
    drawDigit(canvas, digit.pixels);
    const button = element("button", { type: "button", "data-index": digit.index }, canvas);
    const name = fill(data.words.digit, { label: digit.label });
    button.setAttribute("aria-label", digit.hardest ? `${data.words.hardest} (${name})` : name);
    if (digit.hardest) {
      button.classList.add("hardest");
      button.append(element("span", {}, data.words.hardest));
    }
    button.onclick = () => choose(digit.index);
    list.append(button);
  });
}

/**
 * @param {View} view
 * @param {Data} data
 */
function buildRows(view, data) {
  const rows = find(view.root, ".rows");
  if (rows.childElementCount) return;
  for (const row of data.rows) {
    const columns = element("div", { class: "columns" });
    for (let c = 0; c < data.classes; c++) {
      columns.append(
        element("div", { class: "column" },
          element("span", { class: "value" }),
          element("div", { class: "bar" })));
    }
    const head = element("div", { class: "head" },
      element("span", { class: `marker ${row.marker}` }),
      element("span", { class: "name" }),
      element("span", { class: "entropy" }));
    const node = element("div", { class: "row", role: "img", "data-who": row.who }, head, columns);
    colourAs(node, row.who);
    rows.append(node);
  }
  const axis = element("div", { class: "columns axis", "aria-hidden": "true" });
  for (let c = 0; c < data.classes; c++) axis.append(element("div", { class: "column" }, String(c)));
  // A hard label knows no temperature; beside rows with one of their own each name says which.
  const taught = data.rows.filter((row) => row.who !== "label");
  const moves = taught.length && taught.every((row) => row.temperature === null);
  const at = element("div", { class: "head at" }, "T = ", element("strong", { class: "temperature" }));
  at.classList.toggle("still", !moves);
  rows.append(element("div", { class: "row" }, at, axis));
}

/**
 * @param {Data} data
 * @param {Digit} digit
 * @param {Who} who
 * @param {number} temperature
 */
function probabilitiesOf(data, digit, who, temperature) {
  if (who === "label") return Array.from({ length: data.classes }, (_, c) => Number(c === digit.label));
  return softLabels(digit.logits[who], temperature);
}

/** @param {View} view */
function draw(view) {
  const { data, temperature } = view;
  const digit = data.digits.find((d) => d.index === view.chosen) ?? data.digits[0];
  findAll(view.root, ".thumbnails button").forEach((button) => {
    button.setAttribute("aria-pressed", String(Number(button.dataset.index) === digit.index));
  });
  const table = find(view.root, "tbody");
  if (!table.childElementCount) {
    data.rows.forEach(() => table.append(element("tr", {}, element("th", { scope: "row" }),
      ...Array.from({ length: data.classes + 1 }, () => element("td")))));
  }
  find(view.root, ".temperature").textContent = temperature.toFixed(1);
  const nodes = findAll(view.root, ".row[data-who]");
  data.rows.forEach((row, r) => {
    const at = row.temperature ?? temperature; // some rows stay at a temperature of their own
    const p = probabilitiesOf(data, digit, row.who, at);
    const h = entropy(p);
    const node = nodes[r], name = fill(row.name, { temperature: at.toFixed(1) });
    find(node, ".name").textContent = name;
    findAll(node, ".column").forEach((column, c) => {
      column.classList.toggle("true-class", c === digit.label);
      column.style.setProperty("--p", String(p[c]));
      const value = find(column, ".value");
      value.textContent = percent(p[c]);
      value.classList.toggle("faint", p[c] < 0.0005);
    });
    // Where the page has no word for it, its figure means nothing.
    find(node, ".entropy").textContent = data.words.entropy && `${data.words.entropy} ${h.toFixed(2)}`;
    const likeliest = p.map((q, c) => [q, c]).sort((a, b) => b[0] - a[0]).slice(0, 3)
      .map(([q, c]) => `${c}: ${percent(q)} %`).join(", ");
    node.setAttribute("aria-label",
      `${name}, T = ${at.toFixed(1)}: ${likeliest}; ${data.words.entropy_long} ${h.toFixed(2)}`);
    const cells = table.children[r].children;
    cells[0].textContent = name;
    p.forEach((q, c) => { cells[c + 1].textContent = `${(100 * q).toFixed(2)} %`; });
    cells[data.classes + 1].textContent = h.toFixed(3);
  });
  findAll(view.root, ".axis .column").forEach((column, c) => {
    column.classList.toggle("true-class", c === digit.label);
  });
}

/**
 * @param {{
 *   parentElement: HTMLElement & { _view?: View },
 *   data: Data,
 *   setStateValue: (name: "digit", value: number) => void,
 * }} component
 */
function render({ parentElement, data, setStateValue }) {
  const view = (parentElement._view ??= {
    root: parentElement, data, temperature: data.temperature, chosen: data.chosen, frame: 0,
  });
  view.data = data;
  const body = find(parentElement, ".live-bars");
  body.style.setProperty("--height", data.height);
  if (data.tall) body.style.setProperty("--tall", data.tall);
  body.classList.toggle("only-thumbnails", !data.rows.length);
  body.classList.toggle("stale", data.stale);
  body.classList.toggle("empty", !data.digits.length);
  find(body, ".hint").textContent = data.words.hint;
  find(body, ".waiting").textContent = data.words.waiting;
  find(body, "summary").textContent = data.words.table;
  find(body, ".corner").textContent = data.words.entropy_long;
  const redraw = () => { view.frame = 0; if (view.data.digits.length) draw(view); };

  if (view.chosenByPython !== data.chosen) view.chosen = view.chosenByPython = data.chosen;
  const unfollow = followTemperature(view, data.temperature, () => {
    view.frame ||= requestAnimationFrame(redraw);
  });

  if (data.digits.length) {
    buildThumbnails(view, data, (index) => {
      view.chosen = index;
      draw(view);
      setStateValue("digit", index);
    });
    buildRows(view, data);
    draw(view);
  }
  return () => {
    unfollow();
    cancelAnimationFrame(view.frame);
    view.frame = 0;
  };
}

export default inTurn(render);
