// One cluster: its most typical masks, its most atypical ones, and some at random.

import { address } from "../address.js";
import { Refusal, ask } from "../api.js";
import { count, element } from "../dom.js";
import { colour, picture } from "../parts.js";
import { facts } from "./clusters.js";

const SHOWN = 12;
const SECTIONS = [
  ["typical", "Most typical", "nearest to the centroid"],
  ["atypical", "Most atypical", "farthest from the centroid"],
  ["random", "At random", ""],
];

export async function show({ run, query, signal, pictures }) {
  const cluster = Number(query.get("cluster") ?? 0);
  const seed = Number(query.get("seed") ?? 0);
  const [all, masks] = await Promise.all([
    ask("clusters", "", signal),
    ask(`clusters/${cluster}`, new URLSearchParams({ seed, n: SHOWN }), signal),
  ]);
  const one = all[cluster];
  if (!one) throw new Refusal(`There is no cluster ${cluster}.`);
  const others = element("a", { class: "button", href: address(query, { seed: seed + 1 }) }, "Others");
  return [
    heading(run, one, all.length, query),
    element("p", { class: "muted number facts" }, [count(one.size, "mask"), ...facts(one)].map((fact) => element("span", {}, fact))),
    element("p", { class: "chips" },
      element("a", { class: "chip", href: `?layer=clusters&cluster=${cluster}` }, "Its images"),
      one.candidates === undefined ? null : element("a", { class: "chip", href: `?layer=candidates&cluster=${cluster}&sort=score&descending=true` }, "Its candidates"),
      element("a", { class: "chip", href: `?page=map&cluster=${cluster}` }, "On the map")),
    ...SECTIONS.map(([name, title, note]) => element(
      "section",
      { "aria-label": title, "data-section": name },
      element("div", { class: "bar" }, element("h2", {}, title, " ", element("span", { class: "muted" }, note)), name === "random" ? others : null),
      element("ul", { class: "grid small" }, masks[name].map((mask) => element("li", {}, tile(mask, pictures)))),
    )),
  ];
}

function heading(run, one, n, query) {
  const step = (to, text, key) =>
    to < 0 || to >= n
      ? element("span", { class: "button", "aria-disabled": "true" }, text)
      : element("a", { class: "button", href: address(query, { cluster: to, seed: null }), rel: key, "aria-label": `Cluster ${to}` }, text);
  return element(
    "div",
    { class: "heading" },
    element("a", { href: "?page=clusters", "data-up": "", class: "button" }, "← All clusters"),
    element("h1", { class: "swatch", "--colour": colour(run, one.cluster) }, `Cluster ${one.cluster}`),
    element("span", { class: "steps" }, step(one.cluster - 1, "←", "prev"), step(one.cluster + 1, "→", "next")),
  );
}

function tile(mask, pictures) {
  return element(
    "a",
    { class: "tile", href: `?page=image&image=${mask.index}&layer=clusters&cluster=${mask.cluster}`, "data-item": mask.row },
    picture({ photo: pictures.cut(mask.row, 320), alt: mask.id, square: true }),
    element("span", { class: "caption" }, element("span", { class: "id", title: mask.id }, mask.id), element("span", { class: "muted number", title: "distance to the centroid" }, mask.distance.toFixed(3))),
  );
}
