// Two tabs of one browser write what they keep to the same place, and neither destroys what the
// other wrote. That Python and the browser merge alike is held by tests/test_two_tabs.py.

import assert from "node:assert/strict";
import { readFile, writeFile, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { pathToFileURL } from "node:url";

// A module of its own, so that node does not ask of what kind the asset is.
const file = join(await mkdtemp(join(tmpdir(), "keep-")), "keep.mjs");
await writeFile(file, await readFile(new URL("../../assets/keep.js", import.meta.url)));
const { default: keep } = await import(pathToFileURL(file).href);

/** A browser's storage, and the tabs that share it. */
function browser() {
  const held = new Map();
  const localStorage = {
    getItem: (name) => held.get(name) ?? null,
    setItem: (name, text) => held.set(name, text),
  };
  const stored = () => JSON.parse([...held.values()][0] ?? "null");
  const tab = () => {
    const parentElement = {}, heard = [];
    const call = (data) => {
      globalThis.window = { localStorage };
      keep({
        parentElement, data: { version: 1, ask: false, text: "", most: 1e6, ...data },
        setTriggerValue: (_, text) => heard.push(JSON.parse(text)),
      });
    };
    return {
      heard,
      ask: () => call({ ask: true }),
      writes: (visit, most = 1e6) => call({ text: JSON.stringify({ ...empty, ...visit }), most }),
    };
  };
  return { tab, stored, localStorage };
}

const empty = {
  version: 1, cleared: "", deleted: {}, done: [], answers: {}, predictions: {}, runs: {},
};
const at = (minute) => `2026-05-01T12:${String(minute).padStart(2, "0")}:00.000+00:00`;
const run = (minute, more = {}) =>
  ({ finished: at(minute), pinned: false, prediction: "", outcome: "", seen: false, ...more });

test("what two tabs add by turns is all there", () => {
  const { tab, stored } = browser();
  const first = tab(), second = tab();
  first.writes({ runs: { a: run(1) }, done: ["start"], answers: { depth: 1 } });
  second.writes({ runs: { b: run(2) }, done: ["lab"], predictions: { balance: { choice: "low" } } });
  first.writes({ runs: { a: run(1), c: run(3) }, done: ["start", "patience"], answers: { depth: 1 } });
  assert.deepEqual(Object.keys(stored().runs).sort(), ["a", "b", "c"]);
  assert.deepEqual(stored().done, ["lab", "patience", "start"]);
  assert.deepEqual(stored().answers, { depth: 1 });
  assert.deepEqual(stored().predictions, { balance: { choice: "low" } });
});

test("a prediction stays with what its run said of it, though the other tab knows the run without", () => {
  const { tab, stored } = browser();
  tab().writes({ runs: { a: run(1, { prediction: "low", outcome: "high", seen: true }) } });
  tab().writes({ runs: { a: run(1) } });
  const { prediction, outcome, seen } = stored().runs.a;
  assert.deepEqual({ prediction, outcome, seen }, { prediction: "low", outcome: "high", seen: true });
});

test("where both tabs know an answer the one that writes last counts", () => {
  const { tab, stored } = browser();
  tab().writes({ answers: { depth: 0, width: 2 } });
  tab().writes({ answers: { depth: 1 } });
  assert.deepEqual(stored().answers, { depth: 1, width: 2 });
});

test("what one tab deleted the other does not bring back, unless it was run again since", () => {
  const { tab, stored } = browser();
  const first = tab(), second = tab();
  second.writes({ runs: { a: run(1), b: run(1) } });
  first.writes({ deleted: { a: at(5) } });
  second.writes({ runs: { a: run(1), b: run(1) }, done: ["lab"] });
  assert.deepEqual(Object.keys(stored().runs), ["b"]);
  second.writes({ runs: { a: run(9), b: run(1) } });
  assert.deepEqual(Object.keys(stored().runs).sort(), ["a", "b"]);
});

test("where one tab deletes everything the other hears of it, and brings nothing back", () => {
  const { tab, stored } = browser();
  const first = tab(), second = tab();
  second.writes({ runs: { a: run(1) }, done: ["start"], answers: { depth: 1 } });
  first.writes({ cleared: at(5) });
  second.writes({ runs: { a: run(1), b: run(7) }, done: ["start"], answers: { depth: 1 } });
  assert.deepEqual(Object.keys(stored().runs), ["b"], "only what was run since");
  assert.deepEqual([stored().done, stored().answers], [[], {}]);
  assert.equal(second.heard.length, 1);
  assert.equal(second.heard[0].cleared, at(5));
});

test("a tab that is opened or opened anew is told what is kept, once", () => {
  const { tab } = browser();
  const first = tab();
  first.ask();
  assert.deepEqual(first.heard, [], "nothing is kept yet");
  first.writes({ done: ["start"] });
  const anew = tab();
  anew.ask();
  anew.ask();
  assert.deepEqual(anew.heard.map(({ done }) => done), [["start"]]);
});

test("where it becomes too much the oldest runs go, whoever made them, and what is pinned stays", () => {
  const { tab, stored } = browser();
  tab().writes({ runs: { old: run(1), held: run(2, { pinned: true }) } });
  const most = JSON.stringify({ ...empty, runs: { held: run(2, { pinned: true }), late: run(9) } }).length;
  tab().writes({ runs: { middle: run(5), late: run(9) } }, most);
  assert.deepEqual(Object.keys(stored().runs).sort(), ["held", "late"]);
});

test("what another version kept, or nobody can read, is begun anew; where nothing may be kept nothing breaks", () => {
  for (const kept of ['{"version":0}', "nonsense", "null"]) {
    const { tab, stored, localStorage } = browser();
    localStorage.setItem("dark-knowledge-lab.visit", kept);
    const anew = tab();
    anew.ask();
    assert.deepEqual(anew.heard, []);
    anew.writes({ done: ["lab"] });
    assert.deepEqual(stored().done, ["lab"]);
  }
  const { tab, localStorage } = browser();
  localStorage.setItem = () => { throw new Error("full"); };
  assert.doesNotThrow(() => tab().writes({ done: ["lab"] }));
});
