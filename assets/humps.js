// @ts-check
// Two humps and one Gaussian. The divergence of every student of a grid is computed here, in the
// frame in which a slider moves. The formulas are those of kdcore.losses (kl_divergence, reverse_kl,
// skewed_kl, generalised_jsd) and the grid that of kdcore.views.humps; a browser test compares them.

import { contextOf, element, fill, find, kl, logSoftmax, shape } from "./common.js";

/**
 * @typedef {"forward" | "reverse" | "jsd" | "skewed" | "skewed-reverse"} Measure
 * @typedef {{ mean: number, spread: number, log: Float64Array }} Student
 * @typedef {{
 *   places: number[], means: number[], spreads: number[], improbable: number,
 *   measures: Record<string, string>, words: Record<string, string>,
 * }} Data
 * @typedef {{
 *   root: HTMLElement, data: Data, measure: Measure, separation: number, share: number,
 *   frame: number, students?: Student[],
 * }} View
 */

/**
 * @param {number[]} places
 * @param {number} mean
 * @param {number} spread
 */
export function logGaussian(places, mean, spread) {
  return logSoftmax(Float64Array.from(places, (x) => -0.5 * ((x - mean) / spread) ** 2));
}

/**
 * Two humps of standard deviation 1, one as likely as the other.
 * @param {number[]} places
 * @param {number} separation
 */
export function logHumps(places, separation) {
  return logSoftmax(Float64Array.from(places, (x) => {
    const a = -0.5 * (x + separation / 2) ** 2, b = -0.5 * (x - separation / 2) ** 2;
    const largest = Math.max(a, b);
    return largest + Math.log(Math.exp(a - largest) + Math.exp(b - largest));
  }));
}

/**
 * ln(share · p + (1 − share) · q)
 * @param {Float64Array} logP
 * @param {Float64Array} logQ
 * @param {number} share
 */
function logMixture(logP, logQ, share) {
  const mixed = new Float64Array(logP.length);
  const a = Math.log(share), b = Math.log1p(-share);
  for (let i = 0; i < mixed.length; i++) {
    const p = logP[i] + a, q = logQ[i] + b, largest = p > q ? p : q;
    mixed[i] = largest === -Infinity ? largest : largest + Math.log(Math.exp(p - largest) + Math.exp(q - largest));
  }
  return mixed;
}

/**
 * @param {Measure} measure
 * @param {number} share λ of the skewed ones, β of the generalised JSD
 * @param {Float64Array} teacher
 * @param {Float64Array} student
 */
export function divergence(measure, share, teacher, student) {
  if (measure === "skewed" && share > 0) return kl(teacher, logMixture(teacher, student, share));
  if (measure === "skewed-reverse" && share > 0) {
    return kl(student, logMixture(student, teacher, share));
  }
  // The two ends of the generalised JSD are the two KLs by convention.
  if (measure === "jsd" && share > 0 && share < 1) {
    const mixture = logMixture(teacher, student, share);
    return share * kl(teacher, mixture) + (1 - share) * kl(student, mixture);
  }
  const isReverse = measure.endsWith("reverse") || (measure === "jsd" && share === 1);
  return isReverse ? kl(student, teacher) : kl(teacher, student);
}

/** @param {View} view */
function studentsOf(view) {
  const { data } = view;
  if (view.students) return view.students;
  // The teacher is symmetric: students left of the middle are mirrors of those to its right.
  const means = data.means.filter((mean) => mean >= 0);
  view.students = [];
  for (const mean of means) for (const spread of data.spreads) {
    view.students.push({ mean, spread, log: logGaussian(data.places, mean, spread) });
  }
  return view.students;
}

/**
 * @param {string} content
 * @param {Record<string, string | number>} attributes
 */
function text(content, attributes) {
  const node = shape("text", attributes);
  node.textContent = content;
  return node;
}

/**
 * @param {View} view
 * @param {Float64Array} teacher
 * @param {{ mean: number, spread: number }[]} best
 */
