// The frame: which page the address names, the header, and the keys.

import { parameters, visit, watchAddress } from "./address.js";
import { Pictures, Refusal, ask } from "./api.js";
import { element } from "./dom.js";
import { drawBar } from "./edit_bar.js";
import { loadEdits, onChange, takeToken } from "./edits.js";
import { setUpKeys } from "./keys.js";
import { setUpOpacity } from "./opacity.js";
import { notice } from "./parts.js";
import { clear, mark, setUpSelection } from "./selection.js";
import { setUpTheme } from "./theme.js";
import { show as showCluster } from "./pages/cluster.js";
import { show as showClusters } from "./pages/clusters.js";
import { show as showCompare } from "./pages/compare.js";
import { show as showImage } from "./pages/image.js";
import { show as showImages } from "./pages/images.js";
import { show as showMasks } from "./pages/masks.js";
import { show as showMap } from "./pages/map.js";
import { show as showThreshold } from "./pages/threshold.js";

const PAGES = {
  images: { show: showImages, title: "Images", key: "g i" },
  clusters: { show: showClusters, title: "Clusters", key: "g c" },
  masks: { show: showMasks, title: "Masks", key: "g k" },
  threshold: { show: showThreshold, title: "Threshold", key: "g t" },
  map: { show: showMap, title: "Map", key: "g m" },
  compare: { show: showCompare, title: "Compare", key: "g v", shown: () => run?.other },
  image: { show: showImage, within: "images" },
  cluster: { show: showCluster, within: "clusters" },
};
const main = document.getElementById("main");
let run = null;
let leaving = new AbortController();

async function draw() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const query = parameters();
  const name = query.get("page") ?? "images";
  const page = PAGES[name];
  drawNavigation(page?.within ?? name);
  main.setAttribute("aria-busy", "true");
  try {
    run ??= await ask("run", "", signal);
    drawNavigation(page?.within ?? name);
    await loadEdits(signal);
    document.getElementById("title").textContent = run.title;
    document.title = `${page?.title ?? name} · ${run.title}`;
    drawHealth(run.health);
    if (!page) throw new Refusal(`There is no page ${name}.`);
    const content = await page.show({ run, query, signal, pictures: new Pictures(run) });
    if (signal.aborted) return;
    main.replaceChildren(...content);
    main.removeAttribute("aria-busy");
    clear();
  } catch (error) {
    if (error.name === "AbortError") return;
    main.replaceChildren(notice(error.message, "bad"));
    main.removeAttribute("aria-busy");
    if (!(error instanceof Refusal)) throw error;
  }
}

function drawNavigation(current) {
  const links = Object.entries(PAGES)
    .filter(([, page]) => page.title && (page.shown?.() ?? true))
    .map(([name, page]) =>
      element("a", { href: `?page=${name}`, "aria-current": name === current ? "page" : null }, page.title),
    );
  document.getElementById("nav").replaceChildren(...links);
  // On a phone the pages do not fit side by side.
  links.find((link) => link.hasAttribute("aria-current"))?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

// What looks wrong in what the stages have made; folded, and not there where nothing does.
function drawHealth(odd) {
  const panel = document.getElementById("health");
  panel.hidden = !odd.length;
  const title = element("summary", {}, `${odd.length} ${odd.length === 1 ? "thing looks" : "things look"} wrong`);
  panel.replaceChildren(title, ...odd.map((line) => element("p", {}, line)));
}

// A stage that was finished, or made anew, while the page was open.
async function refresh() {
  if (document.visibilityState !== "visible" || !run) return;
  const now = await ask("run").catch(() => run);
  const changed = JSON.stringify(now.stages) !== JSON.stringify(run.stages);
  run = now;
  if (changed) draw();
}

// A cluster that was changed has another name, colour or number everywhere; a tag is drawn where it is.
onChange(async (action) => {
  const before = JSON.stringify([run.edited, run.names]);
  if (action !== "tag") run = await ask("run");
  if (JSON.stringify([run.edited, run.names]) !== before) await draw();
  else mark();
});
takeToken();
setUpOpacity();
setUpSelection(drawBar);
setUpTheme(document.getElementById("theme"));
setUpKeys(
  Object.entries(PAGES).flatMap(([name, page]) => (page.key ? [[page.key, page.title, () => visit(`?page=${name}`)]] : [])),
);
watchAddress(() => {
  window.scrollTo(0, 0);
  draw();
});
document.addEventListener("visibilitychange", refresh);
draw();
