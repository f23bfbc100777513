// The map of the mined masks: near each other where the ViT sees them alike.

import { note, visit } from "../address.js";
import { ask } from "../api.js";
import { count, element, percent } from "../dom.js";
import { colour, picture } from "../parts.js";
import { Scatter } from "../scatter.js";

export async function show({ run, query, signal, pictures }) {
  const [about, buffer] = await Promise.all([ask("map", "", signal), ask("map/points", "", signal)]);
  const columns = [0, 1, 2].map((i) => new Uint16Array(buffer, i * about.masks * 2, about.masks));
  const clusters = [...Array(run.clusters).keys()];
  const canvas = element("canvas", { class: "map", tabindex: 0, role: "application", "aria-label": `Map of ${count(about.masks, "mask")}. Arrow keys go from mask to mask, plus and minus zoom, Enter opens.` });
  const scatter = new Scatter(canvas, { x: columns[0], y: columns[1], cluster: columns[2] }, clusters.map((one) => packed(colour(run, one))));
  const card = element("div", { class: "map-card", hidden: true });
  const live = element("p", { class: "visually-hidden", "aria-live": "polite" });

  restore(scatter, query);
  const legend = clusterLegend(run, clusters, scatter);
  const look = inspector(scatter, card, live, pictures, signal);
  listen(scatter, look, signal);
  return [
    element("div", { class: "bar" }, element("h1", {}, "Map of the masks"),
      element("p", { class: "muted number" }, `${count(about.masks, "mask")} · two principal components of the whitened embeddings, ${percent(about.explained[0] + about.explained[1])} of their variance`)),
    element("div", { class: "map-box" }, canvas, card, live),
    legend,
    element("p", { class: "muted" }, "Hover for a thumbnail, click to open the image, drag to move, wheel or + and − to zoom, 0 for all of it."),
  ];
}

function restore(scatter, query) {
  const view = (query.get("view") ?? "").split(",").map(Number);
  if (view.length === 3 && view.every(Number.isFinite) && view[2] >= 1) scatter.view = { x: view[0], y: view[1], zoom: view[2] };
  const shown = query.getAll("cluster").map(Number);
  scatter.shown = shown.length ? new Set(shown) : null;
  const row = Number(query.get("row") ?? -1);
  scatter.chosen = row < scatter.x.length ? row : -1;
}

function remember(scatter) {
  const { x, y, zoom } = scatter.view;
  const view = zoom === 1 ? null : [x.toFixed(4), y.toFixed(4), zoom.toFixed(2)].join(",");
  note({ view, row: scatter.chosen < 0 ? null : scatter.chosen, cluster: scatter.shown ? [...scatter.shown] : null });
}

function clusterLegend(run, clusters, scatter) {
  const buttons = clusters.map((cluster) => {
    const pressed = () => String(Boolean(scatter.shown?.has(cluster)));
    const button = element("button", { type: "button", class: "chip swatch", "--colour": colour(run, cluster), "aria-pressed": pressed() }, String(cluster));
    button.addEventListener("click", () => {
      const shown = scatter.shown ?? new Set();
      if (!shown.delete(cluster)) shown.add(cluster);
      scatter.shown = shown.size ? shown : null;
      button.setAttribute("aria-pressed", pressed());
      remember(scatter);
      scatter.draw();
    });
    return button;
  });
  return element("div", { class: "chips", role: "group", "aria-label": "Clusters to show" }, buttons);
}

// Shows the thumbnail of a mask beside its point, and marks it; -1 hides both.
function inspector(scatter, card, live, pictures, signal) {
  return async (row) => {
    scatter.chosen = row;
    scatter.draw();
    remember(scatter);
    card.hidden = row < 0;
    if (row < 0) return;
    place(card, scatter, row);
    const text = element("span", { class: "caption" }, "…");
    card.replaceChildren(picture({ photo: pictures.cut(row, 160), alt: "", square: true, lazy: false }), text);
    const mask = await ask(`masks/${row}`, "", signal).catch(() => null);
    if (!mask || scatter.chosen !== row) return;
    const facts = `cluster ${mask.cluster} · distance ${mask.distance.toFixed(3)}`;
    text.replaceChildren(element("span", { class: "id" }, mask.id), element("span", { class: "muted" }, facts));
    live.textContent = `${mask.id}, ${facts}`;
  };
}

