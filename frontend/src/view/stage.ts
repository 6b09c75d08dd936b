// view/stage.ts - the one frame loop.  It draws only what is dirty: the base when the window, the data or the theme
// changed, the top when only the pointer did.  Painters get numbers and a context; this file owns the canvases.

import { Columns, DIM } from "../draw/columns";
import { eachSolid, sumLane, type Looks } from "../draw/lane";
import { sortPhases, type GcPhases } from "../draw/gc";
import { brushOf, paintGround, paintWindow, type OverviewFigures } from "../draw/overview";
import type { Palette } from "../draw/palette";
import { paintHatch } from "../draw/ruler";
import { Scale } from "../draw/scale";
import { Sheet } from "../draw/sheet";
import { forgetWidths } from "../draw/text";
import { paintAxis, paintBase, paintTop, PINNED, topHasAny, type Frame, type Peaks, type Top } from "../draw/timeline";
import { placeFlags, type Flag } from "../draw/flags";
import { Observable } from "../lib/observable";
import type { App } from "../model/app";
import type { Stretch } from "../model/area";
import { notesAt, type Note } from "../model/notes";
import { isSum, noteLane, SIZES, type Row } from "../model/rows";
import { levelFor, type Segment } from "../model/tiles";
import type { Gap, Point, Ranges } from "../net/protocol";
import { readPalette } from "./theme";

type Ctx = CanvasRenderingContext2D;
const NEAR_PX = 3;
const NO_POINTS: Point[] = [];
const NO_GAPS: Gap[] = [];

interface Ground {
  canvas: HTMLCanvasElement;
  of: unknown[]; // what it was painted from
}

/** A solid under the pointer. */
export interface Under {
  start: number;
  dur: number;
  tag: number;
  who: number;
  group: number;
}

export class Stage extends Observable {
  palette: Palette = readPalette();
  overviewFigures: OverviewFigures = { ran: 0, waited: 0 };
  hover: Row | null = null;
  pointerX: number | null = null; // px on the lanes
  brush: { x0: number; x1: number; text: string } | null = null;
  draft: Stretch | null = null; // an area that is being drawn
  flags: Flag[] = []; // where marks stand on the ruler
  peaks: Peaks = { notWaiting: 0, states: 0, inUse: 0 };
  lastFrameMs = 0;
  sharpAt: number | null = null; // since when what is drawn is of the wanted level everywhere
  private base: Ctx | null = null;
  private top: Ctx | null = null;
  private strip: Ctx | null = null;
  private dirtyBase = true;
  private dirtyTop = true;
  private dirtyStrip = true;
  private height = 0;
  private sheet = new Sheet();
  private columns = new Columns();
  private probeColumns = new Columns();
  private hatch: CanvasPattern | null = null;
  private phasesOf: { of: Ranges | null; phases: GcPhases } = { of: null, phases: { marks: [], stops: [], others: [] } };
  private looks: Looks = { tags: [], groups: [], laneClass: new Uint8Array(0), procClass: new Uint8Array(0), min: 0, max: Infinity };
  private looksAreOld = true;
  private all = new Columns();
  private ruler: Ctx | null = null;
  private line: HTMLElement | null = null; // through the moment under the pointer
  private topIsEmpty = false;
  private ground: Ground | null = null;
  private stripOf: unknown[] = [];
  private scrollFrom: { from: number; at: number } | null = null;
  private frameAsked = false;

  constructor(readonly app: App) {
    super();
    const all = () => this.invalidate();
    app.subscribe(() => (this.looksAreOld = true));
    for (const o of [app, app.view, app.lanes, app.tiles, app.figures, app.selection, app.spans, app.notes, app.filtered]) o.subscribe(all);
    app.area.subscribe(() => this.invalidateTop());
    app.marks.subscribe(all);
    new MutationObserver(() => this.retheme()).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    void document.fonts.ready.then(() => this.retheme());
    document.fonts.addEventListener("loadingdone", () => this.retheme());
  }

  retheme(): void {
    this.palette = readPalette();
    this.hatch = null;
    this.ground = null;
    forgetWidths();
    this.invalidate();
    this.changed();
  }

