// draw/counter.ts - values over time as steps: heap with its goal, how many tasks are under way.
// Written by column, not as a path: stroking a path of thousands of points in software takes longer than all the rest.

import type { Point } from "../net/protocol";
import type { Columns } from "./columns";
import type { Palette } from "./palette";
import type { Scale } from "./scale";
import type { Sheet } from "./sheet";
import { stackSums } from "./stack";

const DASH = 7; // px from dash to dash
const DASH_ON = 4;

export interface CounterBox {
  y: number;
  h: number;
}

/** Position of the last point at or before t, -1 = none. */
export function pointAt(points: readonly (readonly [t: number, ...rest: number[]])[], t: number): number {
  let lo = 0;
  let hi = points.length;
  while (lo < hi) {
    const m = (lo + hi) >> 1;
    if (points[m]![0] <= t) lo = m + 1;
    else hi = m;
  }
  return lo - 1;
}

/** The least and the most of each pixel column; NaN before the first point. */
export class Steps {
  lo = new Float32Array(0);
  hi = new Float32Array(0);
  max = 0;

  /** Points [t, least, most, last], or [t, value]. */
  read(points: readonly (readonly [t: number, ...rest: number[]])[], s: Scale): this {
    const n = Math.ceil(s.width);
    if (this.lo.length !== n) {
      this.lo = new Float32Array(n);
      this.hi = new Float32Array(n);
    }
    const { lo, hi } = this;
    this.max = 0;
    let at = 0;
    let v = NaN;
    const level = (end: number) => {
      for (; at < end; at++) lo[at] = hi[at] = v;
    };
    for (let i = Math.max(0, pointAt(points, s.from)); i < points.length; i++) {
      const p = points[i]!;
      if (p[0] >= s.to) break;
      const col = Math.max(0, Math.floor(s.x(p[0])));
      if (col >= at) {
        level(Math.min(n, col));
        if (col < n) {
          lo[col] = Number.isNaN(v) ? p[1]! : Math.min(v, p[1]!);
          hi[col] = Number.isNaN(v) ? (p[2] ?? p[1]!) : Math.max(v, p[2] ?? p[1]!);
          at = col + 1;
        }
      } else {
        lo[col] = Math.min(lo[col]!, p[1]!);
        hi[col] = Math.max(hi[col]!, p[2] ?? p[1]!);
      }
      v = p[3] ?? p[1]!;
    }
    level(n);
    for (let i = 0; i < n; i++) if (hi[i]! > this.max) this.max = hi[i]!;
    return this;
  }
}

/** Filled to the foot, with a line of a pixel at the top that spans what lies within a column. */
export function paintSteps(to: Sheet, cols: Columns, steps: Steps, max: number, base: number, height: number, area: string, line: string): void {
  const n = steps.lo.length;
  cols.reset(n);
  for (let i = 0; i < n; i++) {
    if (!(steps.hi[i]! > 0)) continue;
    const low = Math.max(0, (Math.max(0, steps.lo[i]!) / max) * height - 1);
    cols.data[cols.at(0) + i] = low;
    cols.data[cols.at(1) + i] = Math.max(1, (steps.hi[i]! / max) * height - low);
    cols.used = 3;
  }
  stackSums(to, cols, 3, { base, height, up: true }, height, (cls) => (cls === 0 ? area : line));
}

const live = new Steps();
const aim = new Steps();
const NO_GOAL = 1e15; // the collector is off

export function paintHeap(to: Sheet, cols: Columns, heap: Point[], goal: Point[], s: Scale, box: CounterBox, c: Palette): void {
  live.read(heap, s);
  aim.read(goal.filter((g) => g[2] < NO_GOAL), s);
  const max = Math.max(1, live.max, aim.max) * 1.05;
  const base = box.y + box.h - 3;
  paintSteps(to, cols, live, max, base, box.h - 9, c.heapArea, c.families[6]!.solid);
  paintDashes(to, aim, max, base, box.h - 9, c.families[8]!.solid);
}

/** A limit, dashed. */
export function paintDashes(to: Sheet, steps: Steps, max: number, base: number, height: number, colour: string): void {
  for (let i = 0; i < steps.hi.length; i += DASH) {
    const v = steps.hi[i]!;
    if (v >= 0) to.rect(i, Math.round(base - (v / max) * height) - 1, DASH_ON, 1, colour);
  }
}
