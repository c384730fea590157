// @ts-check
// The film of three networks learning, played on canvases. It holds the logits of every frame and
// cell, so play, step, scrubbing, T and clicks are answered here, without asking the server.

import {
  colourAs, contextOf, element, entropy, fill, find, findAll, followTemperature, fromHalves, inTurn,
  percent, softLabels, zeroLines,
} from "./common.js";

const FRAMES_PER_SECOND = 15; // at 1 ×: the whole training in four seconds
const SHADES = 80; // pixels along a side that are computed; the canvas draws them larger

/**
 * @typedef {[x: number, y: number]} Place
 * @typedef {[x: number, y: number, look: number, seen: boolean]} Point
 * @typedef {[x: number, y: number, look: number]} Placed in the units it was placed in
 * @typedef {{ colour: string, shape: string }} Look how the points of a class look
 * @typedef {{
 *   who: string, name: string, marker: string, accuracy: number[], samples: number[],
 *   logits?: string, numbers: Float32Array,
 * }} Network its logits become numbers here; while there is no film it has none
 * @typedef {{
 *   film: string, story: string, networks: Network[], grid: number, reach: number, near: number,
 *   classes: number, classNames: string[], looks: number[], palette: Look[], axes: string[],
 *   centre: Place, scale: Place, points: Point[], temperature: number, seed: number,
 *   editable: boolean, ownPoints: Placed[], ownNames: string[], fewest: number, stale: boolean,
 *   words: Record<string, string>,
 * }} Data
 * @typedef {{
 *   data: Data, body: HTMLElement, ready: boolean, frame: number, lastDrawn?: number,
 *   temperature: number, probe: number, speed: number, playing: boolean, ticking: number,
 *   scheduled: number, mode: number, own: Placed[], known?: string, changed: boolean,
 *   colours: number[][], between: { low: Int16Array, share: Float32Array },
 *   columns: HTMLElement[], canvases: HTMLCanvasElement[], table: HTMLElement[][],
 *   image?: ImageData, scratch?: HTMLCanvasElement, observer?: ResizeObserver, shape?: string,
 *   story?: string, fromPython?: number, unfollow?: () => void, unseen?: IntersectionObserver,
 * }} View
 */

// ------------------------------------------------------------------------------------- numbers

/**
 * The last class's logit is 0, since only differences from it were sent.
 * @param {View} view
 * @param {Network} network
 * @param {number} cell
 */
function probabilitiesAt(view, network, cell) {
  const { data } = view;
  const width = data.classes - 1;
  const start = (view.frame * data.grid * data.grid + cell) * width;
  return softLabels([...network.numbers.subarray(start, start + width), 0], view.temperature);
}

/**
 * Where each computed pixel lies between the four nearest cells: the same for every frame.
 * @param {number} grid
 */
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

/**
 * @param {View} view
 * @param {Network} network
 */
