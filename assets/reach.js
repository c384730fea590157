// @ts-check
// Whatever scrolls takes the keyboard, too: long formulas, code, lists of words. Which of them does
// depends on the width of the window, and Streamlit draws them without asking.

const MAY_SCROLL = ["pre", ".katex-display", ".written>section>ul"];

function reach() {
  for (const each of document.querySelectorAll(MAY_SCROLL.join())) {
    if (!(each instanceof HTMLElement)) continue;
    const scrolls = each.scrollWidth > each.clientWidth || each.scrollHeight > each.clientHeight;
    if (scrolls) each.tabIndex = 0;
    else each.removeAttribute("tabindex");
  }
}

/** The page that was on the screen last: another one begins at its top. */
let last = "";

/** @param {{ data: { page: string } }} component */
export default function ({ data }) {
  if (last && last !== data.page) document.querySelector('[data-testid="stMain"]')?.scrollTo(0, 0);
  last = data.page;
  let waiting = 0;
  const soon = () => {
    waiting ||= window.setTimeout(() => {
      waiting = 0;
      reach();
    }, 50);
  };
  const watching = new MutationObserver(soon);
  watching.observe(document.body, { childList: true, subtree: true });
  window.addEventListener("resize", soon);
  // What is folded out is laid out only then; the event does not bubble.
  document.addEventListener("toggle", soon, true);
  soon();
  return () => {
    clearTimeout(waiting);
    watching.disconnect();
    window.removeEventListener("resize", soon);
    document.removeEventListener("toggle", soon, true);
  };
}
