// The film of three networks learning, played on canvases. It holds the logits of every frame and
// cell, so play, step, scrubbing, T and clicks are answered here, without asking the server.

const TEMPERATURE_EVENT = "dark-knowledge:temperature";
const FRAMES_PER_SECOND = 15; // at 1 ×: the whole training in four seconds
const SHADES = 80; // pixels along a side that are computed; the canvas draws them larger

// None of them is the colour of teacher or student. As colour-blind eyes see them (simulated after
// Machado et al. 2009), no two are nearer than ΔE 22; and each class has a shape of its own.
const CLASS_COLOURS = ["#7846b4", "#e3a50a", "#27a3b8", "#c93a78", "#5d6b1f", "#b8b878"];
const CLASS_SHAPES = ["circle", "square", "triangle", "diamond", "plus", "cross"];
const RGB = CLASS_COLOURS.map((c) => [1, 3, 5].map((i) => parseInt(c.slice(i, i + 2), 16)));

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
const percent = (p) => `${(100 * p).toFixed(p >= 0.0995 || p < 0.0005 ? 0 : 1)} %`;

// ------------------------------------------------------------------------------------- numbers

// Every float16 there is, once: looking a number up is faster than taking its bits apart.
let halves = null;
function fromHalves(base64) {
  halves ??= Float32Array.from({ length: 65536 }, (_, bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 0) return sign * 2 ** -14 * (fraction / 1024);
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
  });
  const text = atob(base64);
  const numbers = new Float32Array(text.length / 2);
  for (let i = 0; i < numbers.length; i++) {
    numbers[i] = halves[text.charCodeAt(2 * i) | (text.charCodeAt(2 * i + 1) << 8)];
  }
  return numbers;
}