function shade(view, network) {
  const { data, between, temperature } = view;
  const { grid, classes } = data;
  const width = classes - 1;
  const frame = view.frame * grid * grid * width;
  const numbers = network.numbers;
  const image = (view.image ??= new ImageData(SHADES, SHADES));
  const p = new Float32Array(classes);
  const colours = data.looks.map((look) => view.colours[look]);
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

/**
 * The decision boundary: for each class the line on which its logit ties with the largest of the
 * others.
 * @param {View} view
 * @param {Network} network
 * @param {CanvasRenderingContext2D} context
 * @param {number} size
 * @param {string} ink
 */
function drawBoundary(view, network, context, size, ink) {
  const { grid, classes } = view.data;
  const width = classes - 1;
  const start = view.frame * grid * grid * width;
  const lead = new Float32Array(grid * grid);
  const place = (/** @type {number} */ i) => ((i + 0.5) / grid) * size;
  context.beginPath();
  for (let k = 0; k < (classes === 2 ? 1 : classes); k++) {
    for (let cell = 0; cell < grid * grid; cell++) {
      let other = k === width ? -Infinity : 0;
      for (let j = 0; j < width; j++) {
        if (j !== k) other = Math.max(other, network.numbers[start + cell * width + j]);
      }
      lead[cell] = (k === width ? 0 : network.numbers[start + cell * width + k]) - other;
    }
    const pieces = zeroLines(lead, grid);
    for (let i = 0; i < pieces.length; i += 4) {
      context.moveTo(place(pieces[i]), size - place(pieces[i + 1]));
      context.lineTo(place(pieces[i + 2]), size - place(pieces[i + 3]));
    }
  }
  context.lineWidth = 2.2 * zoomOf(size);
  context.lineCap = "round";
  context.strokeStyle = ink;
  context.stroke();
}

/**
 * What is drawn grows with the plane, but stays large enough to be told apart on a phone.
 * @param {number} size
 */
function zoomOf(size) {
  const pixels = window.devicePixelRatio || 1;
  return pixels * Math.min(Math.max(size / pixels / 300, 0.75), 1.5);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {string} shape
 * @param {number} x
 * @param {number} y
 * @param {number} r
 */
function trace(context, shape, x, y, r) {
  context.beginPath();
  if (shape === "circle") context.arc(x, y, r, 0, 2 * Math.PI);
  else if (shape === "square") context.rect(x - 0.88 * r, y - 0.88 * r, 1.76 * r, 1.76 * r);
  else {
    outline(shape).forEach(([dx, dy], i) => {
      (i ? context.lineTo : context.moveTo).call(context, x + 1.2 * r * dx, y + 1.2 * r * dy);
    });
    context.closePath();
  }
}

/**
 * @param {string} shape
 * @returns {Place[]}
 */
function outline(shape) {
  if (shape === "triangle") return [[0, -1], [0.92, 0.7], [-0.92, 0.7]];
  if (shape === "diamond") return [[0, -1], [1, 0], [0, 1], [-1, 0]];
  const a = 0.33;
  /** @type {Place[]} */
  const plus = [[-a, -1], [a, -1], [a, -a], [1, -a], [1, a], [a, a], [a, 1], [-a, 1], [-a, a], [-1, a], [-1, -a], [-a, -a]];
  const turn = Math.SQRT1_2;
  return shape === "plus" ? plus : plus.map(([x, y]) => [turn * (x - y), turn * (x + y)]);
}

/**
 * The same shapes as an inline picture for bars, buttons and legend.
 * @param {Look} look
 */
function icon({ colour, shape }) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "-1.25 -1.25 2.5 2.5");
  svg.setAttribute("aria-hidden", "true");
  const node = document.createElementNS(svg.namespaceURI, shape === "circle" ? "circle" : "polygon");
  if (shape === "circle") node.setAttribute("r", "0.95");
  else {
    const corners = shape === "square" ? [[-0.85, -0.85], [0.85, -0.85], [0.85, 0.85], [-0.85, 0.85]] : outline(shape);
    node.setAttribute("points", corners.map((c) => c.map((n) => 1.1 * n).join()).join(" "));
  }
  node.setAttribute("fill", colour);
  svg.append(node);
  return svg;
}

/** @param {View} view */
const edited = (view) => view.data.editable && (view.changed || !view.ready);

/**
 * The learner may use classes B and D only: they are classes 0 and 1 of the networks, and yet keep
 * their looks. So points carry the number of their look, data.looks[class].
 * @param {View} view
 * @param {number} look
 */
function nameOf(view, look) {
  const { ownNames, classNames, looks } = view.data;
  return edited(view) ? ownNames[look] : classNames[looks.indexOf(look)];
}

/**
 * Points in standardised units.
 * @param {View} view
 * @returns {Point[]}
 */
function pointsOf(view) {
  const { data } = view;
  if (!edited(view)) return data.points;
  return view.own.map(([x, y, k]) => [
    (x - data.centre[0]) / data.scale[0], (y - data.centre[1]) / data.scale[1], k, true,
  ]);
}

/**
 * @param {View} view
 * @param {CanvasRenderingContext2D} context
 * @param {number} size
 * @param {boolean} isTeacher
 * @param {string} ink
 * @param {string} paper
 */
