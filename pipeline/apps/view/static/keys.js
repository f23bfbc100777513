// The keyboard. Pages mark what keys act on: `data-item` (tiles and points), `data-step` (pages), `data-up` (the way back).

import { element } from "./dom.js";
import { visit } from "./address.js";
import { editAction } from "./edit_bar.js";
import { mayEdit } from "./edits.js";

const HELP = [
  ["← ↑ ↓ →", "to the neighbouring tile"],
  ["j k", "to the next, to the previous tile or image"],
  ["Enter", "open it"],
  ["Esc", "back to the list"],
  ["[ ]", "previous, next page of the list"],
  ["1 – 5", "draw what this stage made"],
  ["/", "search by name"],
  ["v", "on the map: list the masks in view"],
];
const EDIT_HELP = [
  ["x", "choose the tile, or not; Shift with ← → or a click chooses all up to there, as a drawn rectangle does"],
  ["a", "choose all of the page; Esc chooses none"],
  ["e f c", "exclude, flag, clear the tag, and go to the next"],
  ["n", "to the next without a tag"],
  ["m", "merge the chosen clusters"],
  ["r", "name the cluster"],
  ["u", "undo"],
];

export function setUpKeys(pages) {
  const dialog = document.getElementById("keys");
  const open = () => {
    if (dialog.open) return;
    describe(dialog, [...HELP, ...(mayEdit() ? EDIT_HELP : []), ...pages.map(([keys, title]) => [keys, `page: ${title}`]), ["?", "this help"]]);
    dialog.showModal();
  };
  document.getElementById("help").addEventListener("click", open);

  let before = "";
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=range], [type=radio], [type=checkbox]), select, textarea");
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
    if (typing) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const page = pages.find(([keys]) => keys === `${before} ${event.key}`);
    before = event.key;
    const act = page?.[2] ?? (event.key === "?" ? open : action(event));
    if (!act) return;
    event.preventDefault();
    act();
  });
}

function describe(dialog, rows) {
  const close = element("form", { method: "dialog" }, element("button", { class: "button" }, "Close"));
  close.addEventListener("submit", (event) => {
    event.preventDefault();
    dialog.close();
  });
  dialog.replaceChildren(
    element("h2", { id: "keys-title" }, "Keys"),
    element(
      "dl",
      {},
      rows.flatMap(([keys, what]) => [
        element("dt", {}, keys.split(" ").flatMap((key) => (key === "–" ? [" – "] : [element("kbd", {}, key), " "]))),
        element("dd", {}, what),
      ]),
    ),
    close,
  );
}

function action(event) {
  const { key } = event;
  const edit = editAction(key, event.shiftKey);
  if (edit) return edit;
  if (key === "r" && mayEdit()) return focusOn(document.querySelector("input[name=cluster-name]"));
  const inControl = event.target.closest("input, summary, [role=slider], canvas");
  const forward = { j: 1, ArrowRight: 1, k: -1, ArrowLeft: -1 }[key];
  if (forward && !(inControl && key.startsWith("Arrow"))) return moveOrStep(forward);
  if (["ArrowDown", "ArrowUp"].includes(key) && !inControl) return vertical(key === "ArrowDown" ? 1 : -1);
  if (key === "Escape") return follow("[data-up]");
  if (key === "[") return follow("[data-step=prev]");
  if (key === "]") return follow("[data-step=next]");
  if (/^[1-5]$/.test(key)) return follow(`.stages li:nth-child(${key}) a`);
  if (key === "/") return focusOn(document.querySelector("input[type=search]"));
  return null;
}

function follow(selector) {
  const link = document.querySelector(selector);
  return link && (() => visit(link.getAttribute("href")));
}

function focusOn(node) {
  return node && (() => node.focus());
}

function items() {
  return [...document.querySelectorAll("a[data-item]")];
}

// Along the tiles of a list; on the page of one image, to the next image.
function moveOrStep(by) {
  const all = items();
  if (!all.length) return follow(by > 0 ? "[data-step=next]" : "[data-step=prev]");
  const at = all.indexOf(document.activeElement);
  return focusOn(all[at < 0 ? 0 : at + by]);
}

function vertical(by) {
  const all = items();
  const at = all.indexOf(document.activeElement);
  if (at < 0) return null;
  const here = all[at].getBoundingClientRect();
  const beyond = all.filter((one) => (one.getBoundingClientRect().top - here.top) * by > 1);
  const distance = (one) => {
    const there = one.getBoundingClientRect();
    return Math.abs(there.top - here.top) * 100 + Math.abs(there.left - here.left);
  };
  return focusOn(beyond.sort((a, b) => distance(a) - distance(b))[0]);
}