// p_i = exp(z_i / T) / Σ_j exp(z_j / T), with the largest logit taken off first: the formula of
// kdcore.losses.soft_labels. The last class's logit is 0, since only differences were sent.
function softLabels(differences, temperature) {
  const logits = [...differences, 0];
  const largest = Math.max(...logits);
  const powers = logits.map((z) => Math.exp((z - largest) / temperature));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

const entropy = (p) => p.reduce((sum, q) => (q > 0 ? sum - q * Math.log(q) : sum), 0);

function probabilitiesAt(view, network, cell) {
  const { data } = view;
  const width = data.classes - 1;
  const start = (view.frame * data.grid * data.grid + cell) * width;
  return softLabels(network.numbers.subarray(start, start + width), view.temperature);
}

// Where each computed pixel lies between the four nearest cells: the same for every frame.
function interpolation(grid) {
  const low = new Int16Array(SHADES);
  const share = new Float32Array(SHADES);
  for (let i = 0; i < SHADES; i++) {
    const place = Math.min(Math.max(((i + 0.5) * grid) / SHADES - 0.5, 0), grid - 1.001);
    low[i] = Math.floor(place);
    share[i] = place - low[i];
  }
  return { low, share };
}

// ------------------------------------------------------------------------------------- drawing

function shade(view, network) {
  const { data, between, temperature } = view;
  const { grid, classes } = data;
  const width = classes - 1;
  const frame = view.frame * grid * grid * width;
  const numbers = network.numbers;
  const image = (view.image ??= new ImageData(SHADES, SHADES));
  const p = new Float32Array(classes);
  const colours = data.looks.map((look) => RGB[look]);
  for (let row = 0; row < SHADES; row++) {
    const up = SHADES - 1 - row; // the grid's first row is the lowest
    const below = frame + between.low[up] * grid * width;
    const v = between.share[up];
    for (let column = 0; column < SHADES; column++) {
      const corner = below + between.low[column] * width;
      const u = between.share[column];
      let largest = 0;
      p[width] = 0;
      for (let k = 0; k < width; k++) {
        const at = corner + k;
        const lower = numbers[at] * (1 - u) + numbers[at + width] * u;
        const upper = numbers[at + grid * width] * (1 - u) + numbers[at + grid * width + width] * u;
        p[k] = lower * (1 - v) + upper * v;
        if (p[k] > largest) largest = p[k];
      }
      let sum = 0;
      let best = 0;
      for (let k = 0; k < classes; k++) {
        if (p[k] > p[best]) best = k;
      }
      for (let k = 0; k < classes; k++) sum += p[k] = Math.exp((p[k] - largest) / temperature);
      let r = 0, g = 0, b = 0;
      for (let k = 0; k < classes; k++) {
        const q = p[k] / sum;
        r += q * colours[k][0];
        g += q * colours[k][1];
        b += q * colours[k][2];
      }
      const sure = (p[best] / sum - 1 / classes) / (1 - 1 / classes);
      const i = row * SHADES + column;
      image.data[4 * i] = r;
      image.data[4 * i + 1] = g;
      image.data[4 * i + 2] = b;
      image.data[4 * i + 3] = 255 * (0.1 + 0.6 * sure);
    }
  }
  return image;
}

// The decision boundary: for each class the line on which its logit ties with the largest of the
// others (marching squares, on the grid and one clamped cell around it).
function drawBoundary(view, network, context, size, ink) {
  const { grid, classes } = view.data;
  const width = classes - 1;
  const start = view.frame * grid * grid * width;
  const lead = new Float32Array(grid * grid);
  const inside = (i) => Math.min(Math.max(i, 0), grid - 1);
  const at = (column, row) => lead[inside(row) * grid + inside(column)];
  const place = (i) => ((i + 0.5) / grid) * size;
  context.beginPath();
  for (let k = 0; k < (classes === 2 ? 1 : classes); k++) {
    for (let cell = 0; cell < grid * grid; cell++) {
      let other = k === width ? -Infinity : 0;
      for (let j = 0; j < width; j++) {
        if (j !== k) other = Math.max(other, network.numbers[start + cell * width + j]);
      }
      lead[cell] = (k === width ? 0 : network.numbers[start + cell * width + k]) - other;
    }
    for (let row = -1; row < grid; row++) {
      for (let column = -1; column < grid; column++) {
        const corners = [[column, row], [column + 1, row], [column + 1, row + 1], [column, row + 1]];
        const values = corners.map(([x, y]) => at(x, y));
        if (values.every((v) => v > 0) || values.every((v) => v <= 0)) continue;
        const crossings = [];
        for (let e = 0; e < 4; e++) {
          const [a, b] = [values[e], values[(e + 1) % 4]];
          if (a > 0 === b > 0) continue;
          const [[x1, y1], [x2, y2]] = [corners[e], corners[(e + 1) % 4]];
          const share = a / (a - b);
          crossings.push([x1 + share * (x2 - x1), y1 + share * (y2 - y1)]);
        }
        for (let c = 0; c + 1 < crossings.length; c += 2) {
          context.moveTo(place(crossings[c][0]), size - place(crossings[c][1]));
          context.lineTo(place(crossings[c + 1][0]), size - place(crossings[c + 1][1]));
        }
      }
    }
  }
  context.lineWidth = 2.2 * zoomOf(size);
  context.lineCap = "round";
  context.strokeStyle = ink;
  context.stroke();
}

// What is drawn grows with the plane, but stays large enough to be told apart on a phone.
function zoomOf(size) {
  const pixels = window.devicePixelRatio || 1;
  return pixels * Math.min(Math.max(size / pixels / 300, 0.75), 1.5);
}

function trace(context, shape, x, y, r) {
  context.beginPath();
  if (shape === "circle") context.arc(x, y, r, 0, 2 * Math.PI);
  else if (shape === "square") context.rect(x - 0.88 * r, y - 0.88 * r, 1.76 * r, 1.76 * r);
  else {
    outline(shape).forEach(([dx, dy], i) => {
      context[i ? "lineTo" : "moveTo"](x + 1.2 * r * dx, y + 1.2 * r * dy);
    });
    context.closePath();
  }
}

function outline(shape) {
  if (shape === "triangle") return [[0, -1], [0.92, 0.7], [-0.92, 0.7]];
  if (shape === "diamond") return [[0, -1], [1, 0], [0, 1], [-1, 0]];
  const a = 0.33;
  const plus = [[-a, -1], [a, -1], [a, -a], [1, -a], [1, a], [a, a], [a, 1], [-a, 1], [-a, a], [-1, a], [-1, -a], [-a, -a]];
  const turn = Math.SQRT1_2;
  return shape === "plus" ? plus : plus.map(([x, y]) => [turn * (x - y), turn * (x + y)]);
}

// The same shapes as an inline picture for bars, buttons and legend.
function icon(k) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "-1.25 -1.25 2.5 2.5");
  svg.setAttribute("aria-hidden", "true");
  const shape = CLASS_SHAPES[k];
  const node = document.createElementNS(svg.namespaceURI, shape === "circle" ? "circle" : "polygon");
  if (shape === "circle") node.setAttribute("r", 0.95);
  else {
    const corners = shape === "square" ? [[-0.85, -0.85], [0.85, -0.85], [0.85, 0.85], [-0.85, 0.85]] : outline(shape);
    node.setAttribute("points", corners.map((c) => c.map((n) => 1.1 * n).join()).join(" "));
  }
  node.setAttribute("fill", CLASS_COLOURS[k]);
  svg.append(node);
  return svg;
}

