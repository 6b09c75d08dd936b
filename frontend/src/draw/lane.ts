// draw/lane.ts - one processor, thread or goroutine: bars, merged columns, labels.
// Shape is the second channel: running and syscall full solids, runnable a lower bar with two rails, waiting a pale
// fill over a solid base; on P and M lanes a syscall is a low bar.  Nothing that is in the tiles vanishes.

import { N_CLASSES, RUNNABLE, RUNNING, SYSCALL, type GroupLook, type TagLook } from "../model/families";
import type { Segment } from "../model/tiles";
import type { Match } from "../net/protocol";
import { short } from "../lib/format";
import { DIM, type Columns } from "./columns";
import type { Palette } from "./palette";
import type { Scale } from "./scale";
import type { Sheet } from "./sheet";
import { stackShares } from "./stack";
import { LABEL_MIN, label } from "./text";

/** What a frame knows about tags; arrays by tag. */
export interface Looks {
  tags: TagLook[];
  groups: GroupLook[];
  laneClass: Uint8Array; // DIM where switched off or not highlighted
  procClass: Uint8Array;
  min: number; // ns: shorter slices are DIM, and
  max: number; // longer ones
}

export interface LaneBox {
  y: number;
  h: number;
  proc: boolean; // a P or M lane
  avoid: number | null; // x that labels make room for
  left?: number; // px outside which nothing is labelled
  right?: number;
  matches?: Match[] | undefined; // the only slices that are not DIM, told one by one
}

const PAD = 2;
const BASE = 2;
const MIN_PX = 2;
const NONE = new Uint8Array(0); // every class DIM
const FAINT = 0.004; // of a pixel: 16 slices of 1 µs in a pixel of 4 ms still show

/** The solids of a lane within the window, each once, in order. */
export function eachSolid(segs: Segment[], s: Scale, f: (seg: Segment, i: number) => void): void {
  let last = -Infinity;
  for (const seg of segs) {
    const { start, dur } = seg.tile;
    const lo = Math.max(seg.from, s.from);
    const hi = Math.min(seg.to, s.to);
    for (let i = firstTouching(start, dur, lo); i < start.length; i++) {
      const t = start[i]!;
      if (t >= hi) break;
      if (t <= last || t + dur[i]! <= lo) continue;
      last = t;
      f(seg, i);
    }
  }
}

/** Slices of a lane do not overlap, so their ends are in order too. */
function firstTouching(start: Float64Array, dur: Float64Array, t: number): number {
  let lo = 0;
  let hi = start.length;
  while (lo < hi) {
    const m = (lo + hi) >> 1;
    if (start[m]! + dur[m]! <= t) lo = m + 1;
    else hi = m;
  }
  return Math.max(0, lo - 1);
}

/** A lane as columns; where a filter's matches are known, all else is DIM. */
export function sumLane(cols: Columns, segs: Segment[], s: Scale, laneClass: Uint8Array, matches?: Match[]): void {
  const classOf = matches ? NONE : laneClass;
  cols.reset(s.width);
  for (const seg of segs) cols.addParts(seg, s, classOf);
  eachSolid(segs, s, ({ tile }, i) => cols.add(s.x(tile.start[i]!), s.x(tile.start[i]! + tile.dur[i]!), classOf[tile.tag[i]!] ?? DIM, 1));
  for (const m of matches ?? []) {
    const [a, b] = [s.x(m.start), s.x(m.start + m.dur)];
    cols.add(a, b, laneClass[m.tag] ?? DIM, 1);
    cols.add(a, b, DIM, -1);
  }
}

