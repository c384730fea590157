// @ts-check
// One example, stepped downhill. The student's logits take their steps here, so that nobody waits
// for another's Play, and all is drawn anew in the frame in which the temperature slider moves. The
// formulas are those of kdcore.losses and kdcore.views.anatomy; a test compares the two. Who asks
// for less motion gets, on Play, the end at once.

import {
  colourAs, element, fill, find, findAll, followTemperature, inTurn, kl, logSoftmax, percent, shape,
  softLabels,
} from "./common.js";

const PACE_MS = 300;
const LEFT = 43; // where the numbers of an axis stand
const TOP = 8;
const BOTTOM = 20; // where the classes stand
const HEIGHTS = { says: 112, pulls: 168, logits: 178 };
const UNSEEN = 0.03; // a pull of this share of the axis has no tip: it would point somewhere all the same

/**
 * @typedef {[number, number]} Range the lowest and the highest
 * @typedef {{ student: number[], teacher: number[], label: number }} Example
 * @typedef {{ temperature: number, alpha: number, rate: number, squared?: boolean }} Settings
 *   `squared`: whether the loss has its factor T²; it has, unless told otherwise
 * @typedef {{ hard: number[], soft: number[], total: number[] }} Pulls
 * @typedef {Example & Settings & {
 *   range: [number, number], rest: number, most: number, words: Record<string, string>,
 *   columns: Record<string, string>,
 * }} Data `range`: where the axis of the pulls ends; `rest`: a step that moves no logit
 *   further is none; `most`: how many steps Play takes
 * @typedef {{
 *   root: HTMLElement, data: Data, temperature: number, student: number[], steps: number,
 *   squared: boolean, playing: boolean, timer: number, frame: number, reaches: Range, heights: Range,
 *   shown?: string, observer?: ResizeObserver, fromPython?: number, unfollow?: () => void,
 * }} View
 * @typedef {{ nodes: SVGElement[], x: (place: number) => number, y: (value: number) => number, band: number }} Panel
 */

// ------------------------------------------------------------------------------ mathematics

/**
 * −∂L/∂z = α · (y − p(1)) + (1 − α) · T · (q(T) − p(T)): kdcore.views.anatomy.pulls; without the
 * factor T² in the loss 1/T stands in the place of T.
 * @param {Example} example
 * @param {Settings} settings
 * @returns {Pulls}
 */
export function pulls({ student, teacher, label }, { temperature, alpha, squared = true }) {
  const factor = (1 - alpha) * (squared ? temperature : 1 / temperature);
  const p = softLabels(student, temperature), q = softLabels(teacher, temperature);
  const hard = softLabels(student, 1).map((share, c) => alpha * (Number(c === label) - share));
  const soft = p.map((share, c) => factor * (q[c] - share));
  return { hard, soft, total: hard.map((pull, c) => pull + soft[c]) };
}

/**
 * z ← z − rate · ∂L/∂z: kdcore.views.anatomy.descend
 * @param {Example} example
 * @param {Settings} settings
 * @returns {Example}
 */
export function descend(example, settings) {
  const { total } = pulls(example, settings);
  return { ...example, student: example.student.map((z, c) => z + settings.rate * total[c]) };
}

/**
 * L = α · CE + (1 − α) · T² · KL: kdcore.views.anatomy.loss_of
 * @param {Example} example
 * @param {Settings} settings
 */
export function lossOf({ student, teacher, label }, { temperature, alpha, squared = true }) {
  const logs = (/** @type {number[]} */ logits, /** @type {number} */ at) =>
    logSoftmax(Float64Array.from(logits, (z) => z / at));
  const hard = -logs(student, 1)[label];
  const plain = kl(logs(teacher, temperature), logs(student, temperature));
  const soft = squared ? temperature ** 2 * plain : plain;
  return { total: alpha * hard + (1 - alpha) * soft, hard, soft };
}

/**
 * Whether another step would move nothing that can be seen: kdcore.views.anatomy.at_rest
 * @param {Example} example
 * @param {Settings} settings
 * @param {number} least
 */
export function atRest(example, settings, least) {
  return settings.rate * Math.max(...pulls(example, settings).total.map(Math.abs)) < least;
}

/**
 * How far the teacher is above the student, class by class.
 * @param {Example} example
 * @param {number} temperature
 */
function apart({ student, teacher }, temperature) {
  const p = softLabels(student, temperature);
  return softLabels(teacher, temperature).map((share, c) => share - p[c]);
}

/**
 * The class on which teacher and student differ most, with nothing softened.
 * @param {Example} example
 */
