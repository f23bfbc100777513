// The mined masks one by one: of a cluster, of a part of the map, or with a tag, in an order.

import { address, pick, visit } from "../address.js";
import { MASK_QUERY, ask } from "../api.js";
import { count, element } from "../dom.js";
import { mayEdit } from "../edits.js";
import { chip, clusterLabel, colour, disagreement, iou, name, notice, pager, picture, segments } from "../parts.js";
import { mark, pickable } from "../selection.js";

const PER_PAGE = 60;
const SORTS = {
  "distance-": "far from the centroid first",
  distance: "near the centroid first",
  "area-": "large first",
  area: "small first",
  "score-": "sure first",
  score: "unsure first",
  order: "as in the data set",
};
const FINAL_SORTS = { "disagreement-": "the final model disagrees most first", disagreement: "the final model agrees most first" };
const TRUTH_SORTS = { iou: "IoU with the ground truth, worst first", "iou-": "IoU with the ground truth, best first" };

export async function show({ run, query, signal, pictures }) {
  const asked = pick(query, MASK_QUERY);
  if (!asked.has("sort")) Object.entries({ sort: "distance", descending: "true" }).forEach(([name, value]) => asked.set(name, value));
  asked.set("page", query.get("page_number") ?? 0);
  asked.set("per_page", PER_PAGE);
  const found = await ask("masks", asked, signal);
  const pages = Math.max(1, Math.ceil(found.masks / PER_PAGE));
  const tags = [["", "All"], ["none", "Untagged"], ["flagged", "Flagged"], ["excluded", "Excluded"]];
  queueMicrotask(mark);
  return [
    heading(query),
    element("div", { class: "bar" },
      element("p", { class: "number", role: "status" }, count(found.masks, "mask")),
      segments("tag", "By tag", tags, query.get("tag") ?? "", (tag) => visit(address(query, { tag, page_number: null }))),
      sorting(run, query, asked)),
    clusters(run, query),
    found.items.length ? maskGrid(run, found.items, pictures) : notice("No mask meets these conditions."),
    pager(Number(query.get("page_number") ?? 0), pages, (page) => address(query, { page_number: page || null })) ?? "",
  ];
}

// Tiles of masks, cut out of their images.
export function maskGrid(run, masks, pictures) {
  return element("ul", { class: "grid small" }, masks.map((mask) => element("li", {}, maskTile(run, mask, pictures))));
}

function maskTile(run, mask, pictures) {
  const tile = element(
    "a",
    { class: "tile", href: `?page=image&image=${mask.index}&layer=clusters&cluster=${mask.cluster}`, "--colour": colour(run, mask.cluster) },
    picture({ photo: pictures.cut(mask.row, 320), alt: mask.id, square: true }),
    element("span", { class: "caption" }, name(mask.id), rating(mask)),
    mask.class ? element("span", { class: "caption" }, element("span", {}, mask.class)) : null,
  );
  return pickable("masks", mask.row, tile, mask.id);
}

// What the list is sorted by, or else the distance.
function rating(mask) {
  if (mask.iou !== undefined) return iou(mask.iou);
  if (typeof mask.disagreement === "number") return disagreement(mask.disagreement);
  return element("span", { class: "muted number", title: "distance to the centroid" }, mask.distance.toFixed(3));
}

function heading(query) {
  const place = query.has("lasso") ? ["?page=map", "← Map", "Masks in the drawn part of the map"] : ["?page=clusters", "← All clusters", "Masks"];
  return element("div", { class: "heading" },
    element("a", { href: place[0], "data-up": "", class: "button" }, place[1]),
    element("h1", {}, place[2]),
    mayEdit() ? null : element("span", { class: "muted" }, "to look at; maskdistill view --edit may change them"));
}

function sorting(run, query, asked) {
  const final = run.stages.some((stage) => stage.layer === "predictions" && stage.made);
  const sorts = { ...SORTS, ...(final ? FINAL_SORTS : {}), ...(run.classes.length ? TRUTH_SORTS : {}) };
  const control = element("select", { "aria-label": "Sort by", onchange: (event) => {
    const [, sort, minus] = /^(\w+)(-?)$/.exec(event.target.value);
    visit(address(query, { sort, descending: minus ? "true" : null, page_number: null }));
  } }, Object.entries(sorts).map(([value, text]) => element("option", { value }, text)));
  control.value = `${asked.get("sort")}${asked.get("descending") ? "-" : ""}`;
  return control;
}

function clusters(run, query) {
  const shown = query.getAll("cluster").map(Number);
  if (!shown.length) return "";
  const without = (cluster) => address(query, { cluster: shown.filter((one) => one !== cluster), page_number: null });
  return element("p", { class: "chips" }, shown.map((cluster) => chip(run, cluster, `${clusterLabel(run, cluster)} ×`, without(cluster))));
}
