// One image: what every stage made of it, side by side.

import { address, pick, visit } from "../address.js";
import { IMAGE_QUERY, ask } from "../api.js";
import { count, element, percent } from "../dom.js";
import { opacitySlider } from "../opacity.js";
import { addOverlay, chip, clusterLabel, colour, iou, notice, picture, segments } from "../parts.js";

const EDGE = 1024;
const SHOWN = 12;
const STYLES = [
  ["fill", "Fill"],
  ["outline", "Outline"],
  ["heat", "Affinity"],
];

export async function show({ run, query, signal, pictures }) {
  const index = Number(query.get("image") ?? 0);
  const [image, truth] = await Promise.all([
    ask(`images/${index}`, pick(query, IMAGE_QUERY), signal),
    run.classes.length ? ask(`truth/images/${index}`, "", signal).catch(() => null) : null,
  ]);
  const style = query.get("style") ?? "fill";
  const single = query.get("panel");
  const panels = [photoPanel(image, pictures)];
  for (const stage of run.stages.filter((one) => one.layer)) panels.push(layerPanel(stage.layer, stage.stage));
  if (truth?.classes.length) panels.push(truthPanel(truth));

  function layerPanel(layer, stage) {
    const found = image.layers[layer];
    const scored = truth?.layers[layer] ?? {};
    const heat = style === "heat" && layer === "masks" && !found.missing;
    const overlay = found.missing || heat ? null : pictures.overlay(index, layer, EDGE, style === "heat" ? "fill" : style);
    const frame = picture({ photo: pictures.photo(index, EDGE), overlay, alt: `${image.id}: ${layer}`, lazy: false });
    if (heat) addHeat(frame, pictures.heat(index, EDGE), signal);
    const href = address(query, { panel: single === layer ? null : layer });
    return element(
      "figure",
      { class: `panel${found.missing ? " missing" : ""}`, "data-layer": layer },
      element("figcaption", {}, element("h2", {}, layer), element("span", { class: "muted" }, caption(stage, found, layer)), typeof scored.iou === "number" ? iou(scored.iou) : null),
      found.missing ? notice(found.missing) : element("a", { href, class: "frame", "aria-label": single === layer ? "All stages" : `Only ${layer}` }, frame),
      found.missing ? null : maskList(run, found.masks, layer, scored.scores ?? [], (only) => highlight(frame, only === null ? null : pictures.overlay(index, layer, EDGE, "fill", new URLSearchParams({ only })))),
    );
  }

  function truthPanel({ classes }) {
    const frame = picture({ photo: pictures.photo(index, EDGE), overlay: pictures.truth(index, EDGE, style === "heat" ? "fill" : style), alt: `${image.id}: ground truth`, lazy: false });
    const show = (only) => highlight(frame, only === null ? null : pictures.truth(index, EDGE, "fill", new URLSearchParams({ only })));
    const chips = classes.map((one, i) => pointing(chip(run, one.cluster, `${one.name} · ${percent(one.area)}`), i, show));
    return element("figure", { class: "panel", "data-layer": "truth" },
      element("figcaption", {}, element("h2", {}, "ground truth"), element("span", { class: "muted" }, "no stage has seen it")),
      element("a", { href: address(query, { panel: single === "truth" ? null : "truth" }), class: "frame", "aria-label": "Only the ground truth" }, frame),
      element("div", { class: "chips" }, chips));
  }

  const shown = single ? panels.filter((panel) => panel.dataset.layer === single) : panels;
  return [
    heading(image, query),
    element("div", { class: "bar" }, segments("style", "Masks drawn as", STYLES, style, (value) => visit(address(query, { style: value === "fill" ? null : value }))), opacitySlider(),
      element("span", { class: "muted" }, style === "heat" ? "Affinity to the sources of the mined mask, computed anew with the ViT" : "")),
    element("div", { class: `panels${single ? " single" : ""}` }, shown),
  ];
}

