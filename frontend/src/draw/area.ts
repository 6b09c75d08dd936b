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

let edge = new Float32Array(0);

export function paintArea(x: Ctx, cols: Columns, box: AreaBox, c: Palette): void {
  const n = cols.width;
  if (edge.length < n) edge = new Float32Array(n);
  edge.fill(0, 0, n);
  const max = box.max > 0 ? box.max : Math.max(1e-9, peak(cols, box.from, box.to));
  const k = box.height / max;
  const dir = box.up ? -1 : 1;
  for (let cls = box.from; cls < Math.min(box.to, N_CLASSES); cls++) {
    if (!(cols.used & (1 << cls))) continue;
    let any = false;
    x.beginPath();
    let run = -1;
    let lower = 0;
    let upper = 0;
    const close = (at: number) => {
      if (run < 0) return;
      const y0 = box.base + dir * Math.min(box.height, lower);
      const y1 = box.base + dir * Math.min(box.height, upper);
      x.rect(run, Math.min(y0, y1), at - run, Math.abs(y1 - y0));
      any = true;
      run = -1;
    };
    for (let i = 0; i < n; i++) {
      const v = cols.data[i * N_COLUMN_CLASSES + cls]! * k;
      const a = edge[i]!;
      const b = a + v;
      edge[i] = b;
      if (run >= 0 && a === lower && b === upper) continue;
      close(i);
      if (v > 0) {
        run = i;
        lower = a;
        upper = b;
      }
    }
    close(n);
    if (!any) continue;
    x.fillStyle = c.families[cls]!.area;
    x.fill();
  }
}