  attach(layers: { base: HTMLCanvasElement; top: HTMLCanvasElement; ruler: HTMLCanvasElement; line: HTMLElement }): void {
    this.base = layers.base.getContext("2d", { alpha: false });
    this.top = layers.top.getContext("2d");
    this.ruler = layers.ruler.getContext("2d", { alpha: false });
    this.line = layers.line;
    this.invalidate();
  }
  attachStrip(strip: HTMLCanvasElement): void {
    this.strip = strip.getContext("2d", { alpha: false });
    this.invalidate();
  }

  resize(width: number, height: number): void {
    this.app.width = width;
    this.height = height;
    this.app.lanes.viewHeight = Math.max(0, height - PINNED);
    this.app.lanes.layout();
    // The details may have opened under the pointer: it is over them now, and tells nobody.
    if (this.pointerX !== null && this.pointerX >= width) this.pointerX = null;
    for (const x of [this.base, this.top]) if (x) fit(x, width, height);
    if (this.ruler) fit(this.ruler, width, SIZES.ruler);
    this.topIsEmpty = true;
    this.sheet.forget();
    this.invalidate();
  }
  resizeStrip(width: number, height: number): void {
    this.app.overviewWidth = width;
    if (this.strip) fit(this.strip, width, height);
    this.stripOf = [];
    this.invalidate();
  }

  invalidate(): void {
    this.dirtyBase = this.dirtyTop = this.dirtyStrip = true;
    this.ask();
  }
  invalidateTop(): void {
    this.dirtyTop = true;
    this.ask();
  }

  get settled(): boolean {
    return !this.frameAsked && !this.app.busy;
  }

  scale(): Scale {
    const v = this.app.view;
    return new Scale(v.from, v.to, Math.max(1, this.app.width));
  }

  segments = (lane: string): Segment[] => {
    const { from, to, goal } = this.app.view;
    const level = levelFor((goal.to - goal.from) / Math.max(1, this.app.width));
    return this.app.tiles.segments(lane, level, from, to);
  };

  /** The solid of a lane at a time, if it is at least `px` wide on the screen. */
  under(row: Row, t: number, px: number): Under | null {
    const s = this.scale();
    let hit: Under | null = null;
    eachSolid(this.segments(row.lane), s, ({ tile }, i) => {
      const start = tile.start[i]!;
      const dur = tile.dur[i]!;
      if (t >= start && t < start + dur && dur / s.nsPerPx >= px) hit = { start, dur, tag: tile.tag[i]!, who: tile.who[i]!, group: tile.group[i]! };
    });
    return hit;
  }

  private sumOf = (c: Columns, row: Row, s: Scale): void => {
    sumLane(c, this.segments(row.lane), s, this.looks.laneClass, isSum(row) ? this.app.filtered.matches(row.lane) : undefined);
  };

  /** What is merged under a pixel of a lane, by class: shares of a single lane, goroutines of a group. */
  mixAt(row: Row, t: number): { cls: number; amount: number }[] {
    const k = this.scale().nsPerPx;
    const s = new Scale(t - k, t + k, 2);
    const c = this.probeColumns;
    this.sumOf(c, row, s);
    const out: { cls: number; amount: number }[] = [];
    for (let cls = 0; cls < DIM; cls++) {
      const amount = (c.data[c.at(cls)]! + c.data[c.at(cls) + 1]!) / 2;
      if (amount >= 0.005) out.push({ cls, amount });
    }
    return out.sort((a, b) => b.amount - a.amount);
  }

  /** Notes within a few pixels of a moment. */
  notesAt(row: Row, t: number): Note[] {
    const near = this.scale().nsPerPx * NEAR_PX;
    return notesAt(this.app.notes.of(noteLane(row)), t - near, t + near);
  }

  private ask(): void {
    if (this.frameAsked) return;
    this.frameAsked = true;
    requestAnimationFrame((now) => {
      this.frameAsked = false;
      this.frame(now);
    });
  }