function heading(image, query) {
  const to = (place) => address(query, { image: place });
  const step = (place, text, key) =>
    place === null
      ? element("span", { class: "button", "aria-disabled": "true" }, text)
      : element("a", { class: "button", href: to(place), "data-step": key, rel: key }, text);
  const up = query.get("panel") ? address(query, { panel: null }) : address(query, { page: "images", image: null, panel: null });
  return element(
    "div",
    { class: "heading" },
    element("a", { href: up, "data-up": "", class: "button" }, query.get("panel") ? "← All stages" : "← Back"),
    element("h1", { class: "id", "data-pick": "images", "data-item": image.index }, image.id),
    element("span", { class: "chip" }, image.split === "train" ? "training" : "validation"),
    element("span", { class: "steps" },
      element("span", { class: "muted number" }, image.place === null ? "not in the list" : `${image.place + 1} of ${image.of.toLocaleString("en")}`),
      step(image.previous, "←", "prev"), step(image.next, "→", "next")),
  );
}

function photoPanel(image, pictures) {
  return element(
    "figure",
    { class: "panel", "data-layer": "photo" },
    element("figcaption", {}, element("h2", {}, "photo"), element("span", { class: "muted number" }, sizeOf(image))),
    picture({ photo: pictures.photo(image.index, EDGE), alt: image.id, lazy: false }),
  );
}

function sizeOf(image) {
  const size = Object.values(image.layers).map((layer) => layer.size_hw).find(Boolean);
  return size ? `${size[1]} × ${size[0]} px` : "";
}

function caption(stage, found, layer) {
  if (found.missing) return `${stage} · not made`;
  return `${stage} · ${layer === "predictions" ? count(found.masks.length, "cluster") : count(found.masks.length, "mask")}`;
}

// A chip for each mask, in the colour that it is drawn in; pointing at one shows its mask alone.
function maskList(run, masks, layer, scores, show) {
  const scored = layer === "candidates" || layer === "pseudo-labels";
  const chips = masks.slice(0, SHOWN).map((mask, i) => {
    const isIn = mask.cluster >= 0;
    const parts = [isIn ? clusterLabel(run, mask.cluster) : `mask ${i + 1}`, scored ? mask.score.toFixed(2) : null, percent(mask.area), scores[i] ? `${scores[i].class ?? "ignored"}, IoU ${scores[i].iou.toFixed(2)}` : null];
    const node = chip(run, isIn ? mask.cluster : i, parts.filter(Boolean).join(" · "), isIn ? `?page=cluster&cluster=${mask.cluster}` : null);
    if (!isIn) node.style.setProperty("--colour", colour(run, i));
    return pointing(node, i, show);
  });
  if (masks.length > SHOWN) chips.push(element("span", { class: "muted" }, `and ${masks.length - SHOWN} more`));
  return element("div", { class: "chips" }, chips.length ? chips : element("span", { class: "muted" }, "nothing on this image"));
}

function pointing(node, i, show) {
  if (!node.href) node.tabIndex = 0;
  node.dataset.mask = i;
  for (const event of ["pointerenter", "focus"]) node.addEventListener(event, () => show(i));
  for (const event of ["pointerleave", "blur"]) node.addEventListener(event, () => show(null));
  return node;
}

function highlight(frame, source) {
  frame.querySelector(".only")?.remove();
  frame.classList.toggle("highlighting", Boolean(source));
  if (source) frame.append(element("img", { class: "overlay only", src: source, alt: "" }));
}

// The heat takes a while, and may be refused where the ViT is not to be had: so it is asked for before it is shown.
async function addHeat(frame, source, signal) {
  frame.classList.add("busy");
  try {
    const [path, query] = source.replace(/^api\//, "").split("?");
    await ask(path, query, signal);
    addOverlay(frame, source);
  } catch (error) {
    if (error.name !== "AbortError") frame.parentElement.after(notice(error.message, "bad"));
  }
  frame.classList.remove("busy");
}