function drawDensities(view, teacher, best) {
  const svg = find(view.root, ".densities svg");
  const { places, words } = view.data;
  const step = places[1] - places[0];
  const x = (/** @type {number} */ place) => 240 + place * 24;
  const y = (/** @type {number} */ log) => 200 - (Math.exp(log) / step) * 420;
  const path = (/** @type {Float64Array} */ logs) => places
    .map((place, i) => [place, logs[i]])
    .filter(([place]) => Math.abs(place) <= 10)
    .reduce((d, [place, log], i) => `${d}${i ? "L" : "M"}${x(place).toFixed(1)} ${y(log).toFixed(1)}`, "");
  svg.replaceChildren(
    shape("path", { class: "of-teacher", d: path(teacher) }),
    ...best.map((student, i) => shape("path", {
      class: "of-student",
      "stroke-dasharray": i ? "5 4" : "none", // the mirror image
      d: path(logGaussian(places, student.mean, student.spread)),
    })),
    shape("path", { class: "axis", d: "M0 200H480" }),
    ...[-9, -6, -3, 0, 3, 6, 9].map((tick) => text(String(tick).replace("-", "−"), { x: x(tick), y: 216, "text-anchor": "middle" })));
  svg.setAttribute("aria-label", words.densities_alternative);
  // What is dashed is explained only where it is drawn.
  const says = best.length > 1 ? [words.densities, words.mirror] : [words.densities];
  find(view.root, ".densities figcaption").textContent = says.join(" ");
}

/**
 * @param {View} view
 * @param {number[]} values
 * @param {{ mean: number, spread: number }[]} best
 */
function drawLandscape(view, values, best) {
  const canvas = find(view.root, "canvas");
  const { means, spreads, words } = view.data;
  const style = getComputedStyle(find(view.root, ".humps"));
  canvas.width = means.length * 6;
  canvas.height = spreads.length * 5;
  const context = contextOf(canvas);
  context.fillStyle = style.getPropertyValue("--distilled");
  const low = Math.log(Math.min(...values) + 1e-4);
  const high = Math.log(Math.min(Math.max(...values), Math.min(...values) * 60 + 1e-3) + 1e-4);
  const half = means.filter((mean) => mean >= 0).length;
  values.forEach((value, i) => {
    const m = Math.floor(i / spreads.length), s = i % spreads.length;
    const near = 1 - Math.min(1, Math.max(0, (Math.log(value + 1e-4) - low) / (high - low || 1)));
    context.globalAlpha = 0.03 + 0.92 * near ** 2;
    const row = spreads.length - 1 - s;
    for (const column of new Set([means.length - half + m, half - 1 - m])) {
      context.fillRect(column * 6, row * 5, 6, 5);
    }
  });
  context.globalAlpha = 1;
  context.strokeStyle = style.color;
  context.lineWidth = 2.5;
  for (const student of best) {
    const column = means.indexOf(student.mean);
    const row = spreads.length - 1 - spreads.indexOf(student.spread);
    context.beginPath();
    context.arc(column * 6 + 3, row * 5 + 2.5, 7, 0, 7);
    context.stroke();
  }
  canvas.setAttribute("aria-label", words.landscape_alternative);
}

/**
 * @param {View} view
 * @param {Float64Array} teacher
 * @param {{ mean: number, spread: number }[]} best
 */
function drawEnds(view, teacher, best) {
  const figure = find(view.root, ".ends");
  const isJsd = view.measure === "jsd";
  figure.classList.toggle("away", !isJsd);
  if (!isJsd) return;
  const student = logGaussian(view.data.places, best[0].mean, best[0].spread);
  const at = (/** @type {number} */ beta) => divergence("jsd", beta, teacher, student);
  const ends = [at(0), at(1)];
  /** @type {[number, number][]} */
  const inside = [];
  for (let beta = 0.01; beta < 0.995; beta += 0.02) inside.push([beta, at(beta)]);
  const most = Math.max(...ends, ...inside.map(([, value]) => value), 0.05);
  const x = (/** @type {number} */ beta) => 30 + beta * 195;
  const y = (/** @type {number} */ value) => 122 - (value / most) * 105;
  const curve = [[0, 0], ...inside, [1, 0]].reduce((d, [b, v], i) => `${d}${i ? "L" : "M"}${x(b)} ${y(v)}`, "");
  find(figure, "svg").replaceChildren(
    shape("path", { class: "axis", d: `M${x(0)} 122H${x(1)}M${x(0)} 122V12` }),
    shape("path", { class: "here", d: `M${x(view.share)} 122V12` }),
    shape("path", { class: "curve", d: curve }),
    ...[0, 1].flatMap((end) => [
      shape("circle", { class: "open", cx: x(end), cy: y(0), r: 4 }),
      shape("circle", { class: "end", cx: x(end), cy: y(ends[end]), r: 4.5 })]),
    text("β = 0", { x: x(0), y: 142, "text-anchor": "middle" }),
    text("β = 1", { x: x(1), y: 142, "text-anchor": "middle" }),
    text(most.toFixed(2), { x: 2, y: 18 }));
  find(figure, "svg").setAttribute("aria-label",
    fill(view.data.words.ends_alternative, { zero: ends[0].toFixed(3), one: ends[1].toFixed(3) }));
}

