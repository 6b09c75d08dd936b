// draw/area.ts - stacked areas: groups, goroutines not waiting, the overview.

import { N_CLASSES } from "../model/families";
import type { Segment } from "../model/tiles";
import { N_COLUMN_CLASSES, type Columns, type Pad } from "./columns";
import type { Palette } from "./palette";
import type { Scale } from "./scale";

type Ctx = CanvasRenderingContext2D;
const SUB = 2; // edges lie on half px

export interface AreaBox {
  base: number; // y of the zero line
  height: number; // of `max`
  up: boolean;
  max: number; // goroutines; 0 = the most of the window
  classes: number; // bit c: class c
}

/** Classes [from, to) as bits. */
export const bits = (from: number, to: number): number => (1 << to) - (1 << from);

function listed(classes: number): number[] {
  const out: number[] = [];
  for (let k = 0; k < N_COLUMN_CLASSES; k++) if (classes & (1 << k)) out.push(k);
  return out;
}

export function sumArea(cols: Columns, segs: Segment[], s: Scale, classOf: Uint8Array): void {
  cols.reset(s.width);
  for (const seg of segs) cols.addParts(seg, s, classOf);
}

/** The highest column of these classes, switched-off ones not counted. */
export function peak(cols: Columns, classes: number): number {
  const list = listed(cols.used & classes);
  let most = 0;
  for (let i = 0; i < cols.width; i++) {
    if (!cols.touched[i]) continue;
    let t = 0;
    for (const k of list) t += cols.data[i * N_COLUMN_CLASSES + k]!;
    if (t > most) most = t;
  }
  return most;
}

/** The value that a share q of the columns with anything in them stay below: a scale that one spike does not flatten. */
export function quantile(cols: Columns, classes: number, q: number): number {
  const list = listed(cols.used & classes);
  const sums = new Float32Array(cols.width);
  let n = 0;
  for (let i = 0; i < cols.width; i++) {
    let t = 0;
    for (const k of list) t += cols.data[i * N_COLUMN_CLASSES + k]!;
    if (t > 0) sums[n++] = t;
  }
  const v = sums.subarray(0, n).sort();
  return v[Math.min(n - 1, Math.floor(n * q))] ?? 0;
}

export function paintArea(x: Ctx, p: Pad, box: AreaBox, c: Palette): void {
  if (p.cols.used === 0) return;
  const max = box.max > 0 ? box.max : Math.max(1e-9, peak(p.cols, box.classes));
  const high = box.height * SUB;
  p.stack.begin(p.cols, box.classes & bits(0, N_CLASSES));
  p.stack.addSums(p.cols, high, high / max);
  p.stack.paint(x, p.strip, box.base, high, SUB, box.up, (cls) => c.families[cls]!.area);
}
