// What was changed by hand, as the server has it, and changing it. The token is in the address that the command printed.

import { ask, send } from "./api.js";

const TOKEN = "maskdistill-edit";
let state = null;
let last = Promise.resolve();
let listener = () => {};

export function takeToken() {
  const [, token] = /^#edit=([\w-]+)$/.exec(location.hash) ?? [];
  if (!token) return;
  sessionStorage.setItem(TOKEN, token);
  history.replaceState(null, "", location.pathname + location.search);
}

export async function loadEdits(signal) {
  state = await ask("edits", "", signal);
}

export function edits() {
  return state;
}

export function mayEdit() {
  return Boolean(state?.may_write && sessionStorage.getItem(TOKEN));
}

export function onChange(callback) {
  listener = callback;
}

export function tagOf(what, item) {
  if (!state || !(what in state)) return null;
  return ["excluded", "flagged"].find((tag) => state[what]?.[tag]?.includes(item)) ?? null;
}

// `action` is tag, name, merge, split or undo; resolves once the page has been told. One after the other, as typed.
export function change(action, body = {}) {
  const made = last.then(async () => {
    state = await send(`edits/${action}`, body, sessionStorage.getItem(TOKEN));
    await listener(action);
  });
  last = made.catch(() => {});
  return made;
}
