// draw/area.ts - stacked areas: groups, goroutines not waiting, the overview.

import { N_CLASSES } from "../model/families";
import type { Segment } from "../model/tiles";
import { N_COLUMN_CLASSES, type Columns } from "./columns";
import type { Palette } from "./palette";
import type { Scale } from "./scale";

type Ctx = CanvasRenderingContext2D;

export interface AreaBox {
  base: number; // y of the zero line
  height: number; // of `max`
  up: boolean;
  max: number; // goroutines; 0 = the most of the window
  from: number; // classes, to exclusive
  to: number;
}

export function sumArea(cols: Columns, segs: Segment[], s: Scale, classOf: Uint8Array): void {
  cols.reset(s.width);
  for (const seg of segs) cols.addParts(seg, s, classOf);
}

/** The highest column of classes [from, to), switched-off ones not counted. */
export function peak(cols: Columns, from: number, to: number): number {
  let most = 0;
  for (let i = 0; i < cols.width; i++) {
    if (!cols.touched[i]) continue;
    let t = 0;
    for (let k = from; k < to; k++) t += cols.data[i * N_COLUMN_CLASSES + k]!;
    if (t > most) most = t;
  }
  return most;
}

/** The value that a share q of the columns with anything in them stay below: a scale that one spike does not flatten. */
export function quantile(cols: Columns, from: number, to: number, q: number): number {
  const sums = new Float32Array(cols.width);
  let n = 0;
  for (let i = 0; i < cols.width; i++) {
    let t = 0;
    for (let k = from; k < to; k++) t += cols.data[i * N_COLUMN_CLASSES + k]!;
    if (t > 0) sums[n++] = t;
  }
  const v = sums.subarray(0, n).sort();
  return v[Math.min(n - 1, Math.floor(n * q))] ?? 0;
}

let edges = new Float32Array(0); // upper edge in px from the base: class after class, rounded to half px

/** Upper edges of the stacked classes of every column. */
function stack(cols: Columns, box: AreaBox, k: number): void {
  const n = cols.width;
  const to = Math.min(box.to, N_CLASSES);
  if (edges.length < n * N_CLASSES) edges = new Float32Array(n * N_CLASSES);
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let cls = box.from; cls < to; cls++) {
      sum += cols.data[i * N_COLUMN_CLASSES + cls]!;
      edges[cls * n + i] = Math.round(Math.min(box.height, sum * k) * 2) / 2;
    }
  }
}

/** Painted from the top class down, each from the base to its upper edge: neighbours with the same edge are one rectangle. */
export function paintArea(x: Ctx, cols: Columns, box: AreaBox, c: Palette): void {
  if (cols.used === 0) return;
  const n = cols.width;
  const max = box.max > 0 ? box.max : Math.max(1e-9, peak(cols, box.from, box.to));
  stack(cols, box, box.height / max);
  for (let cls = Math.min(box.to, N_CLASSES) - 1; cls >= box.from; cls--) {
    if (!(cols.used & (1 << cls))) continue;
    x.fillStyle = c.families[cls]!.area;
    const upper = cls * n;
    const lower = upper - n;
    let from = 0;
    let high = 0;
    for (let i = 0; i <= n; i++) {
      let h = 0;
      if (i < n) {
        h = edges[upper + i]!;
        if (cls > box.from && edges[lower + i] === h) h = 0;
      }
      if (h === high) continue;
      if (high > 0) x.fillRect(from, box.up ? box.base - high : box.base, i - from, high);
      from = i;
      high = h;
    }
  }
}