const edited = (view) => view.data.editable && (view.changed || !view.ready);

// The learner may use classes B and D only: they are classes 0 and 1 of the networks, and yet keep
// their looks. So points carry the number of their look, data.looks[class].
const nameOf = (view, look) => (edited(view) ? view.data.ownNames[look] : view.data.classNames[view.data.looks.indexOf(look)]);

// Points in standardised units, [x, y, look, seen by the students].
function pointsOf(view) {
  const { data } = view;
  if (!edited(view)) return data.points;
  return view.own.map(([x, y, k]) => [
    (x - data.centre[0]) / data.scale[0], (y - data.centre[1]) / data.scale[1], k, true,
  ]);
}

function drawPoints(view, context, size, isTeacher, ink, paper) {
  const zoom = zoomOf(size);
  const place = (value) => ((value / view.data.reach + 1) / 2) * size;
  const equal = isTeacher || edited(view);
  const drawOne = ([x, y, k, seen]) => {
    const large = !equal && seen;
    const small = !equal && !seen;
    const r = zoom * (large ? 6 : small ? 2 : plain);
    context.globalAlpha = small ? 0.5 : 1;
    trace(context, CLASS_SHAPES[k], place(x), size - place(y), r);
    context.fillStyle = CLASS_COLOURS[k];
    context.fill();
    context.lineWidth = zoom * (large ? 2 : 0.8);
    context.strokeStyle = large ? ink : paper;
    if (!small) context.stroke();
  };
  const points = pointsOf(view);
  const plain = points.length > 80 ? 3.6 : 5.2; // a few points must not look lost
  points.filter((point) => !point[3]).forEach(drawOne);
  points.filter((point) => point[3]).forEach(drawOne);
  context.globalAlpha = 1;
}

function drawProbe(view, context, size, ink, paper) {
  const [x, y] = centreOf(view, view.probe).map((v) => ((v / view.data.reach + 1) / 2) * size);
  const zoom = zoomOf(size);
  for (const [width, colour] of [[5, paper], [2, ink]]) {
    context.lineWidth = width * zoom;
    context.strokeStyle = colour;
    context.beginPath();
    context.arc(x, size - y, 9 * zoom, 0, 2 * Math.PI);
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(x + 9 * dx * zoom, size - y + 9 * dy * zoom);
      context.lineTo(x + 15 * dx * zoom, size - y + 15 * dy * zoom);
    }
    context.stroke();
  }
}