function drawPoints(view, context, size, isTeacher, ink, paper) {
  const zoom = zoomOf(size);
  const place = (/** @type {number} */ value) => ((value / view.data.reach + 1) / 2) * size;
  const equal = isTeacher || edited(view);
  const points = pointsOf(view);
  const plain = points.length > 80 ? 3.6 : 5.2; // a few points must not look lost
  const drawOne = (/** @type {Point} */ [x, y, k, seen]) => {
    const large = !equal && seen;
    const small = !equal && !seen;
    const r = zoom * (large ? 6 : small ? 2 : plain);
    context.globalAlpha = small ? 0.5 : 1;
    const { colour, shape } = view.data.palette[k];
    trace(context, shape, place(x), size - place(y), r);
    context.fillStyle = colour;
    context.fill();
    context.lineWidth = zoom * (large ? 2 : 0.8);
    context.strokeStyle = large ? ink : paper;
    if (!small) context.stroke();
  };
  points.filter((point) => !point[3]).forEach(drawOne);
  points.filter((point) => point[3]).forEach(drawOne);
  context.globalAlpha = 1;
}

/**
 * @param {View} view
 * @param {CanvasRenderingContext2D} context
 * @param {number} size
 * @param {string} ink
 * @param {string} paper
 */
function drawProbe(view, context, size, ink, paper) {
  const [x, y] = centreOf(view, view.probe).map((v) => ((v / view.data.reach + 1) / 2) * size);
  const zoom = zoomOf(size);
  for (const { width, colour } of [{ width: 5, colour: paper }, { width: 2, colour: ink }]) {
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

/**
 * @param {View} view
 * @param {number} cell
 * @returns {Place}
 */
function centreOf(view, cell) {
  const { grid, reach } = view.data;
  const centre = (/** @type {number} */ i) => ((i + 0.5) / grid) * 2 * reach - reach;
  return [centre(cell % grid), centre(Math.floor(cell / grid))];
}

/** @param {View} view */
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
    const context = contextOf(canvas);
    context.clearRect(0, 0, size, size);
    if (view.ready && !edited(view)) {
      contextOf(scratch).putImageData(shade(view, network), 0, 0);
      context.imageSmoothingQuality = "high";
      context.drawImage(scratch, 0, 0, size, size);
      drawBoundary(view, network, context, size, ink);
    }
    drawPoints(view, context, size, network.who === "teacher", ink, paper);
    drawProbe(view, context, size, ink, paper);
  });
  if (view.lastDrawn !== view.frame) body.dataset.drawn = String(Number(body.dataset.drawn) + 1);
  view.lastDrawn = view.frame;
  body.dataset.frame = String(view.frame);
  write(view);
}

// -------------------------------------------------------------------------------------- words

/** @param {View} view */
function write(view) {
  const { data, body } = view;
  const { words } = data;
  const last = lastFrame(view);
  find(body, ".play").textContent = view.playing ? words.pause : words.play;
  const range = find(body, ".timeline input");
  range.max = last;
  range.value = view.frame;
  const at = view.ready ? fill(words.at, { frame: view.frame, last }) : words.untrained;
  range.setAttribute("aria-valuetext", at);
  find(body, ".at").textContent = at;
  for (const node of [range, ...[".play", ".step", ".reset"].map((name) => find(body, name))]) {
    node.disabled = !view.ready || edited(view);
  }
  find(body, ".new-seed").textContent = fill(words.new_seed, { seed: data.seed });

  const place = centreOf(view, view.probe);
  const raw = place.map((v, i) => v * data.scale[i] + data.centre[i]);
  const where = { x: short(raw[0]), y: short(raw[1]), x_name: data.axes[0], y_name: data.axes[1] };
  const label = hardLabel(view, place);
  find(body, ".probe").replaceChildren(
    fill(words.here, where) + " ",
    ...(label === null ? [words.no_label] : [icon(data.palette[label]), " ", element("strong", {}, nameOf(view, label))]),
  );
  data.networks.forEach((network, n) => {
    const column = view.columns[n];
    const shown = view.ready && !edited(view);
    const right = shown ? share(network.accuracy[view.frame]) : "–";
    find(column, ".accuracy").textContent = right;
    const p = shown ? probabilitiesAt(view, network, view.probe) : null;
    findAll(column, ".fill").forEach((node, k) => node.style.setProperty("--p", String(p ? p[k] : 0)));
    findAll(column, ".value").forEach((node, k) => { node.textContent = p ? `${percent(p[k])} %` : "–"; });
    find(column, ".doubt").textContent =
      `${words.entropy} ${p ? entropy(p).toFixed(2) : "–"} · T = ${view.temperature.toFixed(1)}`;
    const said = p ? p.map((q, k) => `${data.classNames[k]} ${percent(q)} %`).join(", ") : "";
    view.canvases[n].setAttribute("aria-label", fill(shown ? words.alternative : words.alternative_empty, {
      name: network.name, at, right, set: words.measured, said, ...where,
    }));
    const cells = view.table[n];
    cells[0].textContent = right;
    cells[1].textContent = shown ? share(network.accuracy[last]) : "–";
    cells[2].textContent = shown ? network.samples[view.frame].toLocaleString("en") : "–";
    for (let k = 0; k < data.classes; k++) cells[3 + k].textContent = p ? `${(100 * p[k]).toFixed(2)} %` : "–";
  });
}

