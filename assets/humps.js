// Two humps and one Gaussian. The divergence of every student of a grid is computed here, in the
// frame in which a slider moves. The formulas are those of kdcore.losses (kl_divergence, reverse_kl,
// skewed_kl, generalised_jsd) and the grid that of kdcore.views.humps; a browser test compares them.

const SVG = "http://www.w3.org/2000/svg";

function logSoftmax(values) {
  let largest = -Infinity;
  for (const v of values) if (v > largest) largest = v;
  let sum = 0;
  for (const v of values) sum += Math.exp(v - largest);
  const log = largest + Math.log(sum);
  return values.map((v) => v - log);
}

const logGaussian = (places, mean, spread) =>
  logSoftmax(Float64Array.from(places, (x) => -0.5 * ((x - mean) / spread) ** 2));

function logHumps(places, separation) {
  return logSoftmax(Float64Array.from(places, (x) => {
    const a = -0.5 * (x + separation / 2) ** 2, b = -0.5 * (x - separation / 2) ** 2;
    const largest = Math.max(a, b);
    return largest + Math.log(Math.exp(a - largest) + Math.exp(b - largest));
  }));
}

// KL(p ‖ q) = Σ p · (ln p − ln q)
function kl(logP, logQ) {
  let sum = 0;
  for (let i = 0; i < logP.length; i++) {
    const p = Math.exp(logP[i]);
    if (p > 0) sum += p * (logP[i] - logQ[i]);
  }
  return sum;
}

// ln(share · p + (1 − share) · q)
function logMixture(logP, logQ, share) {
  const mixed = new Float64Array(logP.length);
  const a = Math.log(share), b = Math.log1p(-share);
  for (let i = 0; i < mixed.length; i++) {
    const p = logP[i] + a, q = logQ[i] + b, largest = p > q ? p : q;
    mixed[i] = largest === -Infinity ? largest : largest + Math.log(Math.exp(p - largest) + Math.exp(q - largest));
  }
  return mixed;
}

function divergence(measure, share, teacher, student) {
  if (measure === "forward") return kl(teacher, student);
  if (measure === "reverse") return kl(student, teacher);
  if (measure === "skewed") return share === 0 ? kl(teacher, student) : kl(teacher, logMixture(teacher, student, share));
  if (measure === "skewed reverse") return share === 0 ? kl(student, teacher) : kl(student, logMixture(student, teacher, share));
  // Generalised JSD; its two ends by convention.
  if (share === 0) return kl(teacher, student);
  if (share === 1) return kl(student, teacher);
  const mixture = logMixture(teacher, student, share);
  return share * kl(teacher, mixture) + (1 - share) * kl(student, mixture);
}

function studentsOf(view, data) {
  if (view.students) return view.students;
  // The teacher is symmetric: students left of the middle are mirrors of those to its right.
  const means = data.means.filter((mean) => mean >= 0);
  view.students = [];
  for (const mean of means) for (const spread of data.spreads) {
    view.students.push({ mean, spread, log: logGaussian(data.places, mean, spread) });
  }
  return view.students;
}

function shape(name, attributes) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

function text(content, attributes) {
  const node = shape("text", attributes);
  node.textContent = content;
  return node;
}

function drawDensities(view, teacher, best) {
  const svg = view.root.querySelector(".densities svg"), { places, words } = view.data;
  const step = places[1] - places[0];
  const x = (place) => 240 + place * 24, y = (log) => 200 - (Math.exp(log) / step) * 420;
  const path = (logs) => logs.reduce((d, log, i) => `${d}${i ? "L" : "M"}${x(places[i]).toFixed(1)} ${y(log).toFixed(1)}`, "");
  const shown = places.map((place) => Math.abs(place) <= 9.9);
  const cut = (logs) => path([...logs].map((log, i) => (shown[i] ? log : -Infinity)));
  svg.replaceChildren(
    shape("path", { class: "of-teacher", d: cut(teacher) }),
    ...best.map((student, i) => shape("path", { class: `of-student${i ? " mirrored" : ""}`, d: cut(logGaussian(places, student.mean, student.spread)) })),
    shape("path", { class: "axis", d: "M0 200H480" }),
    ...[-9, -6, -3, 0, 3, 6, 9].map((tick) => text(String(tick).replace("-", "−"), { x: x(tick), y: 216, "text-anchor": "middle" })));
  svg.setAttribute("aria-label", words.densities_alternative);
}

