// The address holds the whole state of the page: links are shared and reloaded as they are.

let onChange = () => {};

export function watchAddress(callback) {
  onChange = callback;
  window.addEventListener("popstate", () => callback());
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='?']");
    const plain = !event.defaultPrevented && event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey);
    if (!link || !plain) return;
    event.preventDefault();
    visit(link.getAttribute("href"));
  });
}

export function parameters() {
  return new URLSearchParams(location.search);
}

// The address of `parameters` with some changes: null removes, a list repeats.
export function address(from, changes = {}) {
  const next = new URLSearchParams(from);
  for (const [name, value] of Object.entries(changes)) {
    next.delete(name);
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined && one !== "") next.append(name, one);
    }
  }
  return `?${next}`;
}

// A new page, with a place of its own in the history.
export function visit(href) {
  history.pushState(null, "", href);
  onChange();
}

// The same page in another state, which leaves nothing in the history and draws nothing anew by itself.
export function note(changes) {
  history.replaceState(null, "", address(location.search, changes));
  return parameters();
}

// Only those parameters that a route of the server takes.
export function pick(from, names) {
  const picked = new URLSearchParams();
  for (const name of names) for (const value of from.getAll(name)) picked.append(name, value);
  return picked;
}