const share = (/** @type {number} */ p) => `${(100 * p).toFixed(1)} %`;
const short = (/** @type {number} */ v) => Number(v.toPrecision(2)).toString().replace("-", "−");

/**
 * The hard label of a place is that of the nearest training point, if one is near at all.
 * @param {View} view
 * @param {Place} place
 */
function hardLabel(view, [x, y]) {
  let best = view.data.near ** 2;
  let label = /** @type {number | null} */ (null);
  for (const [px, py, k] of pointsOf(view)) {
    const distance = (px - x) ** 2 + (py - y) ** 2;
    if (distance <= best) {
      best = distance;
      label = k;
    }
  }
  return label;
}

/** @param {View} view */
function writeEditor(view) {
  const { data, body } = view;
  find(body, ".editor").hidden = !data.editable;
  if (!data.editable) return;
  findAll(body, ".modes button").forEach((button) => {
    button.setAttribute("aria-pressed", String(Number(button.dataset.mode) === view.mode));
  });
  const counts = data.ownNames.map(() => 0);
  view.own.forEach(([, , k]) => { counts[k] += 1; });
  const used = counts.filter(Boolean);
  const enough = used.length >= 2 && used.every((n) => n >= data.fewest);
  find(body, ".undo").disabled = find(body, ".clear").disabled = !view.own.length;
  find(body, ".train").disabled = !enough || !edited(view);
  const tally = counts.map((n, k) => (n ? `${data.ownNames[k]}: ${n}` : "")).filter(Boolean).join(" · ");
  find(body, ".counts").textContent = enough ? tally : [tally, data.words.too_few].filter(Boolean).join(" · ");
}

// -------------------------------------------------------------------------------------- playing

/** @param {View} view */
const lastFrame = (view) => Math.max(0, (view.data.networks[0]?.accuracy.length ?? 1) - 1);

/** @param {View} view */
function schedule(view) {
  view.scheduled ||= requestAnimationFrame(() => draw(view));
}

/**
 * @param {View} view
 * @param {number} frame
 */
function show(view, frame) {
  view.frame = Math.min(Math.max(frame, 0), lastFrame(view));
  schedule(view);
}

/**
 * Begin when it can be seen: what has asked for the film may stand a screen below it.
 * @param {View} view
 */
function playWhenSeen(view) {
  pause(view);
  const unseen = (view.unseen = new IntersectionObserver((seen) => {
    if (seen.some((each) => each.isIntersecting)) play(view);
  }, { threshold: 0.6 }));
  unseen.observe(view.canvases[0]);
}

