// Bars of counts, split at a threshold into what is kept and what is lost.

import { svg } from "./dom.js";

const WIDTH = 500;
const HEIGHT = 120;

export function histogram({ all, kept }, threshold, label) {
  const most = Math.max(1, ...all);
  // Few candidates are sure and many are not: on a linear scale the sure ones would not be seen.
  const height = (n) => (n ? Math.max(1.5, (Math.log1p(n) / Math.log1p(most)) * HEIGHT) : 0);
  const width = WIDTH / all.length;
  const bars = all.flatMap((n, i) => [
    bar("lost", i * width, width, height(n)),
    bar("kept", i * width, width, n ? (height(n) * kept[i]) / n : 0),
  ]);
  const x = threshold * WIDTH;
  const line = svg("line", { x1: x, x2: x, y1: 0, y2: HEIGHT, class: "mark" });
  return svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", class: "histogram", role: "img", "aria-label": label }, ...bars, line);
}

function bar(kind, x, width, height) {
  return svg("rect", { class: kind, x: x + 0.5, y: HEIGHT - height, width: Math.max(0.5, width - 1), height });
}