function centreOf(view, cell) {
  const { grid, reach } = view.data;
  return [cell % grid, Math.floor(cell / grid)].map((i) => ((i + 0.5) / grid) * 2 * reach - reach);
}

function draw(view) {
  view.scheduled = 0;
  const { data, body } = view;
  const style = getComputedStyle(body);
  const ink = style.color;
  const paper = style.getPropertyValue("--st-background-color") || "#fff";
  const scratch = (view.scratch ??= element("canvas", { width: SHADES, height: SHADES }));
  data.networks.forEach((network, n) => {
    const canvas = view.canvases[n];
    const size = Math.round(canvas.clientWidth * (window.devicePixelRatio || 1));
    if (!size) return;
    if (canvas.width !== size) canvas.width = canvas.height = size;
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, size, size);
    if (network.numbers && !edited(view)) {
      scratch.getContext("2d").putImageData(shade(view, network), 0, 0);
      context.imageSmoothingQuality = "high";
      context.drawImage(scratch, 0, 0, size, size);
      drawBoundary(view, network, context, size, ink);
    }
    drawPoints(view, context, size, network.who === "teacher", ink, paper);
    drawProbe(view, context, size, ink, paper);
  });
  if (view.lastDrawn !== view.frame) body.dataset.drawn = Number(body.dataset.drawn) + 1;
  view.lastDrawn = view.frame;
  body.dataset.frame = view.frame;
  write(view);
}

// -------------------------------------------------------------------------------------- words

function write(view) {
  const { data, body } = view;
  const { words } = data;
  const last = lastFrame(view);
  const find = (selector) => body.querySelector(selector);
  const playing = view.playing;
  find(".play").textContent = playing ? words.pause : words.play;
  const range = find(".timeline input");
  range.max = last;
  range.value = view.frame;
  const at = view.ready ? fill(words.at, { frame: view.frame, last }) : words.untrained;
  range.setAttribute("aria-valuetext", at);
  find(".at").textContent = at;
  for (const name of [".play", ".step", ".reset"]) find(name).disabled = !view.ready || edited(view);
  range.disabled = !view.ready || edited(view);
  find(".new-seed").textContent = fill(words.new_seed, { seed: data.seed });

  const place = centreOf(view, view.probe);
  const raw = place.map((v, i) => v * data.scale[i] + data.centre[i]);
  const where = { x: short(raw[0]), y: short(raw[1]), x_name: data.axes[0], y_name: data.axes[1] };
  const label = hardLabel(view, place);
  find(".probe").replaceChildren(
    fill(words.here, where) + " ",
    ...(label === null ? [words.no_label] : [icon(label), " ", element("strong", {}, nameOf(view, label))]),
  );
  data.networks.forEach((network, n) => {
    const column = view.columns[n];
    const shown = view.ready && !edited(view);
    const right = shown ? network.accuracy[view.frame] : null;
    column.querySelector(".accuracy").textContent = shown ? percent3(right) : "–";
    const p = shown ? probabilitiesAt(view, network, view.probe) : null;
    column.querySelectorAll(".fill").forEach((node, k) => node.style.setProperty("--p", p ? p[k] : 0));
    column.querySelectorAll(".value").forEach((node, k) => { node.textContent = p ? percent(p[k]) : "–"; });
    column.querySelector(".doubt").textContent =
      `${words.entropy} ${p ? entropy(p).toFixed(2) : "–"} · T = ${view.temperature.toFixed(1)}`;
    const said = p ? p.map((q, k) => `${data.classNames[k]} ${percent(q)}`).join(", ") : "";
    view.canvases[n].setAttribute("aria-label", fill(shown ? words.alternative : words.alternative_empty, {
      name: network.name, at, right: percent3(right), set: words.measured, said, ...where,
    }));
    if (!view.table) return;
    const cells = view.table[n];
    cells[0].textContent = shown ? percent3(right) : "–";
    cells[1].textContent = shown ? percent3(network.accuracy[last]) : "–";
    cells[2].textContent = shown ? network.samples[view.frame].toLocaleString("en") : "–";
    for (let k = 0; k < data.classes; k++) cells[3 + k].textContent = p ? `${(100 * p[k]).toFixed(2)} %` : "–";
  });
}

