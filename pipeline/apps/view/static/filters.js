// The conditions of the list of images, as a form whose fields are the parameters of the address.

import { element } from "./dom.js";
import { address, parameters } from "./address.js";
import { colour } from "./parts.js";

const WAIT_MS = 150;
const NAMES = ["name", "split", "having", "cluster", "min_score", "max_score", "min_area", "max_area"];

export function filters(run, known, query, onchange) {
  const form = element("form", { class: "filters", role: "search", "aria-label": "Filter and sort" });
  form.append(
    field("Name", element("input", { type: "search", name: "name", value: query.get("name") ?? "", placeholder: "part of the id" })),
    field("Sort by", sortSelect(run, query, known)),
    run.train < run.images ? field("Images", select("split", query, { "": "all", train: "training", val: "validation" })) : "",
    field("With masks", select("having", query, { "": "or without", some: "only", none: "none at all" })),
    known?.has_scores ? range("Score", "score", query, 1, 0.01) : "",
    known ? range("Area, %", "area", query, 100, 1) : "",
    known?.clusters.length ? clusterChoice(run, known.clusters, query, onchange) : "",
    element("a", { class: "button reset", href: reset(query) }, "Reset"),
  );
  let timer;
  const changed = (event) => {
    if (!event.target.name) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      onchange(read(form));
      form.querySelector(".reset").href = reset(parameters());
    }, event.type === "input" && event.target.type === "search" ? WAIT_MS : 0);
  };
  form.addEventListener("input", changed);
  form.addEventListener("submit", (event) => event.preventDefault());
  const active = NAMES.some((name) => query.has(name));
  const wide = matchMedia("(min-width: 641px)").matches;
  return element("details", { class: "filter-box", open: active || wide }, element("summary", {}, "Filter and sort"), form);
}

function field(label, control) {
  return element("label", { class: "field" }, element("span", {}, label), control);
}

function select(name, query, options) {
  const control = element(
    "select",
    { name },
    Object.entries(options).map(([value, text]) => element("option", { value }, text)),
  );
  control.value = query.get(name) ?? "";
  return control;
}

function sortSelect(run, query, known) {
  const options = {
    "order": "data set, first to last",
    "order-": "data set, last to first",
    "name": "name, A to Z",
    "name-": "name, Z to A",
    ...(known?.has_scores ? { "score-": "score, high to low", "score": "score, low to high" } : {}),
    "area-": "area, large to small",
    "area": "area, small to large",
    ...(run.classes.length ? { "iou": "ground truth, worst first", "iou-": "ground truth, best first" } : {}),
    ...(run.stages.some((stage) => stage.layer === "predictions" && stage.made) ? { "disagreement-": "stages disagree most first", "disagreement": "stages agree most first" } : {}),
    "count-": "masks, many to few",
    "count": "masks, few to many",
  };
  const control = select("sort", new URLSearchParams(), options);
  control.value = `${query.get("sort") ?? "order"}${query.get("descending") ? "-" : ""}`;
  return control;
}

// Shown in the unit of the field; the address holds shares.
function range(label, name, query, unit, step) {
  const bound = (side, text) => {
    const share = query.get(`${side}_${name}`);
    const value = share === null ? "" : String(Number((Number(share) * unit).toFixed(4)));
    const attributes = { type: "number", name: `${side}_${name}`, min: 0, max: unit, step, "data-unit": unit };
    return element("input", { ...attributes, placeholder: text, "aria-label": `${label}, ${text}`, value });
  };
  return element("div", { class: "field", role: "group", "aria-label": label }, element("span", {}, label), element("span", { class: "range" }, bound("min", "from"), "–", bound("max", "to")));
}

function clusterChoice(run, clusters, query, onchange) {
  const chosen = new Set(query.getAll("cluster").map(Number));
  const buttons = clusters.map((cluster) => {
    const attributes = { type: "button", class: "chip swatch", "--colour": colour(run, cluster), "aria-pressed": chosen.has(cluster) ? "true" : "false" };
    const button = element("button", attributes, String(cluster));
    button.addEventListener("click", () => {
      if (!chosen.delete(cluster)) chosen.add(cluster);
      button.setAttribute("aria-pressed", String(chosen.has(cluster)));
      onchange({ cluster: [...chosen].sort((a, b) => a - b) });
    });
    return button;
  });
  return element("div", { class: "field clusters", role: "group", "aria-label": "Clusters" }, element("span", {}, "Clusters"), element("span", { class: "chips" }, buttons));
}

function read(form) {
  const changes = {};
  for (const control of form.querySelectorAll("input[name], select[name]")) {
    const { name, value } = control;
    if (name === "sort") {
      changes.sort = value === "order" ? null : value.replace("-", "");
      changes.descending = value.endsWith("-") ? "true" : null;
    } else if (control.dataset.unit) {
      changes[name] = value === "" || !control.validity.valid ? null : Number(value) / Number(control.dataset.unit);
    } else {
      changes[name] = value;
    }
  }
  return changes;
}

function reset(query) {
  return address(query, Object.fromEntries([...NAMES, "sort", "descending", "page_number"].map((name) => [name, null])));
}
