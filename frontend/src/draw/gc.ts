// draw/gc.ts - the collector: bands through all lanes, and the lane that names its phases.

import { short } from "../lib/format";
import type { Range } from "../net/protocol";
import type { Palette } from "./palette";
import type { Scale } from "./scale";
import type { Sheet } from "./sheet";
import { label, textWidth } from "./text";

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

const THIN = 0.25; // px: bands below it would only grey the lanes
const DENSE_PX = 8; // phases that stand closer on average are drawn as shares of columns

/** The part of a list in order of start that touches [from, to). */
function within(rows: Range[], from: number, to: number): Range[] {
  return rows.filter((r) => r.start < to && r.start + r.dur > from);
}

export function paintBands(to: Sheet, g: GcPhases, s: Scale, top: number, bottom: number, c: Palette): void {
  const band = (r: Range, colour: string) => {
    const a = s.x(r.start);
    const width = r.dur / s.nsPerPx;
    if (width < THIN) return;
    const b = a + Math.max(1, width);
    to.rect(a, top, b - a, bottom - top, colour, Math.min(1, width));
  };
  for (const r of within(g.marks, s.from, s.to)) band(r, c.gcBand);
  for (const r of within(g.stops, s.from, s.to)) band(r, c.stwFill);
}

export function paintGcLane(to: Sheet, g: GcPhases, s: Scale, y: number, h: number, c: Palette): void {
  const marks = within(g.marks, s.from, s.to);
  const stops = within(g.stops, s.from, s.to);
  if ((marks.length + stops.length) * DENSE_PX > s.width) {
    paintShares(to, marks, s, y + h - 4, h - 8, c.families[8]!.solid, 1);
    paintShares(to, stops, s, y + h - 4, h - 8, c.stw, 2);
  } else paintPhases(to, marks, stops, s, y, h, c);
}

/** Columns as high as the share of their time; what is there is at least `least` px high. */
function paintShares(to: Sheet, rows: Range[], s: Scale, bottom: number, h: number, colour: string, least: number): void {
  const n = Math.ceil(s.width);
  const share = new Float32Array(n);
  for (const r of rows) {
    const a = Math.max(0, s.x(r.start));
    const b = Math.min(s.width, s.x(r.start + r.dur));
    for (let i = Math.floor(a); i < b && i < n; i++) share[i]! += Math.min(b, i + 1) - Math.max(a, i);
  }
  for (let i = 0; i < n; i++) {
    if (share[i] === 0) continue;
    const high = Math.max(least, Math.min(1, share[i]!) * h);
    to.rect(i, bottom - high, 1, high, colour);
  }
}

interface Stop {
  r: Range;
  a: number;
  b: number;
}

/** Where a mark phase has its name. */
interface Named {
  a: number;
  b: number;
}

function paintPhases(to: Sheet, marks: Range[], pauses: Range[], s: Scale, y: number, h: number, c: Palette): void {
  const gc = c.families[8]!;
  const top = y + 4;
  const high = h - 8;
  const stops: Stop[] = pauses.map((r) => {
    const a = Math.round(s.x(r.start));
    return { r, a, b: Math.max(a + 2, Math.round(s.x(r.start + r.dur))) };
  });
  const named: Named[] = [];
  for (const m of marks) {
    const a = s.x(m.start);
    const b = Math.max(a + 1, s.x(m.start + m.dur));
    to.rect(a, top, b - a, high, gc.fill);
    to.rect(a, y + h - 7, b - a, 3, gc.solid);
    let left = Math.max(0, a);
    let right = Math.min(s.width, b);
    for (const p of stops) {
      if (p.b > left && p.a < left + 8) left = Math.max(left, p.b);
      else if (p.a > left) right = Math.min(right, p.a);
    }
    const end = label(to, [`mark  ${short(m.dur)}`, short(m.dur), "mark"], left, right - left, y + h / 2 - 0.5, c.text);
    if (end > left) named.push({ a: left, b: end });
  }
  for (const p of stops) to.rect(p.a, top, p.b - p.a, high, c.stw);
  labelStops(to, stops, named, s.width, y + h / 2 + 0.5, c);
}

/** Pauses are named outside: a pause that ends a phase to its right, others to the left, where there is room. */
function labelStops(to: Sheet, seen: Stop[], named: Named[], width: number, middle: number, c: Palette): void {
  let taken = 0;
  const free = (a: number, b: number) => named.every((n) => n.b + 6 <= a || n.a - 6 >= b);
  seen.forEach((p, i) => {
    const t = `${stopName(p.r.name)}  ${short(p.r.dur)}`;
    const w = textWidth(to.x, t) + 8;
    const nextA = seen[i + 1]?.a ?? width;
    const prevB = Math.max(taken, seen[i - 1]?.b ?? 0);
    const right = /termination/.test(t) && /mark/.test(t);
    if (!right && p.a - prevB >= w && free(p.a - w, p.a)) {
      to.write(t, p.a - w + 2, middle, c.text);
    } else if (nextA - p.b >= w && (right || p.a <= w) && free(p.b, p.b + w)) {
      to.write(t, p.b + 6, middle, c.text);
      taken = p.b + w;
    }
  });
}
