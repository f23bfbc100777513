// What the points of the map are coloured by: a palette, and for each point its place in it.

import { ask } from "./api.js";
import { element } from "./dom.js";
import { clusterLabel, colour } from "./parts.js";

const RAMP = ["#46327e", "#365c8d", "#1fa187", "#4ac16d", "#a0da39", "#fde725"];
const STEPS = 64;
const NONE = 0xff808080;

export async function colouring(run, layout, by, clusters, signal) {
  if (by === "cluster") return { values: clusters, palette: run.colours.slice(1).map(packed), legend: null };
  const values = new Uint16Array(await ask("map/values", new URLSearchParams({ layout, by }), signal));
  if (by === "run") {
    const chips = ["this run", "the other run"].map((name, i) => element("span", { class: "chip swatch", "--colour": colour(run, i) }, name));
    return { values, palette: [0, 1].map((i) => packed(colour(run, i))), legend: element("div", { class: "chips" }, chips) };
  }
  if (by === "class") {
    const palette = run.classes.map((_, i) => (i ? packed(colour(run, i - 1)) : NONE));
    const chips = run.classes.slice(1).map((name, i) => element("span", { class: "chip swatch", "--colour": colour(run, i) }, name));
    return { values: values.map((one) => (one < run.classes.length ? one : 0)), palette, legend: element("div", { class: "chips" }, chips) };
  }
  const legend = element("p", { class: "ramp muted" }, "low", element("span", { "aria-hidden": "true" }), `high ${by}`);
  return { values: values.map((one) => one >> 10), palette: ramp(), legend };
}

export function label(run, cluster) {
  return run.names[cluster] ? clusterLabel(run, cluster) : String(cluster);
}

function ramp() {
  return Array.from({ length: STEPS }, (_, i) => {
    const at = (i / (STEPS - 1)) * (RAMP.length - 1);
    const [low, high] = [Math.floor(at), Math.ceil(at)].map((one) => channels(RAMP[one]));
    return pixel(low.map((value, c) => Math.round(value + (high[c] - value) * (at % 1))));
  });
}

function packed(hex) {
  return pixel(channels(hex));
}

function channels(hex) {
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
}

// One little-endian pixel of a canvas.
function pixel([r, g, b]) {
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}
