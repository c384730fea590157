// @ts-check
// Turns the pages of the course with the arrow keys, or a clicker, which says PageDown and PageUp;
// Escape leaves presenter type.

const WAYS = new Map([
  ["ArrowRight", "next"],
  ["PageDown", "next"],
  ["ArrowLeft", "previous"],
  ["PageUp", "previous"],
]);
// These use the arrow keys themselves.
const OWN = "input, textarea, select, [contenteditable], [role=slider], [role=radio], [role=option], [role=combobox]";

/** @param {KeyboardEvent} event */
function turn(event) {
  const way = WAYS.get(event.key);
  const inside = event.composedPath()[0];
  if (event.key === "Escape" && !event.defaultPrevented) return leave();
  if (!way || event.altKey || event.ctrlKey || event.metaKey) return;
  if (inside instanceof Element && inside.closest(OWN)) return;
  const link = document.querySelector(`.st-key-way-${way} a`);
  if (!(link instanceof HTMLElement)) return;
  event.preventDefault();
  link.click();
}

/** A list or a menu that is open takes the key for itself. */
function leave() {
  if (document.querySelector("[role=listbox], [role=dialog], [role=menu]")) return;
  const out = document.querySelector(".st-key-presenting-switch")?.querySelector("button");
  if (out instanceof HTMLElement) out.click();
}

export default function () {
  window.addEventListener("keydown", turn);
  return () => window.removeEventListener("keydown", turn);
}