export function mostApart(example) {
  const sizes = apart(example, 1).map(Math.abs);
  return sizes.indexOf(Math.max(...sizes));
}

/**
 * Where the two factors 1/T come from, at one class: how far teacher and student are apart at T = 1
 * and softened, and that divided by T and multiplied by T².
 * @param {Example} example
 * @param {number} temperature
 * @param {number} at
 */
export function twoFactors(example, temperature, at) {
  const softened = apart(example, temperature)[at], plain = softened / temperature;
  return { first: apart(example, 1)[at], softened, plain, squared: plain * temperature ** 2 };
}

/**
 * The teacher's logits with the student's mean: kdcore.views.anatomy.shifted_teacher
 * @param {Example} example
 */
export function shiftedTeacher({ student, teacher }) {
  const sum = (/** @type {number[]} */ values) => values.reduce((a, b) => a + b, 0);
  const shift = (sum(student) - sum(teacher)) / student.length;
  return teacher.map((z) => z + shift);
}

/**
 * @param {Range} range
 * @param {number[]} values
 * @returns {Range} the range, made wider where it does not hold a value
 */
function wideEnough([low, high], values) {
  return [Math.min(low, ...values), Math.max(high, ...values)];
}

/**
 * Round numbers with even steps that hold a range, both its ends included.
 * @param {Range} range
 * @param {number} count about how many steps
 */
export function ticksOf([low, high], count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((each) => each * power >= rough * (1 - 1e-9)) ?? 10);
  const first = Math.floor(low / step + 1e-9), last = Math.ceil(high / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toFixed(9)));
}

// ------------------------------------------------------------------------------ writing

/**
 * A number with its digits; what rounds to zero has no sign.
 * @param {number} value
 * @param {number} digits
 */
export function written(value, digits) {
  const size = Math.abs(value).toFixed(digits);
  return value < 0 && Number(size) ? `−${size}` : size;
}

/** @param {number} value */
const signed = (value) => (value > 0 ? `+${written(value, 2)}` : written(value, 2));

/** @param {number} value */
const short = (value) => String(Number(value.toPrecision(6))).replace("-", "−");

// ------------------------------------------------------------------------------ drawing

/**
 * A part of a panel in somebody's colour.
 * @param {string} tag
 * @param {string} who
 * @param {Record<string, string | number>} attributes
 */
function coloured(tag, who, attributes) {
  const node = shape(tag, attributes);
  colourAs(/** @type {any} */ (node), who);
  return node;
}

/**
 * @param {string} content
 * @param {Record<string, string | number>} attributes
 */
function label(content, attributes) {
  const node = shape("text", attributes);
  node.textContent = content;
  return node;
}

/**
 * An empty panel: a column for each class, which tells its figures where the pointer rests, and the
 * lines of the axis.
 * @param {View} view
 * @param {keyof typeof HEIGHTS} name
 * @param {number[]} ticks
 * @param {(tick: number) => string} write
 * @param {(c: number) => Record<string, string | number>} figures
 * @returns {Panel}
 */
function panel(view, name, ticks, write, figures) {
  const svg = find(view.root, `.${name} > svg`);
  const width = Math.max(svg.clientWidth, 240), height = HEIGHTS[name];
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.style.height = `${height}px`;
  const count = view.student.length;
  const band = (width - LEFT) / count;
  const low = ticks[0], high = ticks[ticks.length - 1];
  const x = (/** @type {number} */ place) => LEFT + band * (place + 0.5);
  const y = (/** @type {number} */ value) =>
    TOP + ((high - value) / (high - low)) * (height - TOP - BOTTOM);
  const nodes = [];
  for (let c = 0; c < count; c++) {
    const isTrue = c === view.data.label ? " true-class" : "";
    const column = shape("rect", { class: `column${isTrue}`, x: x(c - 0.5), y: 0, width: band, height });
    const tip = shape("title", {});
    tip.textContent = fill(view.data.words[`tip_${name}`], { class: c, ...figures(c) });
    column.append(tip);
    nodes.push(column, label(String(c), {
      class: `class${isTrue}`, x: x(c), y: height - 5, "text-anchor": "middle",
    }));
  }
  for (const tick of ticks) {
    nodes.push(
      shape("line", { class: tick ? "grid" : "zero", x1: LEFT, x2: width, y1: y(tick), y2: y(tick) }),
      label(write(tick), { x: LEFT - 5, y: y(tick) + 4, "text-anchor": "end" }));
  }
  return { nodes, x, y, band };
}