const percent3 = (p) => (p === null ? "–" : `${(100 * p).toFixed(1)} %`);
const short = (v) => Number(v.toPrecision(2)).toString().replace("-", "−");

// The hard label of a place is that of the nearest training point, if one is near at all.
function hardLabel(view, [x, y]) {
  let best = view.data.near ** 2;
  let label = null;
  for (const [px, py, k] of pointsOf(view)) {
    const distance = (px - x) ** 2 + (py - y) ** 2;
    if (distance <= best) [best, label] = [distance, k];
  }
  return label;
}

function writeEditor(view) {
  const { data, body } = view;
  const editor = body.querySelector(".editor");
  editor.hidden = !data.editable;
  if (!data.editable) return;
  body.querySelectorAll(".modes button").forEach((button) => {
    button.setAttribute("aria-pressed", String(Number(button.dataset.mode) === view.mode));
  });
  const counts = data.ownNames.map(() => 0);
  view.own.forEach(([, , k]) => { counts[k] += 1; });
  const used = counts.filter(Boolean);
  const enough = used.length >= 2 && used.every((n) => n >= data.fewest);
  body.querySelector(".undo").disabled = body.querySelector(".clear").disabled = !view.own.length;
  body.querySelector(".train").disabled = !enough || !edited(view);
  const tally = counts.map((n, k) => (n ? `${data.ownNames[k]}: ${n}` : "")).filter(Boolean).join(" · ");
  body.querySelector(".counts").textContent = enough ? tally : [tally, data.words.too_few].filter(Boolean).join(" · ");
}

// -------------------------------------------------------------------------------------- playing

const lastFrame = (view) => Math.max(0, (view.data.networks[0]?.accuracy.length ?? 1) - 1);

function schedule(view) {
  view.scheduled ||= requestAnimationFrame(() => draw(view));
}

function show(view, frame) {
  view.frame = Math.min(Math.max(frame, 0), lastFrame(view));
  schedule(view);
}

function play(view) {
  cancelAnimationFrame(view.ticking);
  if (view.frame >= lastFrame(view)) view.frame = 0;
  view.playing = true;
  let due = null;
  const tick = (now) => {
    if (!view.playing) return;
    const step = 1000 / (FRAMES_PER_SECOND * view.speed);
    due ??= now + step;
    if (now >= due) {
      // Behind by more than one frame, the film skips: it keeps its pace on a slow machine.
      const skipped = Math.floor((now - due) / step);
      due += (1 + skipped) * step;
      view.frame = Math.min(view.frame + 1 + skipped, lastFrame(view));
      if (view.frame === lastFrame(view)) view.playing = false;
      draw(view);
    }
    if (view.playing) view.ticking = requestAnimationFrame(tick);
  };
  view.ticking = requestAnimationFrame(tick);
  schedule(view);
}

function pause(view) {
  view.playing = false;
  cancelAnimationFrame(view.ticking);
  schedule(view);
}

// -------------------------------------------------------------------------------------- pointing

function cellAt(view, x, y) {
  const { grid } = view.data;
  const index = (share) => Math.min(Math.max(Math.floor(share * grid), 0), grid - 1);
  return index(1 - y) * grid + index(x);
}

