// All clusters at a glance.

import { address, visit } from "../address.js";
import { ask } from "../api.js";
import { count, element, percent } from "../dom.js";
import { clusterLabel, colour, picture, segments } from "../parts.js";
import { pickable } from "../selection.js";

const SORTS = {
  cluster: ["Number", (a, b) => a.cluster - b.cluster],
  size: ["Size", (a, b) => b.size - a.size],
  distance: ["Tightness", (a, b) => (a.mean_distance ?? Infinity) - (b.mean_distance ?? Infinity)],
  score: ["Score", (a, b) => (b.mean_score ?? -1) - (a.mean_score ?? -1)],
};

export async function show({ run, query, signal, pictures }) {
  const found = await ask("clusters", "", signal);
  const sort = query.get("sort") in SORTS ? query.get("sort") : "cluster";
  const largest = Math.max(1, ...found.map((one) => one.size));
  if (run.classes.length) ask("truth/clusters", "", signal).then(showClasses).catch(() => {});
  const options = Object.entries(SORTS).map(([value, [text]]) => [value, text]);
  return [
    element("h1", {}, "Clusters"),
    element("div", { class: "bar" },
      element("p", { class: "muted" }, `${count(new Set(run.groups).size, "cluster")} of the mined masks, each with its most typical ones. Scores are the detector's.`),
      segments("sort", "Sort by", options, sort, (value) => visit(address(query, { sort: value })))),
    element("ul", { class: "cards" }, found.filter((one) => run.groups[one.cluster] === one.cluster).sort(SORTS[sort][1]).map((one) => element("li", {}, card(run, one, largest, pictures)))),
  ];
}

function card(run, one, largest, pictures) {
  const label = clusterLabel(run, one.cluster);
  const node = element(
    "a",
    { class: "card", href: `?page=cluster&cluster=${one.cluster}`, "--colour": colour(run, one.cluster) },
    element("span", { class: "card-head" }, element("strong", { class: "swatch" }, label.replace(/^cluster /, "Cluster ")), element("span", { class: "muted", "data-class": one.cluster }), element("span", { class: "number" }, count(one.size, "mask"))),
    element("span", { class: "bar-track", "aria-hidden": "true" }, element("span", { class: "bar-fill", "--share": one.size / largest })),
    element("span", { class: "strip" }, one.examples.length ? one.examples.map((row) => picture({ photo: pictures.cut(row, 160), alt: "", square: true })) : element("span", { class: "muted" }, "empty")),
    element("span", { class: "muted number facts" }, facts(one).map((fact) => element("span", {}, fact))),
  );
  return pickable("clusters", one.cluster, node, label);
}

export function facts(one) {
  const list = [];
  if (one.mean_distance !== null) list.push(`mean distance ${one.mean_distance.toFixed(3)}`);
  if (one.candidates !== undefined) list.push(`${count(one.candidates, "candidate")}${one.mean_score === null ? "" : `, mean score ${one.mean_score.toFixed(2)}`}`);
  if (one.kept !== undefined) list.push(`${one.kept.toLocaleString("en")} kept`);
  return list;
}

// Of the ground truth, which nothing was trained with; it may take a while, so it comes after the page.
function showClasses(found) {
  for (const place of document.querySelectorAll("[data-class]")) {
    const one = found[Number(place.dataset.class)];
    if (one) place.textContent = `${one.name} ${percent(one.share)}`;
  }
}
