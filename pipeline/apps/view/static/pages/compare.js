// Two runs side by side on the same images, the most different ones first.

import { address, pick, visit } from "../address.js";
import { Pictures, ask } from "../api.js";
import { count, element, percent } from "../dom.js";
import { opacitySlider } from "../opacity.js";
import { name, notice, pager, picture, segments, stages } from "../parts.js";

const PER_PAGE = 24;
const EDGE = 320;

export async function show({ run, query, signal, pictures }) {
  if (!run.other) return [notice("To compare this run with another one, start the page with:\nmaskdistill view --against RUN")];
  const layer = query.get("layer") ?? "predictions";
  const asked = pick(query, ["sort"]);
  Object.entries({ layer, page: query.get("page_number") ?? 0, per_page: PER_PAGE }).forEach(([key, value]) => asked.set(key, value));
  const [found, other] = await Promise.all([ask("compare", asked, signal).catch(refused), ask("run", "", signal, "other/")]);
  const theirs = new Pictures(other, "other/");
  const sorts = [["difference", "Differences first"], ["order", "As in the data set"]];
  const bar = element("div", { class: "bar" },
    element("p", { class: "muted number", role: "status" }, found.images === undefined ? "" : `${count(found.images, "image")} of both${found.mean === null ? "" : ` · ${percent(found.mean)} of the pixels differ`}`),
    opacitySlider(),
    segments("sort", "Sort by", sorts, query.get("sort") ?? "difference", (sort) => visit(address(query, { sort, page_number: null }))));
  const frame = [
    element("h1", {}, `${run.title} and ${other.title}`),
    stages(run, layer, (next) => address(query, { layer: next, page_number: null })),
    bar,
  ];
  if (found.missing) return [...frame, notice(found.missing)];
  const pages = Math.max(1, Math.ceil(found.images / PER_PAGE));
  return [
    ...frame,
    element("ul", { class: "grid pairs" }, found.items.map((item) => element("li", {}, pair(item, layer, pictures, theirs, run, other)))),
    pager(Number(query.get("page_number") ?? 0), pages, (page) => address(query, { page_number: page || null })) ?? "",
  ];
}

function refused(error) {
  if (error.name === "AbortError") throw error;
  return { missing: error.message };
}

function pair(item, layer, own, theirs, run, other) {
  const half = (pictures, image, title) => element("span", { class: "half" },
    picture({ photo: pictures.photo(image, EDGE), overlay: pictures.overlay(image, layer, EDGE, "fill"), alt: `${item.id}: ${title}` }),
    element("span", { class: "muted" }, title));
  return element("a", { class: "tile", href: `?page=image&image=${item.index}&layer=${layer}`, "data-item": item.index },
    element("span", { class: "halves" }, half(own, item.index, run.title), half(theirs, item.other, other.title)),
    element("span", { class: "caption" }, name(item.id), element("span", { class: "number" }, item.difference === null ? "other size" : percent(item.difference))));
}
