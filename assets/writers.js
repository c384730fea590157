// @ts-check
// A prompt continued by several networks, letter by letter, each with the probabilities of what it
// could have written. What was drawn and how probable it was comes from kdcore; here it is shown.

import { colourAs, element, find, findAll, inTurn, letPlay, percent, stopPlaying } from "./common.js";

const PACE_MS = 450;

/**
 * @typedef {{
 *   who: string, colour: string, name: string, marker: string, letters: number[],
 *   probabilities: number[][], valid: boolean,
 * }} Row one network, the letters it wrote, and what each could have been
 * @typedef {{
 *   rows: Row[], symbols: string[], prompt: string, shown: string, words: Record<string, string>,
 * }} Data
 * @typedef {{
 *   root: HTMLElement, data: Data, at: number, timer: number, length: number, shown?: string,
 * }} View
 */

/** @param {View} view */
function build(view) {
  const { data, root } = view;
  const rows = find(root, ".rows");
  rows.replaceChildren();
  for (const row of data.rows) {
    const columns = element("div", { class: "columns", role: "img" });
    columns.style.setProperty("--symbols", String(data.symbols.length));
    for (const symbol of data.symbols) {
      columns.append(element("div", { class: "column" },
        element("div", { class: "bar" }), element("span", { class: "letter" }, symbol)));
    }
    const node = element("div", { class: "row", "data-who": row.who },
      element("div", { class: "head" }, element("span", { class: `marker ${row.marker}` }), row.name),
      element("div", { class: "word" }), columns);
    colourAs(node, row.colour);
    rows.append(node);
  }
  view.length = Math.max(...data.rows.map((row) => row.letters.length));
}

/**
 * Step 0 shows what may come after the prompt; step n what has been written by n letters.
 * @param {View} view
 */
function draw(view) {
  const { data, at } = view;
  const { words } = data;
  find(view.root, ".writers").dataset.at = at;
  data.rows.forEach((row, r) => {
    const node = findAll(view.root, ".row")[r];
    const written = row.letters.slice(0, at);
    const word = find(node, ".word");
    const shown = written.map((s) => data.symbols[s]).join("");
    word.replaceChildren(
      element("span", { class: "prompt" }, data.prompt),
      element("span", {}, shown.slice(0, -1)),
      element("span", { class: "new" }, shown.slice(-1)),
    );
    if (at >= row.letters.length) {
      word.append(element("span", { class: "verdict" }, row.valid ? words.valid : words.invalid));
    }
    // The bars are of the letter to come; at the end of the last one.
    const now = Math.min(at, row.letters.length - 1);
    const taken = row.letters[now];
    const p = row.probabilities[now];
    findAll(node, ".column").forEach((column, s) => {
      column.style.setProperty("--p", String(p[s]));
      column.classList.toggle("taken", s === taken);
    });
    const likeliest = p.map((q, s) => ({ q, symbol: data.symbols[s] })).sort((a, b) => b.q - a.q)
      .slice(0, 3).map(({ q, symbol }) => `${symbol}: ${percent(q)} %`).join(", ");
    find(node, ".columns").setAttribute("aria-label", `${row.name}: ${likeliest}`);
  });
}

/** @param {{ parentElement: any, data: Data }} component */
function render({ parentElement, data }) {
  /** @type {View} */
  const view = (parentElement._view ??= { root: parentElement, at: 0, timer: 0, length: 0 });
  const isNew = view.shown !== data.shown;
  view.data = data;
  if (isNew) {
    view.shown = data.shown;
    stopPlaying(view);
    view.at = 0;
    build(view);
  }
  letPlay(view, data.words, PACE_MS, () => draw(view));
  return () => stopPlaying(view);
}

export default inTurn(render);
