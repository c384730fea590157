// @ts-check
// Speculative decoding as it came: each call of the teacher keeps some of the drafted letters,
// strikes one out and puts its own behind. kdcore has run it; here it is shown, call by call.

import { colourAs, element, fill, find, findAll, inTurn, letPlay, stopPlaying } from "./common.js";

const PACE_MS = 700;

/**
 * @typedef {{ drafted: number[], kept: number, added: number }} Call one call of the teacher
 * @typedef {{ who: string, colour: string, name: string, marker: string, calls: Call[] }} Draft
 * @typedef {{
 *   drafts: Draft[], symbols: string[], shown: string, words: Record<string, string>,
 * }} Data
 * @typedef {{
 *   root: HTMLElement, data: Data, at: number, timer: number, length: number, shown?: string,
 * }} View
 */

/**
 * @param {Call} call
 * @param {string[]} symbols
 * @param {Record<string, string>} words
 */
function callOf(call, symbols, words) {
  const node = element("span", { class: "call" });
  call.drafted.forEach((symbol, i) => {
    const kind = i < call.kept ? "kept" : i === call.kept ? "rejected" : "unread";
    node.append(element("span", { class: kind, title: words[kind] }, symbols[symbol]));
  });
  node.append(element("span", { class: "added", title: words.added }, symbols[call.added]));
  return node;
}

/** @param {View} view */
function draw(view) {
  const { data, at } = view;
  const { words } = data;
  find(view.root, ".speculation").dataset.at = at;
  data.drafts.forEach((draft, d) => {
    const node = findAll(view.root, ".draft")[d];
    const text = find(node, ".text");
    while (text.childElementCount > at) text.lastChild.remove();
    while (text.childElementCount < at) {
      text.append(callOf(draft.calls[text.childElementCount], data.symbols, words));
    }
    findAll(text, ".call").forEach((call, i) => call.classList.toggle("old", i < at - 1));
    const letters = draft.calls.slice(0, at).reduce((sum, call) => sum + call.kept + 1, 0);
    const rate = at ? (letters / at).toFixed(2) : "–";
    find(node, ".count").textContent = fill(words.count, { calls: at, letters, rate });
  });
}

/** @param {View} view */
function build(view) {
  const { data, root } = view;
  find(root, ".legend").replaceChildren(...["kept", "rejected", "unread", "added"].map((kind) =>
    element("span", { class: kind }, data.words[kind])));
  const drafts = find(root, ".drafts");
  drafts.replaceChildren();
  for (const draft of data.drafts) {
    const node = element("div", { class: "draft", "data-who": draft.who },
      element("div", { class: "head" }, element("span", { class: `marker ${draft.marker}` }), draft.name),
      element("div", { class: "count" }), element("p", { class: "text" }));
    colourAs(node, draft.colour);
    drafts.append(node);
  }
  view.length = data.drafts[0].calls.length;
}

/** @param {{ parentElement: any, data: Data }} component */
function render({ parentElement, data }) {
  /** @type {View} */
  const view = (parentElement._view ??= { root: parentElement, at: 1, timer: 0, length: 0 });
  view.data = data;
  if (view.shown !== data.shown) {
    view.shown = data.shown;
    stopPlaying(view);
    view.at = 1;
    build(view);
  }
  letPlay(view, data.words, PACE_MS, () => draw(view));
  return () => stopPlaying(view);
}

export default inTurn(render);
