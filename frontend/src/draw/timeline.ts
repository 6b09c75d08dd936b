// draw/timeline.ts - one frame of the lanes: a base that changes with the window, a top that changes with the pointer.
// Coordinates are css px; y 0 is the ruler's top.  The ruler, the GC lane and pinned rows stand, the rows below scroll.

import { FIRST_WAIT, N_CLASSES, RUNNING, SYSCALL } from "../model/families";
import type { Stretch } from "../model/area";
import { noteLane, SIZES, type Row } from "../model/rows";
import type { Mark } from "../model/marks";
import type { Note } from "../model/notes";
import type { SpanType } from "../model/spans";
import type { Segment } from "../model/tiles";
import type { Gap, Match, Point, Slice } from "../net/protocol";
import { bits, paintArea, peak, sumArea } from "./area";
import { paintDashes, paintHeap, paintSteps, Steps } from "./counter";
import { DIM, type Columns } from "./columns";
import { paintDistances, paintFlags, paintMarkLines, paintPointed, placeDistances, type Flag } from "./flags";
import { paintBands, paintGcLane, type GcPhases } from "./gc";
import { paintLane, type Looks } from "./lane";
import { paintBrush, paintChain, paintHook, paintOutline, paintStretch } from "./mark";
import { paintEnds, paintNotes } from "./notes";
import type { Palette } from "./palette";
import { gapFlagBoxes, paintCursorFlag, paintGapFlags, paintGaps, paintGrid, paintRuler } from "./ruler";
import type { Scale } from "./scale";
import type { Block, Sheet } from "./sheet";
import { setFont } from "./text";

type Ctx = CanvasRenderingContext2D;

export const PINNED = SIZES.ruler + SIZES.gc;

/** What the painter tells: the most at once in this window, by row. */
export interface Peaks {
  notWaiting: number;
  states: number;
  inUse: number;
}

export interface Frame {
  s: Scale;
  height: number;
  rows: Row[];
  yOf: (r: Row) => number; // on the canvas
  fixedBottom: number; // of what does not scroll
  scroll: number; // px
  looks: Looks;
  segments: (lane: string) => Segment[];
  notes: (lane: string) => Note[];
  matches: (lane: string) => Match[] | undefined; // that a filter leaves
  sumOf: (cols: Columns, r: Row, s: Scale) => void; // of a row that is an area
  greys: boolean; // a filter is on: what it does not leave is grey in areas, too
  typeOf: (key: string) => SpanType | undefined;
  phases: GcPhases;
  heap: Point[];
  goal: Point[];
  procs: Point[]; // GOMAXPROCS
  gaps: Gap[];
  selected: Slice | null;
  hatch: CanvasPattern | null;
  c: Palette;
  to: Sheet;
  cols: Columns; // of one row after the other
  all: Columns; // of all goroutines: three rows show it, summed once a frame
  peaks: Peaks;
}

export interface Top {
  cursor: number | null;
  focused: Row | undefined;
  brush: { x0: number; x1: number; text: string } | null;
  area: Stretch | null;
  marks: Mark[];
  flags: Flag[];
  pointed: { from: number; to: number }[];
  chain: Slice[]; // the whole wake chain, where it is shown
  rowOf: (lane: string) => Row | undefined;
}

