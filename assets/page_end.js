// @ts-check
// Says that the end of a page was reached: it was on the screen for a moment, with the whole page
// drawn above it. Not while one is leaving: what is said then would call the reader back. And not
// while a file is fetched: what is said runs the page again, and the file would be gone.

const MOMENT_MS = 200;
const FETCHING_MS = 3000;

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
  let fetchedAt = -FETCHING_MS;
  const look = () => {
    const unfinished = document.querySelector(
      "[data-testid=stProgress], [data-testid=stSkeleton], .placeholder, [data-stale=true]",
    );
    const app = document.querySelector("[data-testid=stApp]");
    const runs = app instanceof HTMLElement && app.dataset.testScriptState === "running";
    const fetches = performance.now() - fetchedAt < FETCHING_MS;
    if (unfinished || runs || fetches) waiting = window.setTimeout(look, MOMENT_MS);
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
    const path = event.composedPath();
    const isIn = (/** @type {string} */ css) =>
      path.some((each) => each instanceof Element && each.matches(css));
    if (isIn("[data-testid=stDownloadButton]")) fetchedAt = performance.now();
    // The link by which a file is fetched is one for a moment, and leads nowhere.
    else if (isIn("a:not([download])")) stop();
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
