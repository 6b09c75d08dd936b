// draw/counter.ts - a value over time: heap with its goal.

import type { Point } from "../net/protocol";
import type { Palette } from "./palette";
import type { Scale } from "./scale";

type Ctx = CanvasRenderingContext2D;

export interface CounterBox {
  y: number;
  h: number;
}

/** Position of the last point at or before t, -1 = none. */
export function pointAt(points: Point[], t: number): number {
  let lo = 0;
  let hi = points.length;
  while (lo < hi) {
    const m = (lo + hi) >> 1;
    if (points[m]![0] <= t) lo = m + 1;
    else hi = m;
  }
  return lo - 1;
}

function shown(points: Point[], s: Scale): Point[] {
  const a = Math.max(0, pointAt(points, s.from));
  const b = pointAt(points, s.to);
  return points.slice(a, b + 1);
}

export function paintHeap(x: Ctx, heap: Point[], goal: Point[], s: Scale, box: CounterBox, c: Palette): void {
  const live = shown(heap, s);
  const aim = shown(goal, s);
  let max = 1;
  for (const p of live) max = Math.max(max, p[2]);
  for (const p of aim) if (p[2] < 1e15) max = Math.max(max, p[2]);
  const bottom = box.y + box.h - 1;
  const yOf = (v: number) => bottom - 2 - (v / (max * 1.05)) * (box.h - 9);
  if (live.length > 0) {
    x.beginPath();
    steps(x, live, s, yOf);
    x.strokeStyle = c.families[6]!.solid;
    x.lineWidth = 1.25;
    x.stroke();
    const first = Math.max(0, s.x(live[0]![0]));
    x.lineTo(s.width, bottom);
    x.lineTo(first, bottom);
    x.closePath();
    x.fillStyle = c.heapArea;
    x.globalAlpha = 0.55;
    x.fill();
    x.globalAlpha = 1;
  }
  const goals = aim.filter((p) => p[2] < 1e15);
  if (goals.length > 0) {
    x.beginPath();
    steps(x, goals, s, yOf);
    x.setLineDash([4, 3]);
    x.lineWidth = 1.25;
    x.strokeStyle = c.families[8]!.solid;
    x.stroke();
    x.setLineDash([]);
  }
}

function steps(x: Ctx, points: Point[], s: Scale, yOf: (v: number) => number): void {
  let y = 0;
  points.forEach((p, i) => {
    const px = Math.max(0, s.x(p[0]));
    if (i === 0) x.moveTo(px, yOf(p[3]));
    else {
      x.lineTo(px, y);
      if (p[1] !== p[2]) {
        x.lineTo(px, yOf(p[2]));
        x.lineTo(px, yOf(p[1]));
      }
    }
    y = yOf(p[3]);
    x.lineTo(px, y);
  });
  x.lineTo(s.width, y);
}

/** A limit over time, dashed. */
export function paintLevel(x: Ctx, points: Point[], s: Scale, yOf: (v: number) => number, colour: string): void {
  const seen = shown(points, s);
  if (seen.length === 0) return;
  x.beginPath();
  steps(x, seen, s, yOf);
  x.setLineDash([5, 3]);
  x.lineWidth = 1;
  x.strokeStyle = colour;
  x.stroke();
  x.setLineDash([]);
}
