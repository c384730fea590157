// Live soft-label bars. The component holds the logits of a few digits and softens them itself, so
// the bars move with the temperature slider, in the same frame, without asking the server.

const EVENT = "dark-knowledge:temperature";
const PIXEL_LEVELS = 16;

// p_i = exp(z_i / T) / Σ_j exp(z_j / T), with the largest logit taken off first. The same formula
// as kdcore.losses.soft_labels; a browser test compares the two.
function softLabels(logits, temperature) {
  const largest = Math.max(...logits);
  const powers = logits.map((z) => Math.exp((z - largest) / temperature));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

function entropy(probabilities) {
  return probabilities.reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0);
}

const percent = (p) => (p >= 0.0995 ? (100 * p).toFixed(0) : p >= 0.0005 ? (100 * p).toFixed(1) : "0");

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function drawDigit(canvas, pixels) {
  const size = Math.sqrt(pixels.length);
  canvas.width = canvas.height = size;
  const context = canvas.getContext("2d");
  const image = context.createImageData(size, size);
  pixels.forEach((ink, i) => {
    const grey = 255 - Math.round((ink / PIXEL_LEVELS) * 235);
    image.data.set([grey, grey, grey, 255], 4 * i);
  });
  context.putImageData(image, 0, 0);
}

function buildThumbnails(view, data, choose) {
  const list = view.root.querySelector(".thumbnails");
  list.hidden = !data.thumbnails;
  const shown = data.digits.map((digit) => digit.index).join() + data.words.hardest;
  if (list.dataset.shown === shown) return;
  list.dataset.shown = shown;
  list.replaceChildren();
  data.digits.forEach((digit) => {
    const canvas = element("canvas", { "aria-hidden": "true" });
    drawDigit(canvas, digit.pixels);
    const button = element("button", { type: "button", "data-index": digit.index }, canvas);
    const name = data.words.digit.replace("{label}", digit.label);
    button.setAttribute("aria-label", digit.hardest ? `${data.words.hardest} (${name})` : name);
    if (digit.hardest) {
      button.classList.add("hardest");
      button.append(element("span", {}, data.words.hardest));
    }
    button.onclick = () => choose(digit.index);
    list.append(button);
  });
}

function buildRows(view, data) {
  const rows = view.root.querySelector(".rows");
  if (rows.childElementCount) return;
  for (const row of data.rows) {
    const columns = element("div", { class: "columns" });
    for (let c = 0; c < data.classes; c++) {
      columns.append(
        element("div", { class: "column" },
          element("span", { class: "value" }),
          element("div", { class: "bar" })));
    }
    const head = element("div", { class: "head" },
      element("span", { class: `marker ${row.marker}` }),
      element("span", { class: "name" }, row.name),
      element("span", { class: "entropy" }));
    const node = element("div", { class: "row", role: "img", "data-who": row.who }, head, columns);
    node.style.setProperty("--colour", row.colour);
    rows.append(node);
  }
  const axis = element("div", { class: "columns axis", "aria-hidden": "true" });
  for (let c = 0; c < data.classes; c++) axis.append(element("div", { class: "column" }, String(c)));
  const at = element("div", { class: "head at" }, "T = ", element("strong", { class: "temperature" }));
  rows.append(element("div", { class: "row" }, at, axis));
}

function probabilitiesOf(data, digit, who, temperature) {
  if (who === "label") return Array.from({ length: data.classes }, (_, c) => Number(c === digit.label));
  return softLabels(digit.logits[who], temperature);
}

function draw(view) {
  const { data, temperature } = view;
  const digit = data.digits.find((d) => d.index === view.chosen) ?? data.digits[0];
  view.root.querySelectorAll(".thumbnails button").forEach((button) => {
    button.setAttribute("aria-pressed", String(Number(button.dataset.index) === digit.index));
  });
  const table = view.root.querySelector("tbody");
  if (!table.childElementCount) {
    data.rows.forEach(() => table.append(element("tr", {}, element("th", { scope: "row" }),
      ...Array.from({ length: data.classes + 1 }, () => element("td")))));
  }
  view.root.querySelector(".temperature").textContent = temperature.toFixed(1);
  const nodes = view.root.querySelectorAll(".row[data-who]");
  data.rows.forEach((row, r) => {
    const at = row.temperature ?? temperature; // some rows stay at a temperature of their own
    const p = probabilitiesOf(data, digit, row.who, at);
    const h = entropy(p);
    const node = nodes[r];
    node.querySelectorAll(".column").forEach((column, c) => {
      column.classList.toggle("true-class", c === digit.label);
      column.style.setProperty("--p", p[c]);
      const value = column.querySelector(".value");
      value.textContent = percent(p[c]);
      value.classList.toggle("faint", p[c] < 0.0005);
    });
    node.querySelector(".entropy").textContent = `${data.words.entropy} ${h.toFixed(2)}`;
    const likeliest = p.map((q, c) => [q, c]).sort((a, b) => b[0] - a[0]).slice(0, 3)
      .map(([q, c]) => `${c}: ${percent(q)} %`).join(", ");
    node.setAttribute("aria-label",
      `${row.name}, T = ${at.toFixed(1)}: ${likeliest}; ${data.words.entropy_long} ${h.toFixed(2)}`);
    const cells = table.children[r].children;
    cells[0].textContent = row.name;
    p.forEach((q, c) => { cells[c + 1].textContent = `${(100 * q).toFixed(2)} %`; });
    cells[data.classes + 1].textContent = h.toFixed(3);
  });
  view.root.querySelectorAll(".axis .column").forEach((column, c) => {
    column.classList.toggle("true-class", c === digit.label);
  });
}

export default function ({ parentElement, data, setStateValue }) {
  const view = (parentElement._view ??= { root: parentElement, frame: 0 });
  view.data = data;
  const body = parentElement.querySelector(".live-bars");
  body.style.setProperty("--height", data.height);
  body.classList.toggle("only-thumbnails", !data.rows.length);
  body.classList.toggle("stale", data.stale);
  body.classList.toggle("empty", !data.digits.length);
  parentElement.querySelector(".hint").textContent = data.words.hint;
  parentElement.querySelector(".waiting").textContent = data.words.waiting;
  parentElement.querySelector("summary").textContent = data.words.table;
  parentElement.querySelector(".corner").textContent = data.words.entropy_long;
  const redraw = () => { view.frame = 0; if (view.data.digits.length) draw(view); };

  // Python's T counts until the slider is dragged again.
  if (view.fromPython !== data.temperature) view.temperature = view.fromPython = data.temperature;
  if (view.chosenByPython !== data.chosen) view.chosen = view.chosenByPython = data.chosen;
  const onTemperature = (event) => {
    view.temperature = event.detail;
    view.frame ||= requestAnimationFrame(redraw);
  };
  window.removeEventListener(EVENT, view.onTemperature);
  view.onTemperature = onTemperature;
  window.addEventListener(EVENT, onTemperature);

  if (data.digits.length) {
    buildThumbnails(view, data, (index) => {
      view.chosen = index;
      draw(view);
      setStateValue("digit", index);
    });
    buildRows(view, data);
    draw(view);
  }
  return () => {
    window.removeEventListener(EVENT, view.onTemperature);
    cancelAnimationFrame(view.frame);
  };
}
