// Opens the browser's own print dialogue, which can also save as PDF. What is printed, and how, is
// said in style.css.

export default function ({ parentElement, data }) {
  const button = parentElement.querySelector("button");
  button.textContent = data.label;
  button.onclick = () => window.print();
}
