// One cluster: its most typical masks, its most atypical ones, and some at random.

import { address } from "../address.js";
import { Refusal, ask } from "../api.js";
import { count, element } from "../dom.js";
import { edits, mayEdit } from "../edits.js";
import { attempt } from "../edit_bar.js";
import { clusterLabel, colour } from "../parts.js";
import { facts } from "./clusters.js";
import { maskGrid } from "./masks.js";

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
      element("a", { class: "chip", href: `?page=masks&cluster=${cluster}` }, "All its masks"),
      element("a", { class: "chip", href: `?page=map&cluster=${cluster}` }, "On the map")),
    mayEdit() ? changing(run, one) : "",
    ...SECTIONS.map(([name, title, note]) => element(
      "section",
      { "aria-label": title, "data-section": name },
      element("div", { class: "bar" }, element("h2", {}, title, " ", element("span", { class: "muted" }, note)), name === "random" ? others : null),
      maskGrid(run, masks[name], pictures),
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
    element("h1", { class: "swatch", "--colour": colour(run, one.cluster) }, clusterLabel(run, one.cluster).replace(/^cluster /, "Cluster ")),
    element("span", { class: "steps" }, step(one.cluster - 1, "←", "prev"), step(one.cluster + 1, "→", "next")),
  );
}

function changing(run, one) {
  const name = element("input", { type: "text", name: "cluster-name", maxlength: 80, value: run.names[one.cluster] ?? "", placeholder: `cluster ${one.cluster}`, autocomplete: "off" });
  const naming = element("form", { class: "field inline" }, element("label", {}, element("span", {}, "Name"), name), element("button", { class: "button" }, "Save"));
  naming.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt("name", { cluster: one.cluster, name: name.value });
  });
  const into = element("input", { type: "number", name: "split-into", min: 2, max: 20, value: 2, "aria-label": "Number of parts" });
  const splitting = element("form", { class: "field inline" }, element("label", {}, element("span", {}, "Parts"), into), element("button", { class: "button" }, "Split"));
  splitting.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt("split", { cluster: one.cluster, into: Number(into.value) });
  });
  const others = edits().merged.find((group) => group.includes(one.cluster)) ?? [];
  const merged = others.filter((cluster) => cluster !== one.cluster);
  return element("div", { class: "bar changing" }, naming, splitting,
    element("span", { class: "muted" }, merged.length ? `merged with ${merged.join(", ")}` : "to merge clusters, choose them on the page of all clusters"));
}
