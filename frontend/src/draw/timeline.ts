// draw/timeline.ts - one frame of the lanes: a base that changes with the window, a top that changes with the pointer.
// Coordinates are css px; y 0 is the ruler's top.  The ruler and the GC lane stand, the rows below them scroll.

import { FIRST_WAIT, N_CLASSES } from "../model/families";
import { SIZES, type Row } from "../model/lanes";
import type { Segment } from "../model/tiles";
import type { Gap, Point, Slice } from "../net/protocol";
import { paintArea, peak, sumArea } from "./area";
import type { Pad } from "./columns";
import { paintHeap } from "./counter";
import { paintBands, paintGcLane, type GcPhases } from "./gc";
import { paintLane, type Looks } from "./lane";
import { paintBrush, paintHook, paintOutline } from "./mark";
import type { Palette } from "./palette";
import { paintCursor, paintGapFlags, paintGaps, paintGrid, paintRuler } from "./ruler";
import type { Scale } from "./scale";

type Ctx = CanvasRenderingContext2D;

export const PINNED = SIZES.ruler + SIZES.gc;

export interface Frame {
  s: Scale;
  height: number;
  rows: Row[];
  scroll: number;
  looks: Looks;
  segments: (lane: string) => Segment[];
  phases: GcPhases;
  heap: Point[];
  goal: Point[];
  gaps: Gap[];
  selected: Slice | null;
  hatch: CanvasPattern | null;
  c: Palette;
  pad: Pad;
  figures: { notWaiting: number }; // told by the painter: the most at once in this window
}

export interface Top {
  cursor: number | null;
  hover: Row | null;
  brush: { x0: number; x1: number; text: string } | null;
  rowOf: (lane: string) => Row | undefined;
}

/** y on the canvas of a row. */
export const yOf = (r: Row, scroll: number): number => PINNED + r.top - scroll;

export function paintBase(x: Ctx, f: Frame): void {
  const { s, c } = f;
  x.textBaseline = "middle";
  x.fillStyle = c.surface;
  x.fillRect(0, 0, s.width, f.height);
  x.save();
  x.beginPath();
  x.rect(0, PINNED, s.width, f.height - PINNED);
  x.clip();
  paintUnder(x, f);
  paintGrid(x, s, PINNED, f.height, c);
  paintBands(x, f.phases, s, PINNED, f.height, c);
  const lanes = { goroutine: f.selected ? `G${f.selected.g}` : "", waker: f.selected?.waker ? `G${f.selected.waker.g}` : "" };
  const both = f.rows.some((r) => r.lane === lanes.goroutine) && f.rows.some((r) => r.lane === lanes.waker);
  for (const r of f.rows) paintRow(x, f, r, both && (r.lane === lanes.goroutine || r.lane === lanes.waker));
  paintGaps(x, f.gaps, s, PINNED, f.height, f.hatch, c);
  x.restore();
  paintGrid(x, s, SIZES.ruler, PINNED, c);
  paintBands(x, f.phases, s, SIZES.ruler, PINNED, c);
  paintGcLane(x, f.phases, s, SIZES.ruler, SIZES.gc, c);
  x.fillStyle = c.line2;
  x.fillRect(0, PINNED - 1, s.width, 1);
}

/** Tints that lie below the grid: the lane of the selected goroutine. */
function paintUnder(x: Ctx, f: Frame): void {
  if (!f.selected) return;
  const r = f.rows.find((q) => q.lane === `G${f.selected?.g}`);
  if (!r) return;
  x.fillStyle = f.c.accentFill;
  x.fillRect(0, yOf(r, f.scroll), f.s.width, r.height);
}

function paintRow(x: Ctx, f: Frame, r: Row, room: boolean): void {
  const { s, c, pad } = f;
  const { cols } = pad;
  const y = yOf(r, f.scroll);
  const h = r.height;
  switch (r.kind) {
    case "heap":
      paintHeap(x, f.heap, f.goal, s, { y, h }, c);
      rule(x, s, y + h - 1, c.line);
      break;
    case "count": {
      sumArea(cols, f.segments(r.lane), s, f.looks.laneClass);
      const max = Math.max(1, Math.ceil(peak(cols, 0, FIRST_WAIT)));
      paintArea(x, pad, { base: y + h - 1, height: h - 6, up: true, max, from: 0, to: FIRST_WAIT }, c);
      f.figures.notWaiting = max;
      rule(x, s, y + h - 1, c.line2);
      break;
    }
    case "section":
      x.fillStyle = c.surface3;
      x.fillRect(0, y, s.width, h);
      rule(x, s, y, c.line2);
      rule(x, s, y + h - 1, c.line);
      break;
    case "group":
      sumArea(cols, f.segments(r.lane), s, f.looks.laneClass);
      paintArea(x, pad, { base: y + h - 1, height: h - 6, up: true, max: Math.max(1, peak(cols, 0, N_CLASSES)), from: 0, to: N_CLASSES }, c);
      rule(x, s, y, c.line);
      rule(x, s, y + h - 1, c.line);
      break;
    case "p":
    case "m":
      x.fillStyle = c.idle;
      x.fillRect(0, y + h - 3, s.width, 1);
      paintLane(x, f.segments(r.lane), s, { y, h, proc: true, avoid: null }, f.looks, c, pad);
      break;
    case "g": {
      const end = f.selected ? s.x(f.selected.start + f.selected.dur) : 0;
      paintLane(x, f.segments(r.lane), s, { y, h, proc: false, avoid: room ? end : null }, f.looks, c, pad);
      break;
    }
    case "more":
    case "note":
      rule(x, s, y + h - 1, c.line);
      break;
  }
}

function rule(x: Ctx, s: Scale, y: number, colour: string): void {
  x.fillStyle = colour;
  x.fillRect(0, y, s.width, 1);
}

export function paintTop(x: Ctx, f: Frame, t: Top): void {
  const { s, c } = f;
  x.clearRect(0, 0, s.width, f.height);
  x.textBaseline = "middle";
  x.save();
  x.beginPath();
  x.rect(0, PINNED, s.width, f.height - PINNED);
  x.clip();
  paintSelection(x, f, t);
  x.restore();
  paintRuler(x, s, SIZES.ruler, t.cursor, c);
  paintGapFlags(x, f.gaps, s, c);
  if (t.brush) paintBrush(x, t.brush.x0, t.brush.x1, t.brush.text, SIZES.ruler, f.height, c);
  else if (t.cursor !== null) paintCursor(x, s, t.cursor, SIZES.ruler, f.height, c);
}

function paintSelection(x: Ctx, f: Frame, t: Top): void {
  const q = f.selected;
  if (!q) return;
  const end = q.start + q.dur;
  const row = t.rowOf(`G${q.g}`);
  const on = q.state === "running" || q.state === "syscall";
  const proc = on && q.p !== null ? t.rowOf(`P${q.p}`) : undefined;
  const thread = on && q.m !== null ? t.rowOf(`M${q.m}`) : undefined;
  for (const r of [row, proc, thread]) if (r) paintOutline(x, f.s, q.start, end, yOf(r, f.scroll), r.height, f.c);
  if (!row || !q.waker || q.waker.g === null) return;
  const waker = t.rowOf(`G${q.waker.g}`);
  if (!waker || waker === row) return;
  const middle = (r: Row) => yOf(r, f.scroll) + r.height / 2;
  paintHook(x, f.s, end, middle(waker), middle(row), `G${q.waker.g} wakes G${q.g}`, f.c);
}