export function paintLane(to: Sheet, cols: Columns, segs: Segment[], s: Scale, box: LaneBox, looks: Looks, c: Palette): void {
  const top = box.y + PAD;
  const h = box.h - PAD * 2;
  const classOf = box.proc ? looks.procClass : looks.laneClass;
  const leftmost = Math.max(0, box.left ?? 0);
  const rightmost = Math.min(s.width, box.right ?? s.width);
  cols.reset(s.width);
  // Parts are shorter than their bucket: where that is too short already, none of them can match.
  for (const seg of segs) cols.addParts(seg, s, box.matches || 2 ** (seg.tile.level + seg.tile.shift) <= looks.min ? NONE : classOf);
  const solid = (start: number, dur: number, tag: number, who: number, group: number, cls: number) => {
    const a = Math.max(-2, s.x(start));
    const b = Math.min(s.width + 2, s.x(start + dur));
    if (b - a < MIN_PX) {
      cols.add(a, b, cls, 1);
      return;
    }
    const left = Math.round(a);
    const right = Math.round(b);
    const w = Math.max(1, right - left - (right - left >= 4 ? 1 : 0));
    paintBar(to, left, top, w, h, cls, box.proc, c);
    if (w < LABEL_MIN || cls === DIM) return;
    const from = Math.max(left, leftmost);
    const shift = box.avoid !== null && from > box.avoid - 4 && from < box.avoid + 24 ? box.avoid + 22 - from : 0;
    const forms = box.proc ? procForms(cls, group, who, looks) : laneForms(cls, looks.tags[tag], who, dur);
    if (forms.length === 0) return;
    const family = c.families[cls]!;
    const full = cls === RUNNING || cls === SYSCALL || box.proc;
    const middle = top + (full ? h : h - BASE) / 2 + 0.5;
    label(to, forms, from + shift, Math.min(left + w, rightmost) - from - shift, middle, full ? family.on : c.text);
  };
  eachSolid(segs, s, ({ tile: t }, i) => {
    const dur = t.dur[i]!;
    const tag = t.tag[i]!;
    const fits = !box.matches && dur >= looks.min && dur <= looks.max;
    solid(t.start[i]!, dur, tag, t.who[i]!, t.group[i]!, fits ? (classOf[tag] ?? DIM) : DIM);
  });
  for (const m of box.matches ?? []) {
    const cls = classOf[m.tag] ?? DIM;
    const here = !box.proc || looks.tags[m.tag]?.tag.state === "running" || looks.tags[m.tag]?.tag.state === "syscall";
    if (here && m.start < s.to && m.start + m.dur > s.from) solid(m.start, m.dur, m.tag, box.proc ? Number(m.g) : -1, m.group, cls);
  }
  if (cols.used !== 0) stackShares(to, cols, { base: top + h, height: h, up: true }, MIN_PX, FAINT, (cls) => (cls < N_CLASSES ? c.families[cls]!.solid : c.dim));
}

function paintBar(to: Sheet, left: number, top: number, w: number, h: number, cls: number, proc: boolean, c: Palette): void {
  const f = c.families[cls];
  if (!f) {
    to.rect(left, top + h / 2 - 1, w, 2, c.line2);
  } else if (cls === RUNNABLE) {
    to.rect(left, top + 3, w, h - 6, f.fill);
    to.rect(left, top + 3, w, 2, f.solid);
    to.rect(left, top + h - 5, w, 2, f.solid);
  } else if (cls === SYSCALL && proc) {
    to.rect(left, top + h - 6, w, 6, f.solid);
  } else if (proc || cls === RUNNING || cls === SYSCALL) {
    to.rect(left, top, w, h, f.solid);
  } else {
    to.rect(left, top, w, h - BASE, f.fill);
    to.rect(left, top + h - BASE, w, BASE, f.solid);
  }
}

function procForms(cls: number, group: number, g: number, looks: Looks): string[] {
  if (cls === SYSCALL) return [];
  const f = looks.groups[group]?.bare ?? "?";
  return g < 0 ? [f] : [`${f}  G${g}`, f, `G${g}`];
}

function laneForms(cls: number, tag: TagLook | undefined, p: number, dur: number): string[] {
  if (!tag || cls === RUNNABLE) return [];
  if (cls === RUNNING) return p < 0 ? ["running"] : [`running on P${p}`, `P${p}`];
  if (cls === SYSCALL) return [`syscall  ${short(dur)}`, "syscall", "sys"];
  const d = short(dur);
  const [whole, method] = tag.forms;
  const long = whole ? [`${whole}  ${d}`] : [];
  return method && tag.forms.length > 2 ? [...long, `${method}  ${d}`, ...tag.forms] : [...long, ...tag.forms];
}