/** @param {View} view */
function play(view) {
  view.unseen?.disconnect();
  cancelAnimationFrame(view.ticking);
  if (view.frame >= lastFrame(view)) view.frame = 0;
  view.playing = true;
  let due = /** @type {number | null} */ (null);
  const tick = (/** @type {number} */ now) => {
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

/** @param {View} view */
function pause(view) {
  view.unseen?.disconnect();
  view.playing = false;
  cancelAnimationFrame(view.ticking);
  schedule(view);
}

// -------------------------------------------------------------------------------------- pointing

/**
 * @param {View} view
 * @param {number} x
 * @param {number} y
 */
function cellAt(view, x, y) {
  const { grid } = view.data;
  const index = (/** @type {number} */ share) => Math.min(Math.max(Math.floor(share * grid), 0), grid - 1);
  return index(1 - y) * grid + index(x);
}

/**
 * @param {View} view
 * @param {HTMLCanvasElement} canvas
 * @param {MouseEvent} event
 */
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

/**
 * @param {View} view
 * @param {number} x
 * @param {number} y
 */
function addPoint(view, x, y) {
  const { centre, scale } = view.data;
  view.own.push([x * scale[0] + centre[0], y * scale[1] + centre[1], view.mode]);
  changeOwn(view);
}

/** @param {View} view */
function changeOwn(view) {
  view.changed = true;
  pause(view);
  writeEditor(view);
}

/**
 * @param {View} view
 * @param {KeyboardEvent} event
 */
function pressed(view, event) {
  const { grid } = view.data;
  const [column, row] = [view.probe % grid, Math.floor(view.probe / grid)];
  /** @type {Record<string, Place>} */
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  if (moves[event.key]) {
    const inside = (/** @type {number} */ i) => Math.min(Math.max(i, 0), grid - 1);
    view.probe = inside(row + moves[event.key][1]) * grid + inside(column + moves[event.key][0]);
  } else if (["Enter", " "].includes(event.key) && view.data.editable && view.mode >= 0) {
    addPoint(view, ...centreOf(view, view.probe));
  } else return;
  event.preventDefault();
  schedule(view);
}

// -------------------------------------------------------------------------------------- building

/** @param {View} view */
function build(view) {
  const { data, body } = view;
  const shape = JSON.stringify([data.classNames, data.looks, data.palette, data.ownNames, data.networks.map((n) => n.name), data.words]);
  if (view.shape === shape) return;
  view.shape = shape;
  const { words } = data;
  const className = (/** @type {number} */ k) =>
    element("span", { class: "class" }, icon(data.palette[data.looks[k]]), element("span", {}, data.classNames[k]));
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
    colourAs(node, network.who);
    return node;
  });
  view.canvases = view.columns.map((column) => find(column, "canvas"));
  find(body, ".planes").replaceChildren(...view.columns);
  view.observer?.disconnect();
  const observer = (view.observer = new ResizeObserver(() => schedule(view)));
  view.canvases.forEach((canvas) => observer.observe(canvas));

  find(body, ".legend").replaceChildren(...data.classNames.map((_, k) => {
    const node = className(k);
    node.firstElementChild?.after(" ");
    return node;
  }), `${fill(words.percentages, { set: words.measured })} ${words.legend}`);
  find(body, "summary").textContent = words.table;
  const heads = ["", words.accuracy_now, words.accuracy_end, words.samples, ...data.classNames.map((n) => fill(words.probability, { name: n }))];
  find(body, "thead tr").replaceChildren(...heads.map((text) => (text ? element("th", { scope: "col" }, text) : element("td"))));
  const rows = data.networks.map((network) => element("tr", {}, element("th", { scope: "row" }, network.name),
    ...heads.slice(1).map(() => element("td"))));
  find(body, "tbody").replaceChildren(...rows);
  view.table = rows.map((row) => findAll(row, "td"));

  const adding = data.ownNames.map((name, mode) => ({ mode, text: fill(words.add, { name }) }));
  const modes = [{ mode: -1, text: words.inspect }, ...adding];
  find(body, ".modes").replaceChildren(...modes.map(({ mode, text }) => {
    const look = mode < 0 ? [] : [icon(data.palette[mode]), " "];
    const button = element("button", { type: "button", "data-mode": mode }, ...look, text);
    button.onclick = () => { view.mode = mode; writeEditor(view); };
    return button;
  }));
  for (const name of ["step", "reset", "undo", "clear", "train"]) find(body, `.${name}`).textContent = words[name];
  find(body, ".speed > span").textContent = words.speed;
  find(body, ".timeline > span").textContent = words.timeline;
  find(body, ".transport").setAttribute("aria-label", words.transport);
  find(body, ".editor").setAttribute("aria-label", words.editor);
}