  private frame(now: number): void {
    const { app } = this;
    if (app.view.tick(now)) this.ask();
    this.moveScroll(now);
    if (!app.info) return;
    this.readPointer();
    app.want();
    const begin = performance.now();
    this.readLooks();
    if (this.dirtyStrip) this.drawStrip();
    if (this.base && app.width > 0) {
      const f = this.makeFrame();
      if (this.dirtyBase) paintBase(this.base, f);
      if (this.dirtyTop || this.dirtyBase) this.drawTop(f);
    }
    if (this.dirtyBase) this.lastFrameMs = performance.now() - begin;
    this.dirtyBase = this.dirtyTop = this.dirtyStrip = false;
    if (app.view.moving || app.scrollGoal !== null || app.tiles.loading) this.sharpAt = null;
    else this.sharpAt ??= performance.now();
  }

  private drawTop(f: Frame): void {
    const { app, top, ruler } = this;
    if (!top || !ruler) return;
    this.flags = placeFlags(ruler, app.marks.list, f.s, f.c);
    const t: Top = {
      cursor: app.cursor,
      focused: app.lanes.focused,
      brush: this.brush,
      area: this.draft ?? app.area.value,
      marks: app.marks.list,
      flags: this.flags,
      pointed: app.marks.pointed,
      chain: app.lanes.chain.length > 0 ? app.selection.chain : [],
      rowOf: (lane) => app.lanes.row(lane),
    };
    const any = topHasAny(f, t);
    if (any || !this.topIsEmpty) paintTop(top, f, t);
    this.topIsEmpty = !any;
    paintAxis(ruler, f, t);
    if (!this.line) return;
    const shown = app.cursor !== null && !this.brush;
    this.line.style.visibility = shown ? "visible" : "hidden";
    if (shown) this.line.style.transform = `translateX(${Math.round(f.s.x(app.cursor!))}px)`;
  }

  /** The moment under a pointer that rests changes while the window moves. */
  readPointer(): void {
    const { app } = this;
    app.cursor = this.pointerX === null ? null : Math.min(app.view.duration, Math.max(0, this.scale().t(this.pointerX)));
  }

  private makeFrame(): Frame {
    const { app } = this;
    return {
      s: this.scale(),
      height: this.height,
      rows: app.lanes.visible(),
      yOf: this.yOf,
      fixedBottom: PINNED + app.lanes.fixedHeight,
      scroll: app.lanes.scroll,
      looks: this.looks,
      segments: this.segments,
      notes: (lane) => app.notes.of(lane),
      matches: (lane) => app.filtered.matches(lane),
      sumOf: this.sumOf,
      greys: app.filter.text !== "",
      typeOf: (key) => app.spans.types.find((t) => t.key === key),
      phases: this.phases(),
      heap: app.figures.heap.value?.points ?? NO_POINTS,
      goal: app.figures.goal.value?.points ?? NO_POINTS,
      procs: app.figures.procs.value?.points ?? NO_POINTS,
      gaps: app.info?.gaps ?? NO_GAPS,
      selected: app.selection.slice,
      hatch: this.hatchPattern(),
      c: this.palette,
      to: this.sheet,
      cols: this.columns,
      all: this.all,
      peaks: this.peaks,
    };
  }

  /** y on the canvas of a row. */
  yOf = (r: Row): number => PINNED + this.app.lanes.yOf(r);

  phases(): GcPhases {
    const of = this.app.figures.ranges.value;
    if (this.phasesOf.of !== of) this.phasesOf = { of, phases: sortPhases(of?.rows ?? []) };
    return this.phasesOf.phases;
  }

  private drawStrip(): void {
    const { app, strip } = this;
    if (!strip || app.overviewWidth < 1) return;
    const size = { width: app.overviewWidth, height: strip.canvas.clientHeight, duration: app.view.duration };
    const ground = this.groundOf(size, strip.canvas);
    // Close up the brush hardly moves with the window, and a canvas that is left alone costs nothing.
    const { a, b } = brushOf(app.view, size.duration, size.width);
    const of = [ground, Math.round(a * 8), Math.round(b * 8), app.marks.changes, app.marks.pointed];
    if (of.every((v, i) => v === this.stripOf[i])) return;
    this.stripOf = of;
    strip.drawImage(ground.canvas, 0, 0, size.width, size.height);
    paintWindow(strip, { ...size, window: app.view, marks: app.marks.list, pointed: app.marks.pointed }, this.palette);
  }