function drawLandscape(view, values, best) {
  const canvas = view.root.querySelector("canvas"), { means, spreads, words, colours } = view.data;
  canvas.width = means.length * 6;
  canvas.height = spreads.length * 5;
  const context = canvas.getContext("2d");
  const low = Math.log(Math.min(...values) + 1e-4);
  const high = Math.log(Math.min(Math.max(...values), Math.min(...values) * 60 + 1e-3) + 1e-4);
  const half = means.filter((mean) => mean >= 0).length;
  values.forEach((value, i) => {
    const m = Math.floor(i / spreads.length), s = i % spreads.length;
    const near = 1 - Math.min(1, Math.max(0, (Math.log(value + 1e-4) - low) / (high - low || 1)));
    context.fillStyle = colours.student;
    context.globalAlpha = 0.03 + 0.92 * near ** 2;
    const row = spreads.length - 1 - s;
    for (const column of new Set([means.length - half + m, half - 1 - m])) context.fillRect(column * 6, row * 5, 6, 5);
  });
  context.globalAlpha = 1;
  context.strokeStyle = getComputedStyle(view.root.querySelector(".humps")).color;
  context.lineWidth = 2.5;
  for (const student of best) {
    const column = means.indexOf(student.mean), row = spreads.length - 1 - spreads.indexOf(student.spread);
    context.beginPath();
    context.arc(column * 6 + 3, row * 5 + 2.5, 7, 0, 7);
    context.stroke();
  }
  canvas.setAttribute("aria-label", words.landscape_alternative);
}

function drawEnds(view, teacher, best) {
  const figure = view.root.querySelector(".ends");
  const isJsd = view.measure === "jsd";
  figure.style.visibility = isJsd ? "visible" : "hidden";
  if (!isJsd) return;
  const student = logGaussian(view.data.places, best[0].mean, best[0].spread);
  const at = (beta) => divergence("jsd", beta, teacher, student);
  const ends = [at(0), at(1)], inside = [];
  for (let beta = 0.01; beta < 0.995; beta += 0.02) inside.push([beta, at(beta)]);
  const most = Math.max(...ends, ...inside.map(([, value]) => value), 0.05);
  const x = (beta) => 30 + beta * 195, y = (value) => 122 - (value / most) * 105;
  const curve = [[0, 0], ...inside, [1, 0]].reduce((d, [b, v], i) => `${d}${i ? "L" : "M"}${x(b)} ${y(v)}`, "");
  figure.querySelector("svg").replaceChildren(
    shape("path", { class: "axis", d: `M${x(0)} 122H${x(1)}M${x(0)} 122V12` }),
    shape("path", { class: "here", d: `M${x(view.share)} 122V12` }),
    shape("path", { class: "curve", d: curve }),
    ...[0, 1].flatMap((end) => [
      shape("circle", { class: "open", cx: x(end), cy: y(0), r: 4 }),
      shape("circle", { class: "end", cx: x(end), cy: y(ends[end]), r: 4.5 })]),
    text("β = 0", { x: x(0), y: 142, "text-anchor": "middle" }),
    text("β = 1", { x: x(1), y: 142, "text-anchor": "middle" }),
    text(most.toFixed(2), { x: 2, y: 18 }));
  figure.querySelector("svg").setAttribute("aria-label",
    view.data.words.ends_alternative.replace("{zero}", ends[0].toFixed(3)).replace("{one}", ends[1].toFixed(3)));
}

