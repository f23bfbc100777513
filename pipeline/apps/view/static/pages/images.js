// The grid of images: what a stage drew on them, filtered and sorted.

import { address, note, pick } from "../address.js";
import { IMAGE_QUERY, ask } from "../api.js";
import { count, element } from "../dom.js";
import { filters } from "../filters.js";
import { opacitySlider } from "../opacity.js";
import { disagreement, iou, name, notice, pager, picture, segments, stages } from "../parts.js";
import { mark, pickable } from "../selection.js";

const PER_PAGE = 48;
const EDGE = 320;

export async function show(context) {
  const { run, query, signal } = context;
  const layer = query.get("layer") ?? "masks";
  const known = await ask(`layers/${encodeURIComponent(layer)}`, "", signal).catch(() => null);
  const style = query.get("style") ?? "fill";
  const list = element("div", {});
  const counter = element("p", { class: "muted number", role: "status" });
  let latest = 0;

  const update = async (now) => {
    const turn = ++latest;
    const answer = await ask("images", requested(now), signal);
    if (turn !== latest) return;
    const pages = Math.max(1, Math.ceil(answer.images / PER_PAGE));
    counter.textContent = describe(answer);
    list.replaceChildren(
      ...(answer.missing ? [notice(answer.missing)] : []),
      answer.items.length ? grid(context, answer.items, layer, now) : notice("No image meets these conditions."),
      pager(Number(now.get("page_number") ?? 0), pages, (page) => address(now, { page_number: page || null })) ?? "",
    );
    mark();
  };

  const change = (changes) => {
    if (!signal.aborted) update(note(changes)).catch((error) => list.replaceChildren(notice(error.message, "bad")));
  };
  const restyle = segments("style", "Masks drawn as", STYLES, style, (value) => change({ style: value }));
  await update(query);
  return [
    element("h1", { class: "visually-hidden" }, "Images"),
    stages(run, layer, (other) => address(query, { layer: other, page_number: null })),
    filters(run, known, query, (changes) => change({ ...changes, page_number: null })),
    element("div", { class: "bar" }, counter, element("span", { class: "looks" }, opacitySlider(), restyle)),
    list,
  ];
}

const STYLES = [
  ["fill", "Fill"],
  ["outline", "Outline"],
  ["photo", "Photo"],
];

function requested(query) {
  const asked = pick(query, IMAGE_QUERY);
  asked.set("page", query.get("page_number") ?? 0);
  asked.set("per_page", PER_PAGE);
  return asked;
}

function describe({ images, masks }) {
  return masks === null ? count(images, "image") : `${count(images, "image")} · ${count(masks, "mask")}`;
}

function grid({ pictures }, items, layer, query) {
  const style = query.get("style") ?? "fill";
  const tiles = items.map((item) => {
    const overlay = style === "photo" || item.count === 0 ? null : pictures.overlay(item.index, layer, EDGE, style, query);
    const href = address(query, { page: "image", image: item.index, style: style === "photo" ? null : style });
    const tile = element(
      "a",
      { class: "tile", href },
      picture({ photo: pictures.photo(item.index, EDGE), overlay, alt: item.id }),
      element(
        "span",
        { class: "caption" },
        name(item.id),
        item.rating !== null ? (query.get("sort") === "iou" ? iou : disagreement)(item.rating) : item.count === null ? null : element("span", { class: "muted number" }, String(item.count)),
      ),
    );
    return element("li", {}, pickable("images", item.index, tile, item.id));
  });
  return element("ul", { class: "grid fade" }, tiles);
}