  /** What lies under the overview's brush; painted anew when its tiles, ranges or colours are others. */
  private groundOf(size: { width: number; height: number; duration: number }, like: HTMLCanvasElement): Ground {
    const { app } = this;
    const segments = app.tiles.segments("ALL", levelFor(size.duration / size.width), 0, size.duration);
    const ranges = app.figures.overview.value;
    const of = [this.looks, ranges, app.info, like.width, like.height, ...segments.map((g) => g.tile)];
    const old = this.ground;
    if (old && old.of.length === of.length && old.of.every((v, i) => v === of[i])) return old;
    const canvas = old?.canvas ?? document.createElement("canvas");
    canvas.width = like.width;
    canvas.height = like.height;
    this.ground = { canvas, of };
    const x = canvas.getContext("2d", { alpha: false });
    if (!x) return this.ground;
    x.setTransform(like.width / size.width, 0, 0, like.height / size.height, 0, 0);
    const input = { ...size, segments, classOf: this.looks.laneClass, ranges: ranges?.rows ?? [], gaps: app.info?.gaps ?? [], hatch: this.hatchPattern() };
    this.overviewFigures = paintGround(x, input, this.palette);
    this.changed();
    return this.ground;
  }

  private readLooks(): void {
    const { tags, groups, off, highlight, filter } = this.app;
    if (!this.looksAreOld) return;
    this.looksAreOld = false;
    const n = tags.length;
    const laneClass = new Uint8Array(n);
    const procClass = new Uint8Array(n);
    for (let i = 0; i < n; i++) {
      const t = tags[i]!;
      const dim = off.has(t.cls) || (highlight !== null && !highlight.tags.has(i)) || (filter.tags !== null && !filter.tags.has(i));
      laneClass[i] = dim ? DIM : t.cls;
      procClass[i] = dim && highlight === null ? DIM : t.procCls;
    }
    const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((v, i) => v === b[i]);
    const old = this.looks;
    const { min, max } = filter;
    if (old.min !== min || old.max !== max || old.tags !== tags || old.groups !== groups || !same(old.laneClass, laneClass) || !same(old.procClass, procClass)) this.looks = { tags, groups, laneClass, procClass, min, max };
  }

  private moveScroll(now: number): void {
    const { app } = this;
    const goal = app.scrollGoal;
    if (goal === null) return;
    if (!this.scrollFrom) this.scrollFrom = { from: app.lanes.scroll, at: now };
    const p = app.view.moveMs > 0 ? Math.min(1, (now - this.scrollFrom.at) / app.view.moveMs) : 1;
    app.lanes.scrollTo(this.scrollFrom.from + (goal - this.scrollFrom.from) * (1 - (1 - p) ** 3));
    if (p >= 1) {
      app.scrollGoal = null;
      this.scrollFrom = null;
    }
    this.dirtyBase = this.dirtyTop = true;
    this.ask();
  }

  private hatchPattern(): CanvasPattern | null {
    if (this.hatch || !this.base) return this.hatch;
    const size = 10;
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = size;
    const x = canvas.getContext("2d");
    if (x) paintHatch(x, size, this.palette);
    this.hatch = this.base.createPattern(canvas, "repeat");
    return this.hatch;
  }

  /** y on the page of the middle of a row. */
  middleOf(row: Row): number {
    const box = this.base?.canvas.getBoundingClientRect();
    return (box?.top ?? 0) + this.yOf(row) + row.height / 2;
  }
  xOnPage(t: number): number {
    const box = this.base?.canvas.getBoundingClientRect();
    return (box?.left ?? 0) + this.scale().x(t);
  }
}

function fit(x: Ctx, width: number, height: number): void {
  const r = devicePixelRatio || 1;
  x.canvas.width = Math.round(width * r);
  x.canvas.height = Math.round(height * r);
  x.canvas.style.width = `${width}px`;
  x.canvas.style.height = `${height}px`;
  x.setTransform(r, 0, 0, r, 0, 0);
}