function touched(view, canvas, event) {
  const box = canvas.getBoundingClientRect();
  const x = (event.clientX - box.left) / box.width;
  const y = (event.clientY - box.top) / box.height;
  view.probe = cellAt(view, x, y);
  if (view.data.editable && view.mode >= 0) {
    const { reach } = view.data;
    addPoint(view, 2 * reach * x - reach, reach - 2 * reach * y);
  }
  schedule(view);
}

function addPoint(view, x, y) {
  const { centre, scale } = view.data;
  view.own.push([x * scale[0] + centre[0], y * scale[1] + centre[1], view.mode]);
  changeOwn(view);
}

function changeOwn(view) {
  view.changed = true;
  pause(view);
  writeEditor(view);
}

function pressed(view, event) {
  const { grid } = view.data;
  const [column, row] = [view.probe % grid, Math.floor(view.probe / grid)];
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  if (moves[event.key]) {
    const inside = (i) => Math.min(Math.max(i, 0), grid - 1);
    view.probe = inside(row + moves[event.key][1]) * grid + inside(column + moves[event.key][0]);
  } else if (["Enter", " "].includes(event.key) && view.data.editable && view.mode >= 0) {
    addPoint(view, ...centreOf(view, view.probe));
  } else return;
  event.preventDefault();
  schedule(view);
}

// -------------------------------------------------------------------------------------- building

function build(view) {
  const { data, body } = view;
  const shape = JSON.stringify([data.classNames, data.looks, data.ownNames, data.networks.map((n) => n.name), data.words]);
  if (view.shape === shape) return;
  view.shape = shape;
  const { words } = data;
  const className = (k) => element("span", { class: "class" }, icon(data.looks[k]), element("span", {}, data.classNames[k]));
  view.columns = data.networks.map((network) => {
    const canvas = element("canvas", { role: "img", tabindex: 0, width: 300, height: 300 });
    canvas.onclick = (event) => touched(view, canvas, event);
    canvas.onkeydown = (event) => pressed(view, event);
    const bars = element("div", { class: "bars", "aria-hidden": "true" });
    for (let k = 0; k < data.classes; k++) {
      bars.append(className(k), element("div", { class: "track" }, element("div", { class: "fill" })), element("span", { class: "value" }));
    }
    bars.append(element("span", { class: "doubt" }));
    const head = element("div", { class: "head" },
      element("span", { class: `marker ${network.marker}` }),
      element("span", { class: "name" }, network.name),
      element("span", { class: "accuracy" }));
    const node = element("div", { class: "plane", "data-who": network.who }, head, canvas, bars);
    node.style.setProperty("--colour", network.colour);
    return node;
  });
  view.canvases = view.columns.map((column) => column.querySelector("canvas"));
  body.querySelector(".planes").replaceChildren(...view.columns);
  view.observer?.disconnect();
  view.observer = new ResizeObserver(() => schedule(view));
  view.canvases.forEach((canvas) => view.observer.observe(canvas));

  const legend = body.querySelector(".legend");
  legend.replaceChildren(...data.classNames.map((_, k) => {
    const node = className(k);
    node.firstChild.after(" ");
    return node;
  }), `${fill(words.percentages, { set: words.measured })} ${words.legend}`);
  body.querySelector("summary").textContent = words.table;
  const heads = ["", words.accuracy_now, words.accuracy_end, words.samples, ...data.classNames.map((n) => fill(words.probability, { name: n }))];
  body.querySelector("thead tr").replaceChildren(...heads.map((text) => (text ? element("th", { scope: "col" }, text) : element("td"))));
  const rows = data.networks.map((network) => element("tr", {}, element("th", { scope: "row" }, network.name),
    ...heads.slice(1).map(() => element("td"))));
  body.querySelector("tbody").replaceChildren(...rows);
  view.table = rows.map((row) => [...row.querySelectorAll("td")]);

  const modes = [[-1, words.inspect], ...data.ownNames.map((name, k) => [k, fill(words.add, { name })])];
  body.querySelector(".modes").replaceChildren(...modes.map(([mode, text]) => {
    const button = element("button", { type: "button", "data-mode": mode }, ...(mode < 0 ? [] : [icon(mode), " "]), text);
    button.onclick = () => { view.mode = mode; writeEditor(view); };
    return button;
  }));
  for (const name of ["step", "reset", "undo", "clear", "train"]) body.querySelector(`.${name}`).textContent = words[name];
  body.querySelector(".speed > span").textContent = words.speed;
  body.querySelector(".timeline > span").textContent = words.timeline;
  body.querySelector(".transport").setAttribute("aria-label", words.transport);
  body.querySelector(".editor").setAttribute("aria-label", words.editor);
}