/** @param {View} view */
function draw(view) {
  const { data, measure, share } = view;
  const teacher = logHumps(data.places, view.separation);
  const students = studentsOf(view);
  const values = students.map((student) => divergence(measure, share, teacher, student.log));
  const first = values.indexOf(Math.min(...values));
  const winner = students[first];
  const best = [{ mean: winner.mean, spread: winner.spread }];
  if (winner.mean > 0) best.push({ mean: -winner.mean, spread: winner.spread });
  drawDensities(view, teacher, best);
  drawLandscape(view, values, best);
  drawEnds(view, teacher, best);
  const least = Math.max(...teacher) + Math.log(data.improbable);
  const improbable = winner.log.reduce((sum, log, i) => (teacher[i] < least ? sum + Math.exp(log) : sum), 0);
  Object.assign(find(view.root, ".humps").dataset, {
    mean: winner.mean, spread: winner.spread, divergence: values[first].toFixed(6),
  });
  const mean = winner.mean ? `± ${winner.mean.toFixed(1)}` : "0";
  find(view.root, ".says").textContent = fill(data.words.says, {
    mean,
    spread: winner.spread.toFixed(1),
    divergence: values[first].toFixed(3),
    improbable: (100 * improbable).toFixed(0),
  });
  find(view.root, ".separation output").textContent = view.separation.toFixed(1);
  find(view.root, ".share output").textContent = share.toFixed(2);
}

/**
 * @param {View} view
 * @param {() => void} redraw
 */
function build(view, redraw) {
  const { root, data } = view;
  const { words } = data;
  find(root, "legend").textContent = words.measure;
  for (const [key, name] of Object.entries(data.measures)) {
    const input = element("input", { type: "radio", name: "measure", value: key });
    input.checked = key === view.measure;
    input.onchange = () => {
      view.measure = /** @type {Measure} */ (key);
      setShare(view);
      redraw();
    };
    find(root, "fieldset").append(element("label", {}, input, name));
  }
  const separation = find(root, ".separation input");
  Object.assign(separation, { min: 0, max: 8, step: 0.1, value: view.separation });
  separation.oninput = () => {
    view.separation = Number(separation.value);
    redraw();
  };
  const share = find(root, ".share input");
  Object.assign(share, { min: 0, step: 0.01 });
  share.oninput = () => {
    view.share = Number(share.value);
    redraw();
  };
  find(root, ".separation span").textContent = words.separation;
  for (const name of ["landscape", "ends"]) {
    find(root, `.${name} figcaption`).textContent = words[name];
  }
  setShare(view);
}

/**
 * Set the slider to the measure: β goes up to 1; a skew of 1 would leave nothing of the student.
 * @param {View} view
 */
function setShare(view) {
  const label = find(view.root, ".share");
  const input = find(label, "input");
  const isJsd = view.measure === "jsd";
  label.hidden = view.measure === "forward" || view.measure === "reverse";
  find(label, "span").textContent = isJsd ? view.data.words.beta : view.data.words.skew;
  input.max = isJsd ? 1 : 0.99;
  view.share = isJsd ? 0.5 : 0.1;
  input.value = view.share;
}

/** @param {{ parentElement: any, data: Data }} component */
export default function ({ parentElement, data }) {
  const isNew = !parentElement._view;
  /** @type {View} */
  const view = (parentElement._view ??= {
    root: parentElement, frame: 0, measure: "forward", separation: 6, share: 0.5,
  });
  view.data = data;
  const redraw = () => {
    view.frame ||= requestAnimationFrame(() => {
      view.frame = 0;
      draw(view);
    });
  };
  if (isNew) build(view, redraw);
  draw(view);
  return () => cancelAnimationFrame(view.frame);
}
