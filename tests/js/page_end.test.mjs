// When assets/page_end.js says that the end of a page was reached, on a page and a clock of our own.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { beforeEach, test } from "node:test";

class Element {
  dataset = {};
  constructor(...matching) { this.matching = matching; }
  matches(css) { return this.matching.includes(css); }
}

let now, due, page, listeners, watching, said;

/** Lets time go by, and what was put off until then happen. */
function after(milliseconds) {
  const end = now + milliseconds;
  for (;;) {
    const [first] = due.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
    if (!first) break;
    due.splice(due.indexOf(first), 1);
    now = first.at;
    first.happens();
  }
  now = end;
}

const setTimeout = (happens, wait) => due.push({ happens, at: now + wait, id: due.id += 1 }) && due.id;
const clearTimeout = (id) => { due.splice(0, due.length, ...due.filter((each) => each.id !== id)); };
const listen = (kind, heard) => { listeners[kind] = heard; };
const forget = (kind) => { delete listeners[kind]; };

Object.assign(globalThis, {
  Element, HTMLElement: Element, clearTimeout,
  window: { setTimeout, addEventListener: listen, removeEventListener: forget },
  document: {
    querySelector: (css) => css === "[data-testid=stApp]" ? page.app : page.unfinished,
    addEventListener: listen, removeEventListener: forget,
  },
  IntersectionObserver: class {
    constructor(changed) { watching = (isIntersecting) => changed([{ isIntersecting }]); }
    observe() {}
    disconnect() { watching = () => {}; }
  },
});
Object.defineProperty(globalThis, "performance", { value: { now: () => now } });

const own = await readFile(new URL("../../assets/page_end.js", import.meta.url), "utf-8");
const { default: watch } =
  await import(`data:text/javascript;base64,${Buffer.from(own).toString("base64")}`);

let leave;
const begin = () => watch({
  parentElement: { querySelector: () => new Element() },
  data: { page: "lab" },
  setTriggerValue: (...all) => said.push(all),
});
const click = (...path) => listeners.click({ composedPath: () => path });

beforeEach(() => {
  now = 10_000;
  due = Object.assign([], { id: 0 });
  page = { app: new Element(), unfinished: null };
  listeners = {};
  said = [];
  leave = begin();
});

test("the end is reached when it was in view for a moment", () => {
  after(1000);
  assert.deepEqual(said, []);
  watching(true);
  after(199);
  assert.deepEqual(said, []);
  after(1);
  assert.deepEqual(said, [["reached", "lab"]]);
});

test("what only passes by is not reached", () => {
  watching(true);
  after(100);
  watching(false);
  after(5000);
  assert.deepEqual(said, []);
});

test("the page above has to be drawn first", () => {
  for (const [begins, ends] of [
    [() => { page.unfinished = new Element(); }, () => { page.unfinished = null; }],
    [() => { page.app.dataset.testScriptState = "running"; },
      () => { page.app.dataset.testScriptState = "notRunning"; }],
  ]) {
    said.length = 0;
    begins();
    watching(true);
    after(5000);
    assert.deepEqual(said, []);
    ends();
    after(200);
    assert.deepEqual(said, [["reached", "lab"]]);
  }
});

test("a file that is fetched is not lost: the page is run again later", () => {
  click(new Element("[data-testid=stDownloadButton]"));
  watching(true);
  after(2900);
  assert.deepEqual(said, []);
  after(300);
  assert.deepEqual(said, [["reached", "lab"]]);
});

test("who leaves is not called back, by a link, the browser's arrows or another page", () => {
  for (const leaves of [
    () => click(new Element("a:not([download])")), () => listeners.popstate(), () => leave(),
  ]) {
    leave = begin();
    watching(true);
    after(100);
    leaves();
    after(5000);
    watching(true);
    after(5000);
    assert.deepEqual(said, []);
  }
  assert.deepEqual(listeners, {});
});

test("the link by which a file is fetched leads nowhere", () => {
  watching(true);
  click(new Element("a"));
  after(200);
  assert.deepEqual(said, [["reached", "lab"]]);
});
