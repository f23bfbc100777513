// Parts that several pages share.

import { reason } from "./api.js";
import { element, percent } from "./dom.js";

// A photo with an overlay on it; where the photo cannot be read, the reason stands in its place.
export function picture({ photo, overlay = null, alt, square = false, lazy = true }) {
  const frame = element("span", { class: `picture${square ? " square" : ""}` });
  const loading = lazy ? "lazy" : "eager";
  const image = element("img", { class: "photo", src: photo, alt, loading, decoding: "async" });
  image.addEventListener("error", () => explain(frame, photo), { once: true });
  frame.append(image);
  if (overlay) addOverlay(frame, overlay, loading);
  return frame;
}

export function addOverlay(frame, source, loading = "eager") {
  const image = element("img", { class: "overlay", src: source, alt: "", loading, decoding: "async" });
  image.addEventListener("error", () => image.remove(), { once: true });
  frame.append(image);
}

async function explain(frame, source) {
  let message = "The server does not answer.";
  try {
    message = await reason(await fetch(source));
  } catch {
    // The message above says it.
  }
  frame.replaceChildren(element("span", { class: "unreadable", role: "img", "aria-label": message }, message));
}

// A message of the server; a line that is a command can be copied.
export function notice(message, kind = "") {
  const lines = message.split("\n").map((line) => line.trim());
  return element(
    "div",
    { class: `notice ${kind}`, role: "status" },
    lines.map((line) => (line.startsWith("maskdistill ") ? command(line) : element("p", {}, line))),
  );
}

export function command(text) {
  const copy = element("button", { type: "button", class: "button" }, "Copy");
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    copy.textContent = "Copied";
  });
  return element("div", { class: "command" }, element("code", {}, text), navigator.clipboard ? copy : null);
}

export function chip(run, cluster, text, href = null) {
  const attributes = { class: "chip swatch", "--colour": colour(run, cluster) };
  return href ? element("a", { ...attributes, href }, text) : element("span", attributes, text);
}

// An id in one line: where it is too long, its end is what can be read, as that is where ids differ.
export function name(id) {
  return element("span", { class: "id end", title: id }, element("bdi", {}, id));
}

// How well something fits the ground truth, 0 to 1.
export function iou(value) {
  return element("span", { class: "number iou", title: "IoU with the ground truth" }, `IoU ${value.toFixed(2)}`);
}

export function disagreement(share) {
  return element("span", { class: "number disagreement", title: "so much of it is another cluster to the final model" }, `${percent(share)} otherwise`);
}

// What people call a cluster, or else its number.
export function clusterLabel(run, cluster) {
  return run.names[cluster] ?? `cluster ${cluster}`;
}

export function colour(run, cluster) {
  return run.colours[cluster + 1] ?? run.colours[0];
}

// A group of radio buttons that looks like one control.
export function segments(name, label, options, chosen, onchange) {
  const buttons = options.map(([value, text, disabled]) =>
    element(
      "label",
      { title: disabled || null },
      element("input", { type: "radio", name, value, checked: value === chosen, disabled: Boolean(disabled) }),
      text,
    ),
  );
  const group = element("fieldset", { class: "segments" }, element("legend", { class: "visually-hidden" }, label), buttons);
  group.addEventListener("change", (event) => onchange(event.target.value));
  return group;
}

export function pager(page, pages, href) {
  if (pages < 2) return null;
  const step = (to, text, key) =>
    to < 0 || to >= pages
      ? element("span", { class: "button", "aria-disabled": "true" }, text)
      : element("a", { class: "button", href: href(to), "data-step": key, rel: key }, text);
  return element(
    "div",
    { class: "pager", role: "navigation", "aria-label": "Pages of the list" },
    step(page - 1, "← Previous", "prev"),
    element("span", { class: "number" }, `${page + 1} of ${pages.toLocaleString("en")}`),
    step(page + 1, "Next →", "next"),
  );
}

// The stages in order, each a link to itself.
export function stages(run, current, href) {
  const items = run.stages
    .filter((stage) => stage.layer)
    .map((stage) => {
      const made = stage.state === "cached";
      const state = made ? `${stage.items.toLocaleString("en")} ${stage.unit}` : stage.state === "running" ? "being made" : "not made";
      const attributes = { href: href(stage.layer), class: made ? null : "waiting", title: stage.why };
      if (stage.layer === current) attributes["aria-current"] = "true";
      return element(
        "li",
        {},
        element("a", attributes, element("strong", {}, stage.layer), element("span", { class: "muted" }, `${stage.stage} · ${state}`)),
      );
    });
  return element("ol", { class: "stages", "aria-label": "Stages" }, items);
}
