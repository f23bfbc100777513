// A line drawn by hand around points: gives its corners, 0-1 on each axis of the data.

import { svg } from "./dom.js";

const MOST_CORNERS = 90;

// `button` turns drawing on and off; while it is on, or with Shift, dragging draws and does not move the map.
export function lasso(box, scatter, button, ondrawn) {
  const line = svg("polygon", { class: "lasso-line" });
  const layer = svg("svg", { class: "lasso", "aria-hidden": "true" }, line);
  box.append(layer);
  let points = null;
  const isOn = () => button.getAttribute("aria-pressed") === "true";
  const place = (event) => {
    const area = scatter.canvas.getBoundingClientRect();
    return [event.clientX - area.left, event.clientY - area.top];
  };
  button.addEventListener("click", () => button.setAttribute("aria-pressed", String(!isOn())));
  box.addEventListener("pointerdown", (event) => {
    if (!(isOn() || event.shiftKey) || event.target !== scatter.canvas) return;
    event.stopPropagation();
    scatter.canvas.setPointerCapture(event.pointerId);
    points = [place(event)];
  }, { capture: true });
  box.addEventListener("pointermove", (event) => {
    if (!points) return;
    event.stopPropagation();
    points.push(place(event));
    line.setAttribute("points", points.map((point) => point.join(",")).join(" "));
  }, { capture: true });
  box.addEventListener("pointerup", (event) => {
    if (!points) return;
    event.stopPropagation();
    const drawn = points;
    points = null;
    if (drawn.length > 3) ondrawn(thinned(drawn).map(([x, y]) => scatter.toData(x * scatter.ratio, y * scatter.ratio)));
    else line.setAttribute("points", "");
  }, { capture: true });
}

// The part of the data that is in view, as corners.
export function view(scatter) {
  const { width, height } = scatter.canvas;
  return [[0, 0], [width, 0], [width, height], [0, height]].map(([x, y]) => scatter.toData(x, y));
}

export function asParameters(corners) {
  return corners.flat().map((value) => Math.min(2, Math.max(-1, value)).toFixed(4));
}

function thinned(points) {
  const step = Math.ceil(points.length / MOST_CORNERS);
  return points.filter((_, i) => i % step === 0);
}
