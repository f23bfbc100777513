// How strongly masks cover the photo. A liking of the visitor, so it is no part of the address.

import { element } from "./dom.js";

const NAME = "maskdistill-opacity";
const USUAL = 90;

export function setUpOpacity() {
  apply(Number(localStorage.getItem(NAME) ?? USUAL));
}

export function opacitySlider() {
  const value = localStorage.getItem(NAME) ?? USUAL;
  const slider = element("input", { type: "range", name: "opacity", min: 0, max: 100, step: 5, value, "aria-label": "Opacity of the masks, %" });
  slider.addEventListener("input", () => {
    localStorage.setItem(NAME, slider.value);
    apply(Number(slider.value));
  });
  return element("label", { class: "opacity" }, element("span", { class: "muted" }, "Opacity"), slider);
}

function apply(percent) {
  document.documentElement.style.setProperty("--opacity", percent / 100);
}
