// @ts-check
// Opens the browser's own print dialogue, which can also save as PDF. What is printed, and how, is
// said in style.css.

/** @param {{ parentElement: HTMLElement, data: { label: string } }} component */
export default function ({ parentElement, data }) {
  const button = /** @type {HTMLButtonElement} */ (parentElement.querySelector("button"));
  button.textContent = data.label;
  button.onclick = () => window.print();
}