export default function ({ parentElement, data, setTriggerValue }) {
  const view = (parentElement._view ??= { frame: 0, speed: 1, probe: null, mode: 0, own: [], changed: false });
  const body = (view.body = parentElement.querySelector(".boundaries"));
  const before = view.data;
  const isNew = !before || before.film !== data.film;
  // The film's numbers are taken over from the last call when it is the same film.
  data.networks.forEach((network, n) => {
    if (!isNew) network.numbers = before.networks[n].numbers;
    else if (network.logits) network.numbers = fromHalves(network.logits);
    delete network.logits;
  });
  view.data = data;
  view.ready = data.networks.every((network) => network.numbers);
  view.between = interpolation(data.grid);
  view.probe ??= (data.grid / 2) * data.grid + data.grid / 2;
  if (view.fromPython !== data.temperature) view.temperature = view.fromPython = data.temperature;
  if (isNew) view.lastDrawn = undefined;
  // What was placed since stays when only T, a width or the seed has changed.
  const known = JSON.stringify(data.ownPoints);
  if (data.editable && view.known !== known) {
    view.known = known;
    view.own = data.ownPoints.map((point) => [...point]);
    view.changed = false;
  }
  body.classList.toggle("stale", data.stale);
  body.classList.toggle("empty", !view.ready);

  build(view);
  const find = (selector) => body.querySelector(selector);
  find(".play").onclick = () => (view.playing ? pause(view) : play(view));
  find(".step").onclick = () => { pause(view); show(view, view.frame + 1); };
  find(".reset").onclick = () => { pause(view); show(view, 0); };
  find(".timeline input").oninput = (event) => { pause(view); show(view, event.target.valueAsNumber); };
  find(".speed select").onchange = (event) => {
    view.speed = Number(event.target.value);
    if (view.playing) play(view);
  };
  find(".new-seed").onclick = () => setTriggerValue("new_seed", data.seed);
  find(".undo").onclick = () => { view.own.pop(); changeOwn(view); };
  find(".clear").onclick = () => { view.own = []; changeOwn(view); };
  find(".train").onclick = () => {
    if (JSON.stringify(view.own) !== view.known) return setTriggerValue("own_points", view.own);
    view.changed = false; // edited back to what is trained already
    writeEditor(view);
    schedule(view);
  };

  const onTemperature = (event) => { view.temperature = event.detail; schedule(view); };
  window.removeEventListener(TEMPERATURE_EVENT, view.onTemperature);
  view.onTemperature = onTemperature;
  window.addEventListener(TEMPERATURE_EVENT, onTemperature);

  writeEditor(view);
  // Another set, seed or network is a new film, and begins. Another T or α only changes one of
  // the three: the film stays where it is, so that the change can be seen.
  if (isNew && view.ready && view.story !== data.story) {
    view.story = data.story;
    view.frame = 0;
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) pause(view);
    else play(view);
  } else if (view.playing) {
    play(view);
  }
  show(view, view.frame);
  return () => {
    window.removeEventListener(TEMPERATURE_EVENT, view.onTemperature);
    cancelAnimationFrame(view.ticking);
    cancelAnimationFrame(view.scheduled);
    view.scheduled = 0;
  };
}
