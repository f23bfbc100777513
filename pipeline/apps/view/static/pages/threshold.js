// The filter with another threshold: what would be kept, and what lost, while the slider moves.

import { address, note } from "../address.js";
import { ask } from "../api.js";
import { count, element, percent } from "../dom.js";
import { histogram } from "../histogram.js";
import { chip, command, name, notice, pager, picture, segments } from "../parts.js";

const EDGE = 320;
const PER_PAGE = 24;
const WAIT_MS = 60;
const ORDERS = [
  ["nearest", "Closest calls"],
  ["lost", "Most lost"],
  ["kept", "Most kept"],
  ["order", "Data set"],
];

export async function show(context) {
  const { run, query, signal } = context;
  const set = run.filter.threshold;
  const summary = element("div", { class: "summary" });
  const images = element("div", {});
  let latest = 0;

  const update = async (now) => {
    const turn = ++latest;
    const threshold = Number(now.get("threshold") ?? set);
    const page = Number(now.get("page_number") ?? 0);
    const asked = new URLSearchParams({ threshold, order: now.get("order") ?? "nearest", page, per_page: PER_PAGE });
    const answer = await ask("threshold", asked, signal);
    if (turn !== latest) return;
    summary.replaceChildren(...summarise(run, answer, threshold));
    images.replaceChildren(
      grid(context, answer.items, threshold),
      pager(page, Math.ceil(answer.images / PER_PAGE), (to) => address(now, { page_number: to || null })) ?? "",
    );
  };

  const change = (changes) => {
    if (signal.aborted) return;
    update(note({ ...changes, page_number: null })).catch((error) => images.replaceChildren(notice(error.message, "bad")));
  };
  await update(query);
  const order = segments("order", "Order of the images", ORDERS, query.get("order") ?? "nearest", (value) => change({ order: value }));
  return [
    element("h1", {}, "Threshold"),
    element("div", { class: "split" },
      element("section", { class: "control", "aria-label": "Threshold" }, slider(Number(query.get("threshold") ?? set), set, (value) => change({ threshold: value })), summary),
      element("section", { "aria-label": "Images" }, element("div", { class: "bar" }, order, element("span", { class: "legend muted" }, "filled: kept · broken white line: lost")), images)),
  ];
}

function slider(value, set, onchange) {
  const range = element("input", { type: "range", id: "threshold", min: 0, max: 1, step: 0.005, value, "aria-label": "Lowest score that is kept" });
  const number = element("input", { type: "number", min: 0, max: 1, step: 0.005, value, "aria-label": "Lowest score that is kept, as number" });
  let timer;
  const change = (text) => {
    if (text === "" || Number(text) < 0 || Number(text) > 1) return;
    range.value = text;
    if (number !== document.activeElement) number.value = text;
    clearTimeout(timer);
    timer = setTimeout(() => onchange(text), WAIT_MS);
  };
  range.addEventListener("input", () => change(range.value));
  number.addEventListener("input", () => change(number.value));
  const back = element("button", { type: "button", class: "button" }, `As configured: ${set}`);
  back.addEventListener("click", () => {
    number.value = set;
    change(String(set));
  });
  return element("div", { class: "slider" }, element("label", { for: "threshold" }, "Lowest score kept"), range, number, back);
}

function summarise(run, answer, threshold) {
  const lost = answer.candidates - answer.kept;
  const share = answer.candidates ? answer.kept / answer.candidates : 0;
  const label = `Candidates by score: ${answer.kept} kept, ${lost} lost at ${threshold}`;
  const limit = run.filter.max_per_image ? `, at most ${run.filter.max_per_image} per image` : "";
  return [
    histogram(answer.score_bins, threshold, label),
    element("div", { class: "axis muted number", "aria-hidden": "true" }, element("span", {}, "0"), element("span", {}, "score"), element("span", {}, "1")),
    element("dl", { class: "counts number", "aria-live": "polite" },
      counted("kept", answer.kept, `${percent(share)} of the candidates`, "good"),
      counted("lost", lost, `of ${answer.candidates.toLocaleString("en")}`, "bad"),
      counted("unsure", answer.unsure_images, `of ${count(answer.images, "image")} keep only their best, below the threshold`)),
    element("p", { class: "muted" }, `Counted before overlaps (rule "${run.filter.overlap}"${limit}); the pictures show what the rule then leaves.`),
    clusterBars(run, answer.clusters),
    element("details", {}, element("summary", {}, "Run with this threshold"), command(`maskdistill run ${run.arguments} -s filter.threshold=${threshold}`)),
  ];
}

function counted(name, value, text, kind = "") {
  return element("div", { class: kind, "data-count": name }, element("dt", {}, name), element("dd", {}, element("strong", {}, value.toLocaleString("en")), element("span", { class: "muted" }, text)));
}

function clusterBars(run, { all, kept }) {
  const most = Math.max(1, ...all);
  const rows = all.map((n, cluster) =>
    element("li", {},
      chip(run, cluster, String(cluster), `?page=cluster&cluster=${cluster}`),
      element("span", { class: "bar-track", "--share": n / most }, element("span", { class: "bar-fill", "--share": n ? kept[cluster] / n : 0 })),
      element("span", { class: "number muted" }, `${kept[cluster]} of ${n}`)));
  return element("details", { open: all.length <= 12 }, element("summary", {}, "By cluster"), element("ul", { class: "cluster-bars" }, rows));
}

function grid({ pictures }, items, threshold) {
  return element("ul", { class: "grid" }, items.map((item) => element(
    "li", {},
    element("a", { class: "tile", href: `?page=image&image=${item.index}&layer=candidates`, "data-item": item.index },
      picture({ photo: pictures.photo(item.index, EDGE), overlay: pictures.outcome(item.index, EDGE, threshold), alt: item.id }),
      element("span", { class: "caption" },
        name(item.id),
        element("span", { class: "number" }, element("span", { class: "good" }, `${item.kept} kept`), " ", element("span", { class: "bad" }, `${item.lost} lost`)))))));
}
