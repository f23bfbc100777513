// Points on a canvas: drawn pixel by pixel, so that 100,000 of them stay quick, and found again by a coarse grid.

const CELLS = 128;
const TOP = 65535;
const PADDING = 0.04;

export class Scatter {
  // `values` holds for each point its place in the `palette`, whose colours are pixels.
  constructor(canvas, { x, y, cluster }, { values, palette }) {
    Object.assign(this, { canvas, x, y, cluster, values, palette });
    this.view = { x: 0.5, y: 0.5, zoom: 1 };
    this.shown = null;
    this.chosen = -1;
    this.#sortIntoCells();
  }

  resize() {
    const ratio = Math.min(2, devicePixelRatio || 1);
    this.canvas.width = Math.max(1, Math.round(this.canvas.clientWidth * ratio));
    this.canvas.height = Math.max(1, Math.round(this.canvas.clientHeight * ratio));
    this.ratio = ratio;
    this.draw();
  }

  // From a place of the data, 0-1 on each axis, to pixels of the canvas.
  toCanvas(px, py) {
    const { width, height } = this.canvas;
    const { x, y, zoom } = this.view;
    const scale = zoom * (1 - 2 * PADDING);
    return [((px - x) * scale + 0.5) * width, ((y - py) * scale + 0.5) * height];
  }

  toData(left, top) {
    const { width, height } = this.canvas;
    const { x, y, zoom } = this.view;
    const scale = zoom * (1 - 2 * PADDING);
    return [(left / width - 0.5) / scale + x, y - (top / height - 0.5) / scale];
  }

  draw() {
    const { width, height } = this.canvas;
    const context = this.canvas.getContext("2d");
    const image = context.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    const sparse = this.x.length / this.view.zoom ** 2 < 4000;
    const side = Math.max(2, Math.round(this.ratio * (sparse ? 7 : 2.5)));
    const spans = disc(side);
    const [left, top] = this.toCanvas(0, 0);
    const [right, bottom] = this.toCanvas(1, 1);
    // The faded ones first, so that none of them lies on a chosen one.
    for (const faded of this.shown ? [true, false] : [false]) {
      for (let i = 0; i < this.x.length; i++) {
        if (this.shown && this.shown.has(this.cluster[i]) === faded) continue;
        const column = Math.round(left + ((right - left) * this.x[i]) / TOP - side / 2);
        const row = Math.round(top + ((bottom - top) * this.y[i]) / TOP - side / 2);
        if (column < 0 || row < 0 || column + side > width || row + side > height) continue;
        const colour = faded ? 0x40808080 : this.palette[this.values[i]];
        for (let y = 0; y < side; y++) {
          const start = (row + y) * width + column;
          pixels.fill(colour, start + spans[y], start + side - spans[y]);
        }
      }
    }
    context.putImageData(image, 0, 0);
    if (this.chosen >= 0) this.#ring(context, this.chosen);
  }

  #ring(context, i) {
    const [x, y] = this.toCanvas(this.x[i] / TOP, this.y[i] / TOP);
    for (const [colour, width] of [["#000", 5], ["#fff", 2.5]]) {
      context.strokeStyle = colour;
      context.lineWidth = width * this.ratio;
      context.beginPath();
      context.arc(x, y, 7 * this.ratio, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  // The nearest shown point within some pixels of a place on the canvas; -1 without one.
  at(left, top, reach = 14) {
    const [px, py] = this.toData(left, top);
    const radius = (this.toData(left + reach * this.ratio, top)[0] - px) * TOP;
    const high = Math.abs(this.toData(left, top + reach * this.ratio)[1] - py) * TOP;
    const [cx, cy] = [px * TOP, py * TOP];
    let best = -1;
    let nearest = 1;
    for (const i of this.#within(cx - radius, cx + radius, cy - high, cy + high)) {
      const distance = ((this.x[i] - cx) / radius) ** 2 + ((this.y[i] - cy) / high) ** 2;
      if (distance < nearest && this.#isShown(i)) [best, nearest] = [i, distance];
    }
    return best;
  }

  // The next shown point in a direction, for the arrow keys.
  beside(from, right, up) {
    let best = -1;
    let nearest = Infinity;
    for (let i = 0; i < this.x.length; i++) {
      const along = (this.x[i] - this.x[from]) * right + (this.y[i] - this.y[from]) * up;
      const aside = Math.abs((this.x[i] - this.x[from]) * up) + Math.abs((this.y[i] - this.y[from]) * right);
      if (along > 0 && along >= aside && along + 2 * aside < nearest && this.#isShown(i)) [best, nearest] = [i, along + 2 * aside];
    }
    return best;
  }

  zoomBy(factor, left = this.canvas.width / 2, top = this.canvas.height / 2) {
    const [x, y] = this.toData(left, top);
    const zoom = Math.min(200, Math.max(1, this.view.zoom * factor));
    const change = this.view.zoom / zoom;
    this.view = { zoom, x: x + (this.view.x - x) * change, y: y + (this.view.y - y) * change };
    if (zoom === 1) this.view = { zoom, x: 0.5, y: 0.5 };
  }

  #isShown(i) {
    return !this.shown || this.shown.has(this.cluster[i]);
  }

  #cell(x, y) {
    const clamp = (value) => Math.min(CELLS - 1, Math.max(0, Math.floor((value / (TOP + 1)) * CELLS)));
    return clamp(y) * CELLS + clamp(x);
  }

  #sortIntoCells() {
    const counts = new Uint32Array(CELLS * CELLS + 1);
    for (let i = 0; i < this.x.length; i++) counts[this.#cell(this.x[i], this.y[i]) + 1]++;
    for (let i = 1; i < counts.length; i++) counts[i] += counts[i - 1];
    this.starts = counts.slice();
    this.members = new Uint32Array(this.x.length);
    for (let i = 0; i < this.x.length; i++) this.members[counts[this.#cell(this.x[i], this.y[i])]++] = i;
  }

  *#within(x1, x2, y1, y2) {
    const first = this.#cell(x1, y1);
    const last = this.#cell(x2, y2);
    for (let row = Math.floor(first / CELLS); row <= Math.floor(last / CELLS); row++) {
      const start = this.starts[row * CELLS + (first % CELLS)];
      const stop = this.starts[row * CELLS + (last % CELLS) + 1];
      for (let i = start; i < stop; i++) yield this.members[i];
    }
  }
}

// How far each row of a disc starts from the left, px.
function disc(side) {
  const radius = side / 2;
  return Array.from({ length: side }, (_, y) => Math.round(radius - Math.sqrt(radius ** 2 - (y + 0.5 - radius) ** 2)));
}
