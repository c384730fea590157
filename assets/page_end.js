// @ts-check
// Says that the end of a page was reached: it was on the screen for a moment, with the whole page
// drawn above it. Not while one is leaving: what is said then would call the reader back.

const MOMENT_MS = 200;

/**
 * @param {{
 *   parentElement: HTMLElement, data: { page: string },
 *   setTriggerValue: (name: "reached", page: string) => void,
 * }} component
 */
export default function ({ parentElement, data, setTriggerValue }) {
  const end = parentElement.querySelector(".page-end");
  let waiting = 0;
  let isInView = false;
  const look = () => {
    const unfinished = document.querySelector(
      "[data-testid=stProgress], [data-testid=stSkeleton], .placeholder, [data-stale=true]",
    );
    const app = document.querySelector("[data-testid=stApp]");
    const runs = app instanceof HTMLElement && app.dataset.testScriptState === "running";
    if (unfinished || runs) waiting = window.setTimeout(look, MOMENT_MS);
    else if (isInView) setTriggerValue("reached", data.page);
  };
  const watching = new IntersectionObserver((changes) => {
    isInView = changes.some((change) => change.isIntersecting);
    clearTimeout(waiting);
    if (isInView) waiting = window.setTimeout(look, MOMENT_MS);
  });
  const stop = () => {
    clearTimeout(waiting);
    watching.disconnect();
  };
  const leave = (/** @type {MouseEvent} */ event) => {
    if (event.composedPath().some((each) => each instanceof HTMLAnchorElement)) stop();
  };
  if (end) watching.observe(end);
  document.addEventListener("click", leave, true);
  window.addEventListener("popstate", stop);
  return () => {
    stop();
    document.removeEventListener("click", leave, true);
    window.removeEventListener("popstate", stop);
  };
}
