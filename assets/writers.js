// A prompt continued by several networks, letter by letter, each with the probabilities of what it
// could have written. What was drawn and how probable it was comes from kdcore; here it is shown.

const PACE_MS = 450;

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function build(view) {
  const { data, root } = view;
  const rows = root.querySelector(".rows");
  rows.replaceChildren();
  for (const row of data.rows) {
    const columns = element("div", { class: "columns", role: "img" });
    columns.style.setProperty("--symbols", data.symbols.length);
    for (const symbol of data.symbols) {
      columns.append(element("div", { class: "column" },
        element("div", { class: "bar" }), element("span", { class: "letter" }, symbol)));
    }
    const node = element("div", { class: "row", "data-who": row.who },
      element("div", { class: "head" }, element("span", { class: `marker ${row.marker}` }), row.name),
      element("div", { class: "word" }), columns);
    node.style.setProperty("--colour", row.colour);
    rows.append(node);
  }
  view.length = Math.max(...data.rows.map((row) => row.letters.length));
}

// Step 0 shows what comes after the prompt; step n what has been written by n letters.
function draw(view) {
  const { data, at } = view, words = data.words;
  view.root.querySelector(".writers").dataset.at = at;
  data.rows.forEach((row, r) => {
    const node = view.root.querySelectorAll(".row")[r];
    const written = row.letters.slice(0, at), done = at >= row.letters.length;
    const word = node.querySelector(".word");
    const shown = written.map((s) => data.symbols[s]).join("");
    word.replaceChildren(element("span", { class: "prompt" }, data.prompt), element("span", {}, shown.slice(0, -1)),
      element("span", { class: "new" }, shown.slice(-1)));
    if (done) word.append(element("span", { class: "verdict" }, row.valid ? words.valid : words.invalid));
    const now = Math.min(at, row.letters.length - 1), taken = row.letters[now];
    const p = row.probabilities[now];
    node.querySelectorAll(".column").forEach((column, s) => {
      column.style.setProperty("--p", p[s]);
      column.classList.toggle("taken", s === taken);
    });
    const likeliest = p.map((q, s) => [q, data.symbols[s]]).sort((a, b) => b[0] - a[0]).slice(0, 3)
      .map(([q, s]) => `${s}: ${(100 * q).toFixed(0)} %`).join(", ");
    node.querySelector(".columns").setAttribute("aria-label", `${row.name}: ${likeliest}`);
  });
  view.root.querySelector(".play").textContent = view.timer ? words.stop : words.play;
}

function stop(view) {
  clearInterval(view.timer);
  view.timer = 0;
}

export default function ({ parentElement, data }) {
  const view = (parentElement._view ??= { root: parentElement, at: 0, timer: 0 });
  const isNew = view.shown !== data.shown;
  view.data = data;
  if (isNew) {
    view.shown = data.shown;
    stop(view);
    view.at = 0;
    build(view);
  }
  const advance = () => {
    if (view.at >= view.length) stop(view);
    else view.at += 1;
    if (view.at >= view.length) stop(view);
    draw(view);
  };
  const button = (name) => parentElement.querySelector(`.${name}`);
  button("step").textContent = data.words.step;
  button("again").textContent = data.words.again;
  button("play").onclick = () => {
    if (view.timer) stop(view);
    else {
      if (view.at >= view.length) view.at = 0;
      view.timer = setInterval(advance, PACE_MS);
    }
    draw(view);
  };
  button("step").onclick = () => { stop(view); advance(); };
  button("again").onclick = () => { stop(view); view.at = 0; draw(view); };
  draw(view);
  return () => stop(view);
}