/**
 * @param {View | undefined} known
 * @param {Data} data
 * @param {HTMLElement} body
 * @returns {View}
 */
function viewOf(known, data, body) {
  return known ?? {
    data, body, ready: false, frame: 0, temperature: data.temperature, speed: 1, playing: false,
    ticking: 0, scheduled: 0, mode: 0, own: [], changed: false, columns: [], canvases: [], table: [],
    probe: (data.grid / 2) * data.grid + data.grid / 2,
    between: interpolation(data.grid),
    colours: data.palette.map(({ colour }) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16))),
  };
}

/**
 * @param {{
 *   parentElement: HTMLElement & { _view?: View },
 *   data: Data,
 *   setTriggerValue: (name: "new_seed" | "own_points", value: number | Placed[]) => void,
 * }} component
 */
function render({ parentElement, data, setTriggerValue }) {
  const before = parentElement._view?.data;
  const isNew = !before || before.film !== data.film;
  const body = /** @type {HTMLElement} */ (find(parentElement, ".boundaries"));
  const view = (parentElement._view = viewOf(parentElement._view, data, body));
  view.body = body;
  // The film's numbers are taken over from the last call when it is the same film.
  data.networks.forEach((network, n) => {
    network.numbers ??= isNew ? fromHalves(network.logits ?? "") : before.networks[n].numbers;
    delete network.logits;
  });
  view.data = data;
  view.ready = data.networks.every((network) => network.numbers.length);
  if (isNew) view.lastDrawn = undefined;
  // What was placed since stays when only T, a width or the seed has changed.
  const known = JSON.stringify(data.ownPoints);
  if (data.editable && view.known !== known) {
    view.known = known;
    view.own = data.ownPoints.map((point) => /** @type {Placed} */ ([...point]));
    view.changed = false;
  }
  body.classList.toggle("stale", data.stale);
  body.classList.toggle("empty", !view.ready);

  build(view);
  find(body, ".play").onclick = () => (view.playing ? pause(view) : play(view));
  find(body, ".step").onclick = () => { pause(view); show(view, view.frame + 1); };
  find(body, ".reset").onclick = () => { pause(view); show(view, 0); };
  find(body, ".timeline input").oninput = (/** @type {any} */ event) => {
    pause(view);
    show(view, event.target.valueAsNumber);
  };
  find(body, ".speed select").onchange = (/** @type {any} */ event) => {
    view.speed = Number(event.target.value);
    if (view.playing) play(view);
  };
  find(body, ".new-seed").onclick = () => setTriggerValue("new_seed", data.seed);
  find(body, ".undo").onclick = () => { view.own.pop(); changeOwn(view); };
  find(body, ".clear").onclick = () => { view.own = []; changeOwn(view); };
  find(body, ".train").onclick = () => {
    if (JSON.stringify(view.own) !== view.known) return setTriggerValue("own_points", view.own);
    view.changed = false; // edited back to what is trained already
    writeEditor(view);
    schedule(view);
  };

  const unfollow = followTemperature(view, data.temperature, () => schedule(view));

  writeEditor(view);
  // Another set, seed or network is a new film, and begins. Another T or α only changes one of
  // the three: the film stays where it is, so that the change can be seen.
  if (isNew && view.ready && view.story !== data.story) {
    view.story = data.story;
    view.frame = 0;
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) pause(view);
    else playWhenSeen(view);
  } else if (view.playing) {
    play(view);
  }
  show(view, view.frame);
  return () => {
    unfollow();
    view.unseen?.disconnect();
    cancelAnimationFrame(view.ticking);
    cancelAnimationFrame(view.scheduled);
    view.scheduled = 0;
  };
}

export default inTurn(render);