/**
 * @param {View} view
 * @param {Example} example
 */
function drawAnswers(view, example) {
  const { temperature } = view;
  const teacher = softLabels(example.teacher, temperature);
  const student = softLabels(example.student, temperature);
  const { nodes, x, y, band } = panel(view, "says", [0, 0.5, 1], (tick) => `${percent(tick)} %`,
    (c) => ({ teacher: percent(teacher[c]), student: percent(student[c]) }));
  /** @type {[string, number[], number][]} */
  const bars = [["teacher", teacher, -0.36], ["distilled", student, 0.02]];
  for (const [who, shares, place] of bars) {
    shares.forEach((share, c) => nodes.push(coloured("rect", who, {
      class: "bar", x: x(c + place), width: 0.34 * band, y: y(share), height: y(0) - y(share),
    })));
  }
  const at = example.label;
  nodes.push(coloured("line", "label", {
    class: "mark", x1: x(at - 0.42), x2: x(at + 0.42), y1: y(1), y2: y(1),
  }));
  find(view.root, ".says > svg").replaceChildren(...nodes);
}

/**
 * @param {View} view
 * @param {Pulls} pulled
 */
function drawPulls(view, pulled) {
  const ticks = ticksOf(view.reaches, 4);
  const { nodes, x, y, band } = panel(view, "pulls", ticks, (tick) => short(tick), (c) => ({
    hard: signed(pulled.hard[c]), soft: signed(pulled.soft[c]), total: signed(pulled.total[c]),
  }));
  const half = Math.min(5, 0.13 * band);
  const least = UNSEEN * Math.max(...ticks.map(Math.abs));
  /** @type {[string, number[], number][]} */
  const kinds = [["hard", pulled.hard, -0.28], ["teacher", pulled.soft, 0], ["distilled", pulled.total, 0.28]];
  for (const [who, values, shift] of kinds) values.forEach((value, c) => {
    const at = x(c + shift), tip = y(value), root = y(0);
    if (Math.abs(value) < least) {
      nodes.push(coloured("circle", who, { class: "solid", cx: at, cy: tip, r: Math.min(2.5, half) }));
      return;
    }
    const head = Math.min(1.7 * half, Math.abs(tip - root)) * Math.sign(root - tip);
    nodes.push(
      coloured("path", who, { class: "line", d: `M${at} ${root}V${tip + head}` }),
      coloured("path", who, {
        class: "solid", d: `M${at} ${tip}L${at - half} ${tip + head}H${at + half}Z`,
      }));
  });
  find(view.root, ".pulls > svg").replaceChildren(...nodes);
}

/**
 * @param {View} view
 * @param {Example} example
 * @param {number[]} teacher
 */
function drawLogits(view, example, teacher) {
  const start = view.data.student, now = example.student;
  const ticks = ticksOf(view.heights, 4);
  const { nodes, x, y, band } = panel(view, "logits", ticks, (tick) => short(tick), (c) => ({
    teacher: written(teacher[c], 2), student: written(now[c], 2), start: written(start[c], 2),
  }));
  const r = Math.min(5, 0.16 * band);
  now.forEach((_, c) => nodes.push(
    coloured("path", "distilled", { class: "line", d: `M${x(c)} ${y(start[c])}V${y(now[c])}` }),
    coloured("path", "teacher", { class: "open", d: diamond(x(c), y(teacher[c]), 1.4 * r) }),
    coloured("circle", "distilled", { class: "open", cx: x(c), cy: y(start[c]), r }),
    coloured("circle", "distilled", { class: "solid", cx: x(c), cy: y(now[c]), r })));
  find(view.root, ".logits > svg").replaceChildren(...nodes);
}

/**
 * @param {number} x
 * @param {number} y
 * @param {number} r
 */
const diamond = (x, y, r) => `M${x - r} ${y}L${x} ${y - r}L${x + r} ${y}L${x} ${y + r}Z`;

/**
 * What stands before a name: a bar, a mark, an arrow, a diamond, a ring or a dot.
 * @type {Record<string, (who: string) => SVGElement>}
 */
const KEYS = {
  bar: (who) => coloured("rect", who, { class: "bar", x: 2, y: 0, width: 8, height: 12 }),
  mark: (who) => coloured("line", who, { class: "mark", x1: 0, x2: 12, y1: 6, y2: 6 }),
  arrow: (who) => coloured("path", who, { class: "solid", d: "M6 0L1 6H5V12H7V6H11Z" }),
  diamond: (who) => coloured("path", who, { class: "open", d: diamond(6, 6, 5) }),
  ring: (who) => coloured("circle", who, { class: "open", cx: 6, cy: 6, r: 4 }),
  dot: (who) => coloured("circle", who, { class: "solid", cx: 6, cy: 6, r: 5 }),
};