function place(card, scatter, row) {
  const [x, y] = scatter.toCanvas(scatter.x[row] / 65535, scatter.y[row] / 65535).map((value) => value / scatter.ratio);
  const { clientWidth, clientHeight } = scatter.canvas;
  card.style.left = `${Math.min(clientWidth - 176, Math.max(8, x > clientWidth / 2 ? x - 184 : x + 16))}px`;
  card.style.top = `${Math.min(clientHeight - 230, Math.max(8, y - 110))}px`;
}

function listen(scatter, look, signal) {
  const { canvas } = scatter;
  const open = async (row) => {
    const mask = await ask(`masks/${row}`, "", signal);
    visit(`?page=image&image=${mask.index}&layer=clusters`);
  };
  const placeOf = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * scatter.ratio, (event.clientY - box.top) * scatter.ratio];
  };
  let drag = null;
  canvas.addEventListener("pointerdown", (event) => {
    drag = { at: placeOf(event), view: scatter.view, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const at = placeOf(event);
    if (drag) return pan(scatter, drag, at);
    const row = scatter.at(...at);
    if (row !== scatter.chosen) look(row);
  });
  canvas.addEventListener("pointerup", (event) => {
    const { moved } = drag ?? {};
    drag = null;
    if (moved) return look(-1);
    const row = scatter.at(...placeOf(event));
    if (row < 0) return look(-1);
    if (event.pointerType === "touch" && row !== scatter.chosen) return look(row);
    open(row);
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    scatter.zoomBy(Math.exp(-event.deltaY / 400), ...placeOf(event));
    look(-1);
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => keyboard(event, scatter, look, open));
  const observer = new ResizeObserver(() => {
    scatter.resize();
    if (scatter.chosen >= 0) look(scatter.chosen);
  });
  observer.observe(canvas);
  signal.addEventListener("abort", () => observer.disconnect());
}

function pan(scatter, drag, at) {
  if (Math.hypot(at[0] - drag.at[0], at[1] - drag.at[1]) > 4 * scatter.ratio) drag.moved = true;
  if (!drag.moved) return;
  scatter.view = drag.view;
  const [x1, y1] = scatter.toData(...drag.at);
  const [x2, y2] = scatter.toData(...at);
  scatter.view = { ...drag.view, x: drag.view.x + x1 - x2, y: drag.view.y + y1 - y2 };
  scatter.draw();
}

function keyboard(event, scatter, look, open) {
  const [right, up] = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key] ?? [];
  if (right !== undefined) {
    const next = scatter.chosen < 0 ? scatter.at(scatter.canvas.width / 2, scatter.canvas.height / 2, 4000) : scatter.beside(scatter.chosen, right, up);
    if (next >= 0) look(next);
  } else if (event.key === "Enter" && scatter.chosen >= 0) open(scatter.chosen);
  else if (event.key === "Escape" && scatter.chosen >= 0) look(-1);
  else if (event.key === "+" || event.key === "-") {
    const centre = scatter.chosen >= 0 ? scatter.toCanvas(scatter.x[scatter.chosen] / 65535, scatter.y[scatter.chosen] / 65535) : [];
    scatter.zoomBy(event.key === "+" ? 1.5 : 1 / 1.5, ...centre);
    look(scatter.chosen);
  } else if (event.key === "0") {
    scatter.zoomBy(1e-9);
    look(scatter.chosen);
  } else return;
  event.preventDefault();
}

// A colour as one little-endian pixel of a canvas.
function packed(hex) {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}
