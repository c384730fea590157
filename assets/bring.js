// @ts-check
// Brings the eye to where something is about to change: scrolls to the element of a class, once
// each time that Python names it.

/** @param {{ data: { where: string, times: number } }} component */
export default function ({ data }) {
  if (!data.where) return;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  document
    .querySelector(`.${data.where}`)
    ?.scrollIntoView({ block: "start", behavior: calm ? "auto" : "smooth" });
}
