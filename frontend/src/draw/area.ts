// draw/area.ts - stacked areas: groups, goroutines not waiting, the overview.

import { N_CLASSES } from "../model/families";
import type { Segment } from "../model/tiles";
import { N_COLUMN_CLASSES, type Columns } from "./columns";
import type { Palette } from "./palette";
import type { Scale } from "./scale";
import type { Sheet } from "./sheet";
import { stackSums } from "./stack";

export interface AreaBox {
  base: number; // y of the zero line
  height: number; // of `max`
  up: boolean;
  max: number; // goroutines; 0 = the most of the window
  classes: number; // bit c: class c
}

/** Classes [from, to) as bits. */
export const bits = (from: number, to: number): number => (1 << to) - (1 << from);

/** Where the columns of those classes that occur begin. */
function listed(cols: Columns, classes: number): number[] {
  const out: number[] = [];
  for (let k = 0; k < N_COLUMN_CLASSES; k++) if (cols.used & classes & (1 << k)) out.push(cols.at(k));
  return out;
}

export function sumArea(cols: Columns, segs: Segment[], s: Scale, classOf: Uint8Array): void {
  cols.reset(s.width);
  for (const seg of segs) cols.addParts(seg, s, classOf);
}

/** The highest column of these classes, switched-off ones not counted. */
export function peak(cols: Columns, classes: number): number {
  const list = listed(cols, classes);
  let most = 0;
  for (let i = 0; i < cols.width; i++) {
    let t = 0;
    for (const at of list) t += cols.data[at + i]!;
    if (t > most) most = t;
  }
  return most;
}

/** The value that a share q of the columns with anything in them stay below: a scale that one spike does not flatten. */
export function quantile(cols: Columns, classes: number, q: number): number {
  const list = listed(cols, classes);
  const sums = new Float32Array(cols.width);
  let n = 0;
  for (let i = 0; i < cols.width; i++) {
    let t = 0;
    for (const at of list) t += cols.data[at + i]!;
    if (t > 0) sums[n++] = t;
  }
  const v = sums.subarray(0, n).sort();
  return v[Math.min(n - 1, Math.floor(n * q))] ?? 0;
}

export function paintArea(to: Sheet, cols: Columns, box: AreaBox, c: Palette): void {
  if (cols.used === 0) return;
  const max = box.max > 0 ? box.max : Math.max(1e-9, peak(cols, box.classes));
  stackSums(to, cols, box.classes, box, max, (cls) => (cls < N_CLASSES ? c.families[cls]!.area : c.line));
}
