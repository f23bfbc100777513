// A rectangle drawn over a list with the mouse: chooses the tiles that it touches. Shift and Ctrl keep what is chosen.

import { mayEdit } from "./edits.js";
import { element } from "./dom.js";

const FAR_PX = 6;

export function rubberBand(onchoice) {
  let start = null;
  let band = null;
  const end = () => {
    band?.remove();
    start = band = null;
  };
  document.addEventListener("pointerdown", (event) => {
    const on = event.target.closest("main .grid, main .cards");
    if (!on || event.button !== 0 || event.pointerType === "touch" || !mayEdit() || event.target.closest("input")) return;
    start = { list: on, x: event.pageX, y: event.pageY, more: event.shiftKey || event.ctrlKey || event.metaKey };
  });
  // The browser would drag the link or its picture.
  document.addEventListener("dragstart", (event) => start && event.preventDefault());
  document.addEventListener("pointermove", (event) => {
    if (!start || (!band && Math.hypot(event.pageX - start.x, event.pageY - start.y) < FAR_PX)) return;
    if (!band) document.body.append((band = element("div", { class: "rubber-band", "aria-hidden": "true" })));
    const style = {
      left: Math.min(start.x, event.pageX),
      top: Math.min(start.y, event.pageY),
      width: Math.abs(event.pageX - start.x),
      height: Math.abs(event.pageY - start.y),
    };
    for (const [name, value] of Object.entries(style)) band.style.setProperty(name, `${value}px`);
  });
  document.addEventListener("pointerup", () => {
    if (!band) return end();
    const box = band.getBoundingClientRect();
    const touched = [...start.list.querySelectorAll("[data-pick]")].filter((tile) => overlaps(tile.getBoundingClientRect(), box));
    onchoice(touched, start.more);
    document.addEventListener("click", swallow, { capture: true, once: true });
    setTimeout(() => document.removeEventListener("click", swallow, { capture: true }));
    end();
  });
  document.addEventListener("pointercancel", end);
}

// The click that ends a drag opens nothing.
function swallow(event) {
  event.preventDefault();
  event.stopPropagation();
}

function overlaps(a, b) {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}
