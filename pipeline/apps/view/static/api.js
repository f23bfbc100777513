// Asking the server.

import { pick } from "./address.js";

export class Refusal extends Error {}

// `base` is "other/" for the run that this one is compared with.
export async function ask(path, query = "", signal = undefined, base = "") {
  const text = String(query);
  return answer(`${base}api/${path}${text ? `?${text}` : ""}`, { signal });
}

// Only with the token that the command printed.
export async function send(path, body, token) {
  const headers = { "Content-Type": "application/json", "X-Maskdistill-Token": token };
  return answer(`api/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
}

async function answer(address, options) {
  let response;
  try {
    response = await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal("The server does not answer. Is `maskdistill view` still running?");
  }
  if (!response.ok) throw new Refusal(await reason(response));
  return response.headers.get("content-type").startsWith("application/json") ? response.json() : response.arrayBuffer();
}

export async function reason(response) {
  try {
    const { detail } = await response.json();
    if (typeof detail === "string") return detail;
    return detail.map((one) => `${one.loc.at(-1)}: ${one.msg}`).join("; ");
  } catch {
    return `The server answered with ${response.status}.`;
  }
}

const OVERLAY = ["cluster", "min_score", "max_score", "min_area", "max_area", "only"];
const MASK_FILTER = ["cluster", "min_score", "max_score", "min_area", "max_area"];
export const MASK_QUERY = [...MASK_FILTER, "name", "split", "tag", "lasso", "layout", "sort", "descending"];
export const IMAGE_QUERY = [...MASK_FILTER, "layer", "name", "split", "having", "sort", "descending"];

// Addresses of pictures. `v` names the artifact, so that a browser may keep a picture until it is made anew.
export class Pictures {
  constructor(run, base = "") {
    this.base = base;
    this.photoVersion = run.data;
    this.versions = Object.fromEntries(run.stages.map((stage) => [stage.layer, `${stage.key}${stage.made}`]));
    this.versions.clusters += run.edited;
  }

  photo(image, edge) {
    return this.#address(`images/${image}/photo`, { edge, v: this.photoVersion });
  }

  overlay(image, layer, edge, style, parameters = new URLSearchParams()) {
    const query = { edge, style, v: this.versions[layer] };
    return this.#address(`images/${image}/overlay/${layer}`, query, parameters, OVERLAY);
  }

  heat(image, edge) {
    return this.#address(`images/${image}/heat`, { edge, v: this.versions.masks });
  }

  outcome(image, edge, threshold) {
    return this.#address(`images/${image}/outcome`, { edge, threshold, v: this.versions.candidates });
  }

  truth(image, edge, style, parameters = new URLSearchParams()) {
    return this.#address(`truth/images/${image}/overlay`, { edge, style, v: `${this.photoVersion}${this.versions.clusters}` }, parameters, OVERLAY);
  }

  cut(row, edge) {
    return this.#address(`masks/${row}/cut`, { edge, v: this.versions.clusters });
  }

  #address(path, query, parameters = new URLSearchParams(), names = []) {
    const all = new URLSearchParams([...Object.entries(query), ...pick(parameters, names)]);
    return `${this.base}api/${path}?${all}`;
  }
}
