// @ts-check
// Keeps what a visit leaves behind in this browser, and nowhere else. Python writes and reads the
// text (kdcore/visit/keeping.py); here two copies become one, since another tab may have written
// since this one began: runs by their identity, and what was deleted stays deleted.

const NAME = "dark-knowledge-lab.visit";

/**
 * @typedef {{ finished: string, pinned: boolean, prediction: unknown, outcome: unknown, seen: unknown }} Run
 * @typedef {{
 *   version: number, cleared?: string, deleted: Record<string, string>, runs: Record<string, Run>,
 *   done: string[], answers: object, predictions: object,
 * }} Visit as keeping.to_json writes it
 */

/**
 * @param {number} version
 * @returns {Visit | null}
 */
function read(version) {
  try {
    const text = window.localStorage.getItem(NAME);
    const data = text ? JSON.parse(text) : null;
    return data && data.version === version ? data : null;
  } catch {
    return null; // no storage here, or nothing of ours in it
  }
}

function newest(a = "", b = "") {
  return a > b ? a : b;
}

/**
 * One of two copies; where both know something, the second counts.
 * @param {Visit} stored
 * @param {Visit} own
 * @returns {Visit}
 */
function merged(stored, own) {
  const cleared = newest(stored.cleared, own.cleared);
  /** @type {Record<string, string>} */
  const deleted = {};
  for (const [key, time] of [...Object.entries(stored.deleted), ...Object.entries(own.deleted)]) {
    deleted[key] = newest(deleted[key], time);
  }
  /** @type {Record<string, Run>} */
  const runs = {};
  for (const [key, run] of [...Object.entries(stored.runs), ...Object.entries(own.runs)]) {
    if (run.finished <= newest(deleted[key], cleared)) continue;
    const known = runs[key];
    // A prediction without what came of it would be none: both, from whoever knows them.
    runs[key] = known
      ? {
          ...run, prediction: run.prediction || known.prediction,
          outcome: run.outcome || known.outcome, seen: run.seen || known.seen,
        }
      : run;
  }
  // Who has not heard yet that all was deleted has nothing to add.
  const sides = [stored, own].filter((side) => (side.cleared ?? "") === cleared);
  return {
    version: own.version,
    cleared,
    deleted,
    done: [...new Set(sides.flatMap((side) => side.done))].sort(),
    answers: Object.assign({}, ...sides.map((side) => side.answers)),
    predictions: Object.assign({}, ...sides.map((side) => side.predictions)),
    runs,
  };
}

/**
 * The oldest runs that are not pinned make room.
 * @param {Visit} data
 * @param {number} most characters
 */
function shortened(data, most) {
  const order = Object.entries(data.runs)
    .sort(([, a], [, b]) => Number(a.pinned) - Number(b.pinned) || (a.finished < b.finished ? -1 : 1))
    .map(([key]) => key);
  let text = JSON.stringify(data);
  while (text.length > most && order.length) {
    const excess = text.length - most;
    let freed = 0;
    while (freed < excess && order.length) {
      const key = order.shift() ?? "";
      freed += JSON.stringify({ [key]: data.runs[key] }).length - 1; // a comma in place of braces
      delete data.runs[key];
    }
    text = JSON.stringify(data);
  }
  return text;
}

/**
 * @param {{
 *   parentElement: HTMLElement & { _keep?: { asked?: boolean, written?: string } },
 *   data: { version: number, ask: boolean, text: string, most: number },
 *   setTriggerValue: (name: "found", value: string) => void,
 * }} component
 */
export default function ({ parentElement, data, setTriggerValue }) {
  const view = (parentElement._keep ??= {});
  const stored = read(data.version);
  if (data.ask && !view.asked) {
    view.asked = true;
    if (stored) setTriggerValue("found", JSON.stringify(stored));
  }
  if (!data.text || data.text === view.written) return;
  view.written = data.text;
  const own = JSON.parse(data.text);
  try {
    const all = stored ? merged(stored, own) : own;
    window.localStorage.setItem(NAME, shortened(all, data.most));
    // Another tab deleted everything: this one has to hear of it.
    if ((all.cleared ?? "") > (own.cleared ?? "")) setTriggerValue("found", JSON.stringify(all));
  } catch {
    // Full or forbidden: then a reload begins anew, as it says on My runs.
  }
}
