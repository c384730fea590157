// Speculative decoding as it came: each call of the teacher keeps some of the drafted letters,
// strikes one out and puts its own behind. kdcore has run it; here it is shown, call by call.

const PACE_MS = 700;

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function callOf(call, symbols, words) {
  const name = (s) => symbols[s];
  const node = element("span", { class: "call" });
  call.drafted.forEach((symbol, i) => {
    const kind = i < call.kept ? "kept" : i === call.kept ? "rejected" : "unread";
    node.append(element("span", { class: kind, title: words[kind] }, name(symbol)));
  });
  node.append(element("span", { class: "added", title: words.added }, name(call.added)));
  return node;
}

function draw(view) {
  const { data, at } = view, words = data.words;
  view.root.querySelector(".speculation").dataset.at = at;
  data.drafts.forEach((draft, d) => {
    const node = view.root.querySelectorAll(".draft")[d], text = node.querySelector(".text");
    while (text.childElementCount > at) text.lastChild.remove();
    while (text.childElementCount < at) text.append(callOf(draft.calls[text.childElementCount], data.symbols, words));
    [...text.children].forEach((call, i) => call.classList.toggle("old", i < at - 1));
    const letters = draft.calls.slice(0, at).reduce((sum, call) => sum + call.kept + 1, 0);
    node.querySelector(".count").textContent = words.count.replace("{calls}", at).replace("{letters}", letters)
      .replace("{rate}", at ? (letters / at).toFixed(2) : "–");
  });
  view.root.querySelector(".play").textContent = view.timer ? words.stop : words.play;
}

function build(view) {
  const { data, root } = view;
  const legend = root.querySelector(".legend");
  legend.replaceChildren(...["kept", "rejected", "unread", "added"].map((kind) =>
    element("span", { class: kind }, data.words[kind])));
  const drafts = root.querySelector(".drafts");
  drafts.replaceChildren();
  for (const draft of data.drafts) {
    const node = element("div", { class: "draft", "data-who": draft.who },
      element("div", { class: "head" }, element("span", { class: `marker ${draft.marker}` }), draft.name),
      element("div", { class: "count" }), element("p", { class: "text" }));
    node.style.setProperty("--colour", draft.colour);
    drafts.append(node);
  }
  view.length = data.drafts[0].calls.length;
}

function stop(view) {
  clearInterval(view.timer);
  view.timer = 0;
}

export default function ({ parentElement, data }) {
  const view = (parentElement._view ??= { root: parentElement, at: 0, timer: 0 });
  view.data = data;
  for (const [who, colour] of Object.entries(data.colours)) {
    parentElement.querySelector(".speculation").style.setProperty(`--${who}`, colour);
  }
  if (view.shown !== data.shown) {
    view.shown = data.shown;
    stop(view);
    view.at = 0;
    build(view);
  }
  const advance = () => {
    if (view.at < view.length) view.at += 1;
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
