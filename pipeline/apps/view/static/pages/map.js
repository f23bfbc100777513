// The map of the mined masks: near each other where the ViT sees them alike.

import { address, note, visit } from "../address.js";
import { Pictures, ask } from "../api.js";
import { count, element, percent } from "../dom.js";
import { asParameters, lasso, view } from "../lasso.js";
import { clusterLabel, colour, picture } from "../parts.js";
import { colouring, label } from "../point_colours.js";
import { Scatter } from "../scatter.js";

const LAYOUTS = { pca: "principal components", tsne: "t-SNE", umap: "UMAP", both: "principal components of both runs" };
const POLL_MS = 1500;

export async function show({ run, query, signal, pictures }) {
  const layout = query.get("layout") in LAYOUTS ? query.get("layout") : "pca";
  const about = await ask("map", new URLSearchParams({ layout }), signal);
  const by = about.colours.includes(query.get("by")) ? query.get("by") : about.colours[0];
  const shown = about.ready ? layout : "pca";
  if (!about.ready) waitFor(layout, signal);
  const buffer = await ask("map/points", new URLSearchParams({ layout: shown }), signal);
  const columns = [0, 1, 2].map((i) => new Uint16Array(buffer, i * about.masks * 2, about.masks));
  const colours = await colouring(run, shown, by, columns[2], signal);
  const clusters = layout === "both" ? [...new Set(columns[2])].sort((a, b) => a - b) : [...new Set(run.groups)];
  const canvas = element("canvas", { class: "map", tabindex: 0, role: "application", "aria-label": `Map of ${count(about.masks, "mask")}. Arrow keys go from mask to mask, plus and minus zoom, Enter opens, v lists the masks in view.` });
  const scatter = new Scatter(canvas, { x: columns[0], y: columns[1], cluster: columns[2] }, colours);
  const card = element("div", { class: "map-card", hidden: true });
  const live = element("p", { class: "visually-hidden", "aria-live": "polite" });
  const box = element("div", { class: "map-box" }, canvas, card, live);

  restore(scatter, query);
  const listed = layout !== "both"; // masks of two runs are no list
  const list = (corners) => listed && visit(address(new URLSearchParams({ page: "masks" }), { lasso: asParameters(corners), layout: shown === "pca" ? null : shown, cluster: scatter.shown ? [...scatter.shown] : null }));
  const drawing = element("button", { type: "button", class: "button", "aria-pressed": "false", title: "draw around masks to list them; or hold Shift" }, "Lasso");
  if (listed) lasso(box, scatter, drawing, list);
  const masks = await masksOf(run, about.own, pictures, layout, signal);
  const look = inspector(scatter, card, live, masks);
  listen(scatter, look, masks, signal, () => list(view(scatter)));
  return [
    element("div", { class: "bar" }, element("h1", {}, "Map of the masks"), element("p", { class: "muted number", role: "status" }, describe(about, layout))),
    element("div", { class: "bar" },
      element("span", { class: "looks" },
        choice("Laid out by", "layout", about.layouts.map((one) => [one, LAYOUTS[one]]), layout, query),
        choice("Coloured by", "by", about.colours.map((one) => [one, one]), by, query)),
      listed ? element("span", { class: "looks" }, drawing, element("button", { type: "button", class: "button", onclick: () => list(view(scatter)) }, "Masks in view")) : null),
    box,
    colours.legend,
    clusterLegend(run, clusters, scatter),
    element("p", { class: "muted" }, "Hover for a thumbnail, click to open the image, drag to move, Shift and drag to draw around masks, wheel or + and − to zoom, 0 for all of it."),
  ].filter(Boolean);
}

function describe(about, layout) {
  const masks = count(about.masks, "mask");
  if (!about.ready) return `${masks} · ${LAYOUTS[layout]} is being computed; until then principal components`;
  if (layout === "both") return `${masks} of two runs · principal components of the embeddings, ${percent(about.explained[0] + about.explained[1])} of their variance`;
  if (layout !== "pca") return `${masks} · ${LAYOUTS[layout]} of the whitened embeddings`;
  return `${masks} · two principal components of the whitened embeddings, ${percent(about.explained[0] + about.explained[1])} of their variance`;
}

