// draw/stack.ts - stacked columns to pixels.  A few runs are rectangles; a dense lane is written pixel by pixel into a
// strip and shown at once, because ten thousand rectangles cost ten times as much.
// An edge is in sub-pixels from the base: `per` of them make one px.  A class lies between the edge of the class before
// it and its own.

import type { Columns } from "./columns";
import { N_COLUMN_CLASSES } from "./columns";

type Ctx = CanvasRenderingContext2D;

/** Pixels to write into, one wide as a column and `height` rows high; `show` puts them on a canvas and clears them. */
export interface Strip {
  pixels: Uint32Array; // rows of `width`, 0xAABBGGRR, all zero between uses
  open(width: number, height: number): void;
  show(x: Ctx, top: number, width: number, height: number): void;
}

export interface Colour {
  css: string;
  pixel: number; // 0xAABBGGRR
}

const DENSE_RUNS = 140;

export class Stack {
  private n = 0;
  private classes: number[] = [];
  private edges = new Uint16Array(0); // class after class
  private runs = 0;

  /** Reserves room for those of the classes (bits) that occur. */
  begin(cols: Columns, classes: number): void {
    this.n = cols.width;
    this.classes = [];
    this.runs = 0;
    for (let cls = 0; cls < N_COLUMN_CLASSES; cls++) if (cols.used & classes & (1 << cls)) this.classes.push(cls);
    const need = this.classes.length * this.n;
    if (this.edges.length < need) this.edges = new Uint16Array(need + 4096);
  }

  /** Coverage of one lane: at least `least` high where there is anything of a class, never above `high`. */
  addShares(cols: Columns, high: number, least: number, faint: number): void {
    const { n, classes, edges } = this;
    const { data, touched } = cols;
    const most = classes.length;
    edges.fill(0, 0, most * n);
    for (let i = 0; i < n; i++) {
      if (touched[i] === 0) continue;
      let edge = 0;
      const at = i * N_COLUMN_CLASSES;
      for (let k = 0; k < most; k++) {
        const v = data[at + classes[k]!]!;
        if (v >= faint) {
          const px = v >= 1 ? high : (v * high + 0.5) | 0;
          edge += px > least ? px : least;
          if (edge > high) edge = high;
        }
        edges[k * n + i] = edge;
      }
    }
    this.count();
  }

  /** Sums, `scale` sub-pixels each, cut at `high`. */
  addSums(cols: Columns, high: number, scale: number): void {
    const { n, classes, edges } = this;
    const { data } = cols;
    for (let i = 0; i < n; i++) {
      let sum = 0;
      for (let k = 0; k < classes.length; k++) {
        sum += data[i * N_COLUMN_CLASSES + classes[k]!]!;
        edges[k * n + i] = Math.min(high, Math.round(sum * scale));
      }
    }
    this.count();
  }

  private count(): void {
    const { n, classes, edges } = this;
    for (let k = 0; k < classes.length && this.runs < DENSE_RUNS; k++) {
      for (let i = k * n + 1, end = k * n + n; i < end; i++) if (edges[i] !== edges[i - 1]) this.runs++;
    }
  }

  /** base: y of the zero line; up: whether the stack grows to smaller y. */
  paint(x: Ctx, strip: Strip, base: number, high: number, per: number, up: boolean, colourOf: (cls: number) => Colour): void {
    if (this.classes.length === 0) return;
    if (this.runs < DENSE_RUNS) this.paintRuns(x, base, per, up, colourOf);
    else this.paintStrip(x, strip, base, high, per, up, colourOf);
  }

  private paintRuns(x: Ctx, base: number, per: number, up: boolean, colourOf: (cls: number) => Colour): void {
    const { n, classes, edges } = this;
    classes.forEach((cls, k) => {
      x.fillStyle = colourOf(cls).css;
      const own = k * n;
      const below = own - n;
      let from = 0;
      let lower = 0;
      let upper = 0;
      for (let i = 0; i <= n; i++) {
        const u = i < n ? edges[own + i]! : 0;
        const l = i < n && k > 0 ? edges[below + i]! : 0;
        if (u === upper && l === lower) continue;
        if (upper > lower) x.fillRect(from, up ? base - upper / per : base + lower / per, i - from, (upper - lower) / per);
        from = i;
        upper = u;
        lower = l;
      }
    });
  }

  private paintStrip(x: Ctx, strip: Strip, base: number, high: number, per: number, up: boolean, colourOf: (cls: number) => Colour): void {
    const { n, classes, edges } = this;
    strip.open(n, high);
    const { pixels } = strip;
    for (let k = 0; k < classes.length; k++) {
      const colour = colourOf(classes[k]!).pixel;
      const own = k * n;
      const below = own - n;
      for (let i = 0; i < n; i++) {
        const u = edges[own + i]!;
        const l = k > 0 ? edges[below + i]! : 0;
        if (l >= u) continue;
        let at = (up ? high - 1 - l : l) * n + i;
        const step = up ? -n : n;
        for (let e = l; e < u; e++, at += step) pixels[at] = colour;
      }
    }
    strip.show(x, up ? base - high / per : base, n, high / per);
  }
}
