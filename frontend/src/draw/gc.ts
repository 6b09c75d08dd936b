// draw/gc.ts - the collector: bands through all lanes, and the lane that names its phases.

import { short } from "../lib/format";
import type { Range } from "../net/protocol";
import type { Palette } from "./palette";
import type { Scale } from "./scale";
import { label, setFont, textWidth } from "./text";

type Ctx = CanvasRenderingContext2D;

export interface GcPhases {
  marks: Range[];
  stops: Range[];
  others: Range[]; // named ranges over everything that are neither
}

export function sortPhases(rows: Range[]): GcPhases {
  const out: GcPhases = { marks: [], stops: [], others: [] };
  for (const r of rows) {
    if (/^stop-the-world/i.test(r.name)) out.stops.push(r);
    else if (/mark phase|^GC$|concurrent mark/i.test(r.name)) out.marks.push(r);
    else if (r.scope === "none") out.others.push(r);
  }
  return out;
}

/** "stop-the-world (GC mark termination)" -> "mark termination" */
export function stopName(name: string): string {
  const m = /\((.*)\)/.exec(name);
  return (m?.[1] ?? name).replace(/^GC /, "");
}

export function paintBands(x: Ctx, g: GcPhases, s: Scale, top: number, bottom: number, c: Palette): void {
  const band = (r: Range, colour: string) => {
    const a = s.x(r.start);
    const b = Math.max(a + 1, s.x(r.start + r.dur));
    if (b < 0 || a > s.width) return;
    x.fillStyle = colour;
    x.fillRect(Math.max(0, a), top, Math.min(s.width, b) - Math.max(0, a), bottom - top);
  };
  for (const r of g.marks) band(r, c.gcBand);
  for (const r of g.stops) band(r, c.stwFill);
}

export function paintGcLane(x: Ctx, g: GcPhases, s: Scale, y: number, h: number, c: Palette): void {
  const gc = c.families[8]!;
  setFont(x, c.font, 500);
  const top = y + 4;
  const high = h - 8;
  const stops = g.stops.map((r) => ({ r, a: Math.round(s.x(r.start)), b: Math.max(Math.round(s.x(r.start)) + 2, Math.round(s.x(r.start + r.dur))) }));
  const seen = stops.filter((p) => p.b > 0 && p.a < s.width);
  for (const m of g.marks) {
    const a = s.x(m.start);
    const b = Math.max(a + 1, s.x(m.start + m.dur));
    if (b < 0 || a > s.width) continue;
    x.fillStyle = gc.fill;
    x.fillRect(a, top, b - a, high);
    x.fillStyle = gc.solid;
    x.fillRect(a, y + h - 7, b - a, 3);
    let left = Math.max(0, a);
    let right = Math.min(s.width, b);
    for (const p of seen) {
      if (p.b > left && p.a < left + 8) left = Math.max(left, p.b);
      else if (p.a < right && p.b >= right - 2) right = Math.min(right, p.a);
    }
    label(x, [`mark  ${short(m.dur)}`, short(m.dur), "mark"], left, right - left, y + h / 2 - 0.5, c.text);
  }
  for (const p of seen) {
    x.fillStyle = c.stw;
    x.fillRect(p.a, top, p.b - p.a, high);
  }
  labelStops(x, seen, s.width, y + h / 2 + 0.5, c);
}

interface Stop {
  r: Range;
  a: number;
  b: number;
}

/** Pauses are named outside: a pause that ends a phase to its right, others to the left, where there is room. */
function labelStops(x: Ctx, seen: Stop[], width: number, middle: number, c: Palette): void {
  x.fillStyle = c.text;
  let taken = 0;
  seen.forEach((p, i) => {
    const t = `${stopName(p.r.name)}  ${short(p.r.dur)}`;
    const w = textWidth(x, t) + 8;
    const nextA = seen[i + 1]?.a ?? width;
    const prevB = Math.max(taken, seen[i - 1]?.b ?? 0);
    const right = /termination/.test(t) && /mark/.test(t);
    if (!right && p.a - prevB >= w) {
      x.fillText(t, p.a - w + 2, middle);
    } else if (nextA - p.b >= w && (right || p.a <= w)) {
      x.fillText(t, p.b + 6, middle);
      taken = p.b + w;
    }
  });
}