/** What several rows share is made for the first that is painted. */
interface Work extends Frame {
  plain: () => Int32Array; // what lies below rows
  sums: () => Columns; // of all goroutines
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

export function paintBase(x: Ctx, frame: Frame): void {
  const { s, c, to } = frame;
  const sums = once(() => {
    sumArea(frame.all, frame.segments("ALL"), s, frame.looks.laneClass);
    return frame.all;
  });
  const f: Work = { ...frame, plain: once(() => ground(frame, c.surface)), sums };
  x.textBaseline = "middle";
  setFont(x, c.font, 500);
  to.begin(x, [s.from, s.to, s.width, f.height, f.looks, c, f.phases, f.heap, f.goal, f.procs, f.gaps, f.hatch, f.selected, f.greys, f.fixedBottom]);
  const standing = { top: PINNED, bottom: f.fixedBottom };
  const scrolling = { top: f.fixedBottom, bottom: f.height };
  to.scroll(scrolling, f.scroll);
  to.band(SIZES.ruler, SIZES.gc, { top: SIZES.ruler, bottom: PINNED }, [], () => {
    to.lay(f.plain(), SIZES.ruler, PINNED);
    paintGcLane(to, f.phases, s, SIZES.ruler, SIZES.gc, c);
    to.rect(0, PINNED - 1, s.width, 1, c.line2);
  });
  paintBlock(f, f.rows.filter((r) => r.pinned), standing);
  paintBlock(f, f.rows.filter((r) => !r.pinned), scrolling);
  to.show(() => paintGaps(x, f.gaps, s, PINNED, f.height, f.hatch, c));
}

/** A line of pixels of what lies below all rows: the grid and the collector's bands. */
function ground(f: Frame, colour: string): Int32Array {
  const { s, c, to } = f;
  return to.line((bottom) => {
    to.rect(0, 0, s.width, bottom, colour);
    paintGrid(to, s, 0, bottom, c);
    paintBands(to, f.phases, s, 0, bottom, c);
  });
}

/** Rows of one block, cut at its own edges; each on its ground, while that is in the processor's cache. */
function paintBlock(f: Work, rows: Row[], block: Block): void {
  const { s, c, to, selected } = f;
  // The hook's ends: its head on the goroutine's lane, its dot on the waker's.
  const hooked = selected?.waker && selected.waker.g !== null ? [`G${selected.g}`, `G${selected.waker.g}`] : [];
  let below = block.top;
  for (const r of rows) {
    const y = f.yOf(r);
    below = y + r.height;
    const chosen = r.kind === "g" && selected !== null && r.lane === `G${selected.g}`;
    const room = hooked.includes(r.lane);
    to.band(y, r.height, block, shownOn(f, r), () => {
      to.lay(chosen ? ground(f, c.accentFill) : f.plain(), y, y + r.height);
      paintRow(f, r, room);
      if (r.pinned && y + r.height === block.bottom) to.rect(0, block.bottom - 1, s.width, 1, c.line3);
    });
  }
  to.band(below, block.bottom - below, block, [], () => to.lay(f.plain(), below, block.bottom));
}

/** All that a row is painted from, beyond what is the same for all rows. */
function shownOn(f: Frame, r: Row): unknown[] {
  const of: unknown[] = [r.kind, r.lane, r.span, r.type && f.typeOf(r.type)?.points, f.notes(noteLane(r)), f.matches(r.lane)];
  if (r.lane) for (const g of f.segments(r.lane)) of.push(g.tile, g.from, g.to);
  return of;
}

function paintRow(f: Work, r: Row, room: boolean): void {
  const { s, c, to, cols } = f;
  const y = f.yOf(r);
  const h = r.height;
  switch (r.kind) {
    case "heap":
      paintHeap(to, cols, f.heap, f.goal, s, { y, h }, c);
      rule(to, s, y + h - 1, c.line);
      break;
    case "count":
    case "states":
    case "inuse":
      paintCounter(f, r.kind, y, h);
      break;
    case "section":
      to.rect(0, y, s.width, h, c.surface3);
      rule(to, s, y, c.line2);
      rule(to, s, y + h - 1, c.line);
      break;
    case "group":
    case "creator":
    case "set":
      paintSum(f, r, y, h);
      rule(to, s, y, c.line);
      rule(to, s, y + h - 1, c.line);
      break;
    case "type":
      paintUnderWay(f, r.type!, y, h);
      rule(to, s, y, c.line);
      rule(to, s, y + h - 1, c.line);
      break;
    case "span":
      paintSpan(f, r, y);
      break;
    case "p":
    case "m":
      to.rect(0, y + h - 3, s.width, 1, c.idle);
      paintLane(to, cols, f.segments(r.lane), s, { y, h, proc: true, avoid: null, matches: f.matches(r.lane) }, f.looks, c);
      paintNotes(to, f.notes(r.lane), s, y, h, c);
      break;
    case "g": {
      const end = f.selected ? s.x(f.selected.start + f.selected.dur) : 0;
      paintLane(to, cols, f.segments(r.lane), s, { y, h, proc: false, avoid: room ? end : null, matches: f.matches(r.lane) }, f.looks, c);
      paintNotes(to, f.notes(r.lane), s, y, h, c);
      break;
    }
    case "more":
    case "note":
      rule(to, s, y + h - 1, c.line);
      break;
  }
}

/** Goroutines of a group by state; those that a filter does not leave are grey, on top. */
function paintSum(f: Frame, r: Row, y: number, h: number): void {
  const classes = f.greys ? WITH_GREY : CLASSES.states;
  f.sumOf(f.cols, r, f.s);
  paintArea(f.to, f.cols, { base: y + h - 1, height: h - 6, up: true, max: Math.max(1, peak(f.cols, classes)), classes }, f.c);
}

const steps = new Steps();

/** How many tasks or regions of a type were under way. */
function paintUnderWay(f: Frame, type: string, y: number, h: number): void {
  steps.read(f.typeOf(type)?.points ?? [], f.s);
  if (steps.max > 0) paintSteps(f.to, f.cols, steps, steps.max, y + h - 1, h - 7, f.c.markArea, f.c.mark);
}

const CLASSES = { count: bits(0, FIRST_WAIT), states: bits(0, N_CLASSES), inuse: (1 << RUNNING) | (1 << SYSCALL) };
const WITH_GREY = bits(0, DIM + 1);
const PEAK_OF = { count: "notWaiting", states: "states", inuse: "inUse" } as const;

/** How many goroutines there are: those not waiting, all by state, or those that hold a thread. */
function paintCounter(f: Work, kind: keyof typeof CLASSES, y: number, h: number): void {
  const { s, c, to } = f;
  const classes = CLASSES[kind];
  const all = f.sums();
  const most = Math.max(1, Math.ceil(peak(all, classes)));
  const limit = kind === "inuse" ? steps.read(f.procs, s).max : 0;
  const max = Math.max(most, limit);
  paintArea(to, all, { base: y + h - 1, height: h - 6, up: true, max, classes }, c);
  if (limit > 0) paintDashes(to, steps, max, y + h - 1, h - 6, c.text2);
  f.peaks[PEAK_OF[kind]] = most;
  rule(to, s, y + h - 1, kind === "count" ? c.line2 : c.line);
}

/** A task or region: what the goroutine that began it did meanwhile, its own regions and logs. */
function paintSpan(f: Frame, r: Row, y: number): void {
  const { s, c, to, cols } = f;
  const q = r.span!;
  const left = s.x(q.start);
  const right = s.x(q.start + q.dur);
  if (right < 0 || left > s.width) return;
  if (r.lane) {
    to.narrow(left, Math.max(left + 1, right));
    const own = f.segments(r.lane).flatMap((g) => (g.to > q.start && g.from < q.start + q.dur ? [{ ...g, from: Math.max(g.from, q.start), to: Math.min(g.to, q.start + q.dur) }] : []));
    paintLane(to, cols, own, s, { y, h: r.height, proc: false, avoid: null, left, right, matches: f.matches(r.lane) }, f.looks, c);
    to.widen();
  }
  paintEnds(to, q, s, y, r.height, c);
  paintNotes(to, f.notes(noteLane(r)), s, y, r.height, c);
}

function rule(to: Sheet, s: Scale, y: number, colour: string): void {
  to.rect(0, y, s.width, 1, colour);
}

/** Is there anything to paint over the lanes?  Else the layer is left alone, which spares copying it. */
export const topHasAny = (f: Frame, t: Top): boolean => !!(f.selected || t.area || t.brush || t.focused || t.marks.length || t.chain.length);

export function paintTop(x: Ctx, f: Frame, t: Top): void {
  const { s, c } = f;
  x.clearRect(0, 0, s.width, f.height);
  x.textBaseline = "middle";
  x.save();
  x.beginPath();
  x.rect(0, PINNED, s.width, f.height - PINNED);
  x.clip();
  if (t.area) paintAreaOf(x, f, t.area);
  paintMarkLines(x, t.marks, s, PINNED, f.height, c);
  paintSelection(x, f, t);
  if (t.focused && f.rows.includes(t.focused)) {
    x.fillStyle = c.focus;
    x.fillRect(0, f.yOf(t.focused), 3, t.focused.height);
  }
  x.restore();
  if (t.brush) paintBrush(x, t.brush.x0, t.brush.x1, t.brush.text, SIZES.ruler, f.height, c);
}

/** The axis with its flags, on a canvas of its own: it changes with every frame, and is small. */
export function paintAxis(x: Ctx, f: Frame, t: Top): void {
  const { s, c } = f;
  x.textBaseline = "middle";
  const distances = placeDistances(x, t.flags, s, c);
  const cursor = t.brush ? null : t.cursor;
  paintRuler(x, s, SIZES.ruler, cursor, [...t.flags, ...distances, ...gapFlagBoxes(f.gaps, s)], c);
  paintGapFlags(x, f.gaps, s, c);
  paintPointed(x, t.pointed, s, SIZES.ruler - 6, c);
  paintFlags(x, t.flags, c);
  paintDistances(x, distances, c);
  if (cursor !== null) paintCursorFlag(x, s, cursor, c);
}

function paintAreaOf(x: Ctx, f: Frame, a: Stretch): void {
  const lanes = new Set(a.lanes);
  const boxes = lanes.size === 0 ? [{ y: PINNED, h: f.height - PINNED }] : f.rows.filter((r) => lanes.has(r.lane) && r.kind !== "span").map((r) => ({ y: f.yOf(r), h: r.height }));
  paintStretch(x, f.s, a.from, a.to, boxes, PINNED, f.height, f.c);
}

function paintSelection(x: Ctx, f: Frame, t: Top): void {
  const q = f.selected;
  if (!q) return;
  const end = q.start + q.dur;
  const row = t.rowOf(`G${q.g}`);
  const on = q.state === "running" || q.state === "syscall";
  const proc = on && q.p !== null ? t.rowOf(`P${q.p}`) : undefined;
  const thread = on && q.m !== null ? t.rowOf(`M${q.m}`) : undefined;
  for (const r of [row, proc, thread]) if (r) paintOutline(x, f.s, q.start, end, f.yOf(r), r.height, f.c);
  const middle = (r: Row) => f.yOf(r) + r.height / 2;
  const place = (g: unknown) => {
    const r = t.rowOf(`G${g}`);
    return r ? middle(r) : null;
  };
  if (t.chain.length > 0) {
    paintChain(x, f.s, t.chain, place, f.c);
    return;
  }
  if (!row || !q.waker || q.waker.g === null) return;
  const waker = t.rowOf(`G${q.waker.g}`);
  if (!waker || waker === row) return;
  paintHook(x, f.s, end, middle(waker), middle(row), `G${q.waker.g} wakes G${q.g}`, f.c);
}
