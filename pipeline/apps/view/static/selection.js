// Choosing tiles, by keyboard, mouse and touch: what `data-pick` names (masks, images or clusters), by `data-item`.

import { mayEdit, tagOf } from "./edits.js";
import { element } from "./dom.js";
import { rubberBand } from "./rubber_band.js";

const chosen = new Set();
let anchor = null;
let listener = () => {};

export function setUpSelection(onchange) {
  listener = onchange;
  document.addEventListener("click", click, { capture: true });
  rubberBand((tiles, more) => {
    if (!more) chosen.clear();
    tiles.forEach((tile) => chosen.add(key(tile)));
    anchor = tiles.at(-1) ?? null;
    mark();
  });
}

// A tile that can be chosen, with a box to tick; as it is where nothing may be changed.
export function pickable(what, item, tile, name) {
  tile.dataset.pick = what;
  tile.dataset.item = item;
  const box = element("input", { type: "checkbox", class: "pick", tabindex: -1, "aria-label": `Choose ${name}` });
  return mayEdit() ? [tile, box] : [tile];
}

export function tiles() {
  return [...document.querySelectorAll("main [data-pick]")];
}

export function chosenTiles() {
  return tiles().filter((tile) => chosen.has(key(tile)));
}

// What an action is about: the chosen tiles, or else the one that has the focus or is alone on the page.
export function concerned() {
  const picked = chosenTiles();
  const focused = document.activeElement?.closest?.("[data-pick]");
  if (picked.length) return picked;
  const [only, ...others] = tiles();
  return focused ? [focused] : only && !others.length ? [only] : [];
}

export function clear() {
  const any = chosen.size > 0;
  chosen.clear();
  mark();
  return any;
}

export function toggle(tile) {
  if (!chosen.delete(key(tile))) chosen.add(key(tile));
  anchor = tile;
  mark();
}

export function chooseAll() {
  tiles().forEach((tile) => chosen.add(key(tile)));
  mark();
}

// All from the one chosen last to this one.
export function extend(tile) {
  const all = tiles();
  const [first, last] = [all.indexOf(anchor?.isConnected ? anchor : tile), all.indexOf(tile)].sort((a, b) => a - b);
  all.slice(first, last + 1).forEach((one) => chosen.add(key(one)));
  anchor ??= tile;
  mark();
}

// Draw what is chosen and what is tagged.
export function mark() {
  for (const tile of tiles()) {
    const isChosen = chosen.has(key(tile));
    const tag = tagOf(tile.dataset.pick, Number(tile.dataset.item));
    const holder = tile.parentElement;
    holder.classList.toggle("chosen", isChosen);
    holder.classList.add("holds-pick");
    if (tag) holder.dataset.tag = tag;
    else delete holder.dataset.tag;
    const box = holder.querySelector(".pick");
    if (box) box.checked = isChosen;
  }
  listener();
}

function key(tile) {
  return `${tile.dataset.pick} ${tile.dataset.item}`;
}

function click(event) {
  if (!mayEdit() || event.button !== 0) return;
  const box = event.target.closest(".pick");
  const tile = box ? box.parentElement.querySelector("[data-pick]") : event.target.closest("[data-pick]");
  if (!tile || !(box || event.shiftKey || event.ctrlKey || event.metaKey)) return;
  event.stopPropagation();
  if (!box) event.preventDefault();
  if (event.shiftKey) extend(tile);
  else toggle(tile);
}