/** @type {Record<keyof typeof HEIGHTS, [string, string, string][]>} */
const LEGENDS = {
  says: [["mark", "label", "label"], ["bar", "teacher", "teacher"], ["bar", "distilled", "student"]],
  pulls: [["arrow", "hard", "hard"], ["arrow", "teacher", "soft"], ["arrow", "distilled", "total"]],
  logits: [
    ["diamond", "teacher", "teacher"], ["ring", "distilled", "start"], ["dot", "distilled", "student"],
  ],
};

/** @param {View} view */
function build(view) {
  const { root, data } = view;
  const { words, columns } = data;
  for (const [name, keys] of Object.entries(LEGENDS)) {
    const listed = element("span", { class: "keys" });
    for (const [key, who, word] of keys) {
      const svg = shape("svg", { viewBox: "0 0 12 12" });
      svg.append(KEYS[key](who));
      listed.append(element("span", {}, svg, words[word]));
    }
    find(root, `.${name} figcaption`).replaceChildren(
      element("span", { class: "title" }, words[name]), listed);
  }
  find(root, "summary").textContent = words.table;
  find(root, ".scroll").setAttribute("aria-label", words.table);
  find(root, "thead tr").replaceChildren(
    ...Object.values(columns).map((name) => element("th", { scope: "col" }, name)));
  find(root, "tbody").replaceChildren(...data.student.map((_, c) => element("tr", {},
    element("th", { scope: "row" }, String(c)),
    ...Object.keys(columns).slice(1).map(() => element("td")))));
}

/** @param {View} view */
function draw(view) {
  const { root, data } = view;
  const { words } = data;
  const example = exampleOf(view), settings = settingsOf(view);
  const pulled = pulls(example, settings), teacher = shiftedTeacher(example);
  // The axes are those of the example, whatever T and α: they only ever grow.
  view.reaches = wideEnough(view.reaches, [...data.range, ...Object.values(pulled).flat()]);
  view.heights = wideEnough(view.heights, [...data.student, ...example.student, ...teacher]);
  drawAnswers(view, example);
  drawPulls(view, pulled);
  drawLogits(view, example, teacher);

  find(root, ".says .title").textContent = fill(words.says, { temperature: short(view.temperature) });
  find(root, ".stepped strong").textContent = fill(words.count, { step: view.steps });
  find(root, ".stepped span").textContent = lossWritten(view);
  find(root, ".note").textContent = noteOf(view);
  find(root, ".play").textContent = view.playing ? words.pause : words.play;
  find(root, ".step").disabled = view.playing;
  find(root, ".panels").setAttribute("aria-label", alternativeOf(view, example, pulled));
  Object.assign(find(root, ".stepper").dataset, {
    squared: view.squared, step: view.steps, logits: example.student.map((z) => z.toFixed(6)).join(),
  });
  /** @type {Record<string, number[]>} */
  const figures = { teacher: data.teacher, student: example.student, start: data.student, ...pulled };
  const shown = Object.keys(data.columns).slice(1);
  findAll(root, "tbody tr").forEach((row, c) => shown.forEach((column, i) => {
    row.children[i + 1].textContent = written(figures[column][c], 3);
  }));
}

/** @param {View} view */
function lossWritten(view) {
  const { alpha, words } = view.data;
  const loss = lossOf(exampleOf(view), settingsOf(view));
  return fill(words.loss, {
    total: written(loss.total, 3), hard: written(loss.hard, 3), soft: written(loss.soft, 3),
    alpha: short(alpha), beta: short(1 - alpha),
  });
}

/** @param {View} view */
function noteOf(view) {
  const { rest, words } = view.data;
  const rests = view.steps > 0 && atRest(exampleOf(view), settingsOf(view), rest);
  if (rests) return words.rest;
  // One class for the whole example: figures that jump to another one cannot be followed.
  const at = mostApart({ ...exampleOf(view), student: view.data.student });
  const figures = Object.entries(twoFactors(exampleOf(view), view.temperature, at))
    .map(([name, value]) => [name, short(Number(value.toPrecision(2)))]);
  return fill(words.twice, {
    class: at, temperature: short(view.temperature), ...Object.fromEntries(figures),
  });
}

/**
 * @param {View} view
 * @param {Example} example
 * @param {Pulls} pulled
 */
