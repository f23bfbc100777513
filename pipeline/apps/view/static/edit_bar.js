// The bar at the bottom: what can be done with the chosen tiles, what was done, and how to run again with it.

import { count, element } from "./dom.js";
import { change, edits, mayEdit } from "./edits.js";
import { command, notice } from "./parts.js";
import { chooseAll, chosenTiles, clear, concerned, extend, mark, tiles, toggle } from "./selection.js";

const bar = document.getElementById("edits");
const TAGS = [
  ["e", "excluded", "Exclude", "nothing is learnt from it"],
  ["f", "flagged", "Flag", "to come back to it"],
  ["c", "none", "Clear", "take the tag away"],
];

export function drawBar() {
  bar.hidden = !mayEdit();
  document.body.classList.toggle("editing", !bar.hidden);
  if (bar.hidden) return;
  const state = edits();
  const chosen = chosenTiles();
  const what = chosen[0]?.dataset.pick ?? tiles()[0]?.dataset.pick;
  const tags = !what || what === "clusters" ? [] : TAGS.map(([key, tag, text, title]) => button(key, text, title, () => tagConcerned(tag)));
  const merge = what === "clusters" ? [button("m", "Merge", "make one cluster of them", mergeConcerned)] : [];
  bar.replaceChildren(
    element("span", { class: "number", role: "status" }, chosen.length ? `${count(chosen.length, what.slice(0, -1))} chosen` : what ? "nothing chosen" : ""),
    ...tags, ...merge,
    button("u", `Undo (${state.undoable})`, "take the last change back", undo, !state.undoable),
    element("span", { class: "muted summary", title: state.file }, state.summary),
    element("details", { class: "again" },
      element("summary", {}, state.applied ? "As in the last run" : "Run again"),
      element("p", {}, state.applied ? "The results here have these edits." : "The results have other edits. To take these up:"),
      command(state.command), element("p", { class: "muted id" }, state.file)),
  );
}

// What a key does while masks may be changed; null where it does nothing.
export function editAction(key, shift) {
  if (!mayEdit()) return null;
  const focused = document.activeElement?.closest?.("[data-pick]");
  const tag = TAGS.find(([letter]) => letter === key);
  if (tag && concerned().length && concerned()[0].dataset.pick !== "clusters") return () => tagConcerned(tag[1]);
  if (key === "m" && concerned()[0]?.dataset.pick === "clusters") return mergeConcerned;
  if (key === "u" && edits().undoable) return undo;
  if (key === "x" && focused) return () => toggle(focused);
  if (key === "a" && tiles().length) return chooseAll;
  if (key === "n") return nextUntagged();
  if (key === "Escape" && chosenTiles().length) return clear;
  if (shift && focused) return { J: () => reach(1), ArrowRight: () => reach(1), K: () => reach(-1), ArrowLeft: () => reach(-1) }[key] ?? null;
  return null;
}

function reach(by) {
  const all = tiles();
  const at = all.indexOf(document.activeElement.closest("[data-pick]"));
  if (!chosenTiles().includes(all[at])) toggle(all[at]);
  const next = all[at + by];
  if (!next) return;
  next.focus();
  extend(next);
}

function nextUntagged() {
  const all = tiles();
  const at = all.indexOf(document.activeElement.closest("[data-pick]"));
  const next = all.slice(at + 1).find((tile) => !tile.parentElement.dataset.tag);
  return next && (() => next.focus());
}

async function tagConcerned(tag) {
  const about = concerned();
  if (!about.length) return;
  const all = tiles();
  const next = all[all.indexOf(about.at(-1)) + 1] ?? about.at(-1);
  clear();
  next.focus();
  await attempt("tag", { what: about[0].dataset.pick, items: about.map((tile) => Number(tile.dataset.item)), tag });
}

function mergeConcerned() {
  const clusters = concerned().map((tile) => Number(tile.dataset.item));
  clear();
  return attempt("merge", { clusters });
}

function undo() {
  return attempt("undo");
}

export async function attempt(action, body) {
  try {
    await change(action, body);
    mark();
  } catch (error) {
    bar.append(notice(error.message, "bad"));
  }
}

function button(key, text, title, act, disabled = false) {
  return element("button", { type: "button", class: "button", title, onclick: act, disabled, "aria-keyshortcuts": key }, text, " ", element("kbd", {}, key));
}