function draw(view) {
  const { data, measure, share } = view, words = data.words;
  const teacher = logHumps(data.places, view.separation);
  const students = studentsOf(view, data);
  const values = students.map((student) => divergence(measure, share, teacher, student.log));
  const first = values.indexOf(Math.min(...values)), winner = students[first];
  const best = [winner];
  if (winner.mean > 0) best.push({ mean: -winner.mean, spread: winner.spread });
  drawDensities(view, teacher, best);
  drawLandscape(view, values, best);
  drawEnds(view, teacher, best);
  const most = Math.max(...teacher), log = logGaussian(data.places, winner.mean, winner.spread);
  let improbable = 0;
  log.forEach((value, i) => { if (teacher[i] < most + Math.log(data.improbable)) improbable += Math.exp(value); });
  const body = view.root.querySelector(".humps");
  Object.assign(body.dataset, { mean: winner.mean, spread: winner.spread, divergence: values[first].toFixed(6) });
  const mean = winner.mean ? `± ${winner.mean.toFixed(1)}` : "0";
  view.root.querySelector(".says").textContent = words.says
    .replace("{mean}", mean).replace("{spread}", winner.spread.toFixed(1))
    .replace("{divergence}", values[first].toFixed(3)).replace("{improbable}", (100 * improbable).toFixed(0));
  view.root.querySelector(".separation output").textContent = view.separation.toFixed(1);
  view.root.querySelector(".share output").textContent = share.toFixed(2);
}

function build(view, redraw) {
  const { root, data } = view, words = data.words;
  root.querySelector("legend").textContent = words.measure;
  const field = root.querySelector("fieldset");
  for (const [key, name] of Object.entries(words.measures)) {
    const label = document.createElement("label"), input = document.createElement("input");
    Object.assign(input, { type: "radio", name: "measure", value: key, checked: key === view.measure });
    input.onchange = () => { view.measure = key; setShare(view); redraw(); };
    label.append(input, name);
    field.append(label);
  }
  const slider = (name, minimum, maximum, step, value, take) => {
    const input = root.querySelector(`.${name} input`);
    Object.assign(input, { min: minimum, max: maximum, step, value });
    input.oninput = () => { take(Number(input.value)); redraw(); };
  };
  root.querySelector(".separation span").textContent = words.separation;
  slider("separation", 0, 8, 0.1, view.separation, (value) => { view.separation = value; });
  slider("share", 0, 1, 0.01, view.share, (value) => { view.share = value; });
  root.querySelector(".densities figcaption").textContent = words.densities;
  root.querySelector(".landscape figcaption").textContent = words.landscape;
  root.querySelector(".ends figcaption").textContent = words.ends;
  setShare(view);
}

// β goes up to 1; a skew of 1 would leave nothing of the student.
function setShare(view) {
  const label = view.root.querySelector(".share"), input = label.querySelector("input");
  label.hidden = view.measure === "forward" || view.measure === "reverse";
  const jsd = view.measure === "jsd";
  label.querySelector("span").textContent = jsd ? view.data.words.beta : view.data.words.skew;
  input.max = jsd ? 1 : 0.99;
  view.share = Number((input.value = jsd ? 0.5 : 0.1));
}

export default function ({ parentElement, data }) {
  const view = (parentElement._view ??= { root: parentElement, frame: 0 });
  const isNew = !view.data;
  view.data = data;
  const body = parentElement.querySelector(".humps");
  body.style.setProperty("--teacher", data.colours.teacher);
  body.style.setProperty("--student", data.colours.student);
  const redraw = () => { view.frame ||= requestAnimationFrame(() => { view.frame = 0; draw(view); }); };
  if (isNew) {
    Object.assign(view, { measure: "forward", separation: 6, share: 0.5 });
    build(view, redraw);
  }
  draw(view);
  return () => cancelAnimationFrame(view.frame);
}