function alternativeOf(view, example, pulled) {
  /** @type {Record<string, string | number>} */
  const said = { step: view.steps, temperature: short(view.temperature), label: example.label };
  /** @type {["teacher" | "student", number[]][]} */
  const who = [["teacher", example.teacher], ["student", example.student]];
  for (const [name, logits] of who) {
    const shares = softLabels(logits, view.temperature);
    const most = Math.max(...shares);
    said[name] = shares.indexOf(most);
    said[`${name}_percent`] = percent(most);
  }
  for (const [kind, values] of Object.entries(pulled)) {
    const sizes = values.map(Math.abs);
    const strongest = sizes.indexOf(Math.max(...sizes));
    said[kind] = strongest;
    said[`${kind}_size`] = signed(values[strongest]);
  }
  return fill(view.data.words.alternative, said);
}

// ------------------------------------------------------------------------------ stepping

/**
 * @param {View} view
 * @returns {Example}
 */
function exampleOf({ data, student }) {
  return { student, teacher: data.teacher, label: data.label };
}

/**
 * @param {View} view
 * @returns {Settings}
 */
function settingsOf({ data, temperature, squared }) {
  return { temperature, alpha: data.alpha, rate: data.rate, squared };
}

/**
 * Take a step, and stop playing where nothing moves any more.
 * @param {View} view
 */
function advance(view) {
  view.student = descend(exampleOf(view), settingsOf(view)).student;
  view.steps += 1;
  const { rest, most } = view.data;
  if (view.steps >= most || atRest(exampleOf(view), settingsOf(view), rest)) stop(view);
}

/** @param {View} view */
function stop(view) {
  view.playing = false;
  clearInterval(view.timer);
  view.timer = 0;
}

/** @param {View} view */
function keepPlaying(view) {
  view.timer ||= window.setInterval(() => {
    advance(view);
    show(view);
  }, PACE_MS);
}

/**
 * Draw, and tell those who listen: where it stands, but not every step while it plays.
 * @param {View} view
 */
function show(view) {
  draw(view);
  if (view.playing) return;
  const count = fill(view.data.words.count, { step: view.steps });
  find(view.root, ".spoken").textContent = `${count}, ${lossWritten(view)}. ${noteOf(view)}`;
}

/**
 * Back to the logits before the first step.
 * @param {View} view
 */
function reset(view) {
  stop(view);
  view.student = view.data.student;
  view.steps = 0;
}

/**
 * @param {{ parentElement: HTMLElement & { _stepper?: View }, data: Data }} component
 */
function render({ parentElement, data }) {
  const view = (parentElement._stepper ??= {
    root: parentElement, data, temperature: data.temperature, student: data.student, steps: 0,
    squared: true, playing: false, timer: 0, frame: 0, reaches: [0, 0], heights: [0, 0],
  });
  view.data = data;
  const shown = JSON.stringify([data.student, data.teacher, data.label]);
  if (view.shown !== shown) { // another example starts anew; another α or rate does not
    Object.assign(view, { shown, reaches: [0, 0], heights: [0, 0] });
    reset(view);
    build(view);
  }
  const redraw = () => {
    view.frame ||= requestAnimationFrame(() => {
      view.frame = 0;
      draw(view);
    });
  };
  const unfollow = followTemperature(view, data.temperature, redraw);
  view.observer?.disconnect();
  view.observer = new ResizeObserver(redraw);
  view.observer.observe(find(parentElement, ".panels"));

  const button = (/** @type {string} */ name) => find(parentElement, `button.${name}`);
  button("step").textContent = data.words.step;
  button("reset").textContent = data.words.reset;
  const factor = find(parentElement, ".factor input");
  find(parentElement, ".factor span").textContent = data.words.squared;
  factor.checked = view.squared;
  factor.onchange = () => {
    view.squared = factor.checked;
    show(view);
  };
  button("step").onclick = () => {
    advance(view);
    show(view);
  };
  button("reset").onclick = () => {
    reset(view);
    show(view);
  };
  button("play").onclick = () => {
    if (view.playing) stop(view);
    else {
      view.playing = true;
      const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
      if (calm) while (view.playing) advance(view);
      else keepPlaying(view);
    }
    show(view);
  };
  if (view.playing) keepPlaying(view);
  draw(view);

  return () => {
    unfollow();
    view.observer?.disconnect();
    cancelAnimationFrame(view.frame);
    clearInterval(view.timer);
    view.frame = view.timer = 0;
  };
}

export default inTurn(render);