// Draws the page anew once the map is there.
function waitFor(layout, signal) {
  const timer = setInterval(async () => {
    const about = await ask("map", new URLSearchParams({ layout }), signal).catch(() => ({ ready: signal.aborted }));
    if (!about.ready) return;
    clearInterval(timer);
    if (!signal.aborted) window.dispatchEvent(new PopStateEvent("popstate"));
  }, POLL_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
}

function choice(text, name, options, chosen, query) {
  const control = element("select", { name, onchange: (event) => visit(address(query, { [name]: event.target.value, view: null })) },
    options.map(([value, title]) => element("option", { value }, title)));
  control.value = chosen;
  return element("label", { class: "field" }, element("span", {}, text), control);
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
    const button = element("button", { type: "button", class: "chip swatch", "--colour": colour(run, cluster), "aria-pressed": pressed() }, label(run, cluster));
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

// The masks behind the points: the first `own` are of this run, the others of the one that it is compared with.
async function masksOf(run, own, pictures, layout, signal) {
  const other = layout === "both" ? await ask("run", "", signal, "other/") : null;
  const theirs = other && new Pictures(other, "other/");
  return {
    cut: (row) => (row < own ? pictures.cut(row, 160) : theirs.cut(row - own, 160)),
    describe: async (row) => {
      const mask = row < own ? await ask(`masks/${row}`, "", signal) : await ask(`masks/${row - own}`, "", signal, "other/");
      const facts = `${clusterLabel(row < own ? run : other, mask.cluster)} · distance ${mask.distance.toFixed(3)}`;
      return { ...mask, facts: other ? `${row < own ? "this run" : "the other run"} · ${facts}` : facts };
    },
    // Images of the other run may have other numbers here.
    place: (row, mask) => (row < own ? `?page=image&image=${mask.index}&layer=clusters` : `?${new URLSearchParams({ name: mask.id, layer: "clusters" })}`),
  };
}

// Shows the thumbnail of a mask beside its point, and marks it; -1 hides both.
function inspector(scatter, card, live, masks) {
  return async (row) => {
    scatter.chosen = row;
    scatter.draw();
    remember(scatter);
    card.hidden = row < 0;
    if (row < 0) return;
    place(card, scatter, row);
    const text = element("span", { class: "caption" }, "…");
    card.replaceChildren(picture({ photo: masks.cut(row), alt: "", square: true, lazy: false }), text);
    const mask = await masks.describe(row).catch(() => null);
    if (!mask || scatter.chosen !== row) return;
    text.replaceChildren(element("span", { class: "id" }, mask.id), element("span", { class: "muted" }, mask.facts));
    live.textContent = `${mask.id}, ${mask.facts}`;
  };
}

function place(card, scatter, row) {
  const [x, y] = scatter.toCanvas(scatter.x[row] / 65535, scatter.y[row] / 65535).map((value) => value / scatter.ratio);
  const { clientWidth, clientHeight } = scatter.canvas;
  card.style.left = `${Math.min(clientWidth - 176, Math.max(8, x > clientWidth / 2 ? x - 184 : x + 16))}px`;
  card.style.top = `${Math.min(clientHeight - 230, Math.max(8, y - 110))}px`;
}

function listen(scatter, look, masks, signal, list) {
  const { canvas } = scatter;
  const open = async (row) => visit(masks.place(row, await masks.describe(row)));
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
  canvas.addEventListener("keydown", (event) => keyboard(event, scatter, look, open, list));
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

function keyboard(event, scatter, look, open, list) {
  const [right, up] = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key] ?? [];
  if (right !== undefined) {
    const next = scatter.chosen < 0 ? scatter.at(scatter.canvas.width / 2, scatter.canvas.height / 2, 4000) : scatter.beside(scatter.chosen, right, up);
    if (next >= 0) look(next);
  } else if (event.key === "Enter" && scatter.chosen >= 0) open(scatter.chosen);
  else if (event.key === "v") list();
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
