// view/gestures.ts - the pointer on the lanes: mouse, pen, one finger or two.
//   mouse   drag on lanes: an area; Shift (or the middle button) and drag: pan; drag on the ruler, Ctrl and drag: a window
//   touch   one finger pans, two zoom, a long press and drag: an area; a tap is a click

import { flagAt } from "../draw/flags";
import { flagX, FLAG_W } from "../draw/ruler";
import { PINNED } from "../draw/timeline";
import { short } from "../lib/format";
import { SIZES, type Row } from "../model/rows";
import type { Range } from "../net/protocol";
import type { Stage } from "./stage";

interface Point {
  x: number;
  y: number;
}
type Kind = "press" | "pan" | "range" | "area" | "edge";
interface Drag extends Point {
  kind: Kind;
  t0: number;
  y0: number; // of content, so that scrolling while dragging adds to it
  from: number;
  to: number;
  scroll: number;
  touch: boolean;
}
interface Pinch {
  t: number; // the moment between the fingers
  y: number; // and the content
  distance: number;
  span: number;
}
const SLOP = 4; // px before a press becomes a drag
const EDGE = 4;
const LONG_MS = 450;
const SCROLL_EDGE = 14;

export class Gestures {
  drag: Drag | null = null;
  private fingers = new Map<number, Point>();
  private pinch: Pinch | null = null;
  private long: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private stage: Stage,
    private box: () => HTMLElement,
  ) {}

  local(e: MouseEvent): Point {
    const b = this.box().getBoundingClientRect();
    return { x: e.clientX - b.left, y: e.clientY - b.top };
  }

  down(e: PointerEvent): void {
    const p = this.local(e);
    const touch = e.pointerType === "touch";
    this.stage.app.guide.showGap(null);
    if (touch) {
      this.fingers.set(e.pointerId, p);
      this.box().setPointerCapture(e.pointerId);
      if (this.fingers.size === 2) this.beginPinch();
      if (this.fingers.size > 1) return;
    } else if (e.button === 1) e.preventDefault();
    else if (e.button !== 0) return;
    if (this.onFlag(p)) return;
    this.begin(this.kindAt(e, p), p, touch);
    if (touch) this.long = setTimeout(() => this.turn("area"), LONG_MS);
    else this.box().setPointerCapture(e.pointerId);
  }

  move(e: PointerEvent): void {
    const p = this.local(e);
    if (this.fingers.has(e.pointerId)) this.fingers.set(e.pointerId, p);
    if (this.pinch) this.movePinch(this.pinch);
    else if (this.drag) this.follow(this.drag, p, e);
    else this.box().style.cursor = this.edgeAt(p) ? "ew-resize" : "";
  }

  up(e: PointerEvent): void {
    this.fingers.delete(e.pointerId);
    clearTimeout(this.long);
    if (this.pinch) {
      if (this.fingers.size < 2) this.pinch = null;
      if (this.fingers.size === 0) this.stage.app.view.hold(false);
      this.drag = null;
      return;
    }
    this.stage.app.view.hold(false);
    const d = this.drag;
    this.drag = null;
    if (d) this.end(d, this.local(e));
  }

  cancel(e: PointerEvent): void {
    this.fingers.delete(e.pointerId);
    clearTimeout(this.long);
    this.pinch = null;
    this.drag = null;
    this.stage.app.view.hold(false);
    this.clearDrafts();
  }

  wheel(e: WheelEvent): void {
    e.preventDefault();
    const { app } = this.stage;
    const unit = e.deltaMode === 1 ? 16 : e.deltaMode === 2 ? 400 : 1;
    const dx = e.deltaX * unit;
    const dy = e.deltaY * unit;
    if (e.ctrlKey || e.metaKey) {
      // A touch pad's pinch comes as small steps with Ctrl.
      app.view.zoom(Math.exp(Math.max(-200, Math.min(200, dy)) * (Math.abs(dy) < 20 ? 0.012 : 0.004)), this.stage.scale().t(this.local(e).x));
    } else if (e.shiftKey || Math.abs(dx) > Math.abs(dy)) {
      app.view.pan(((e.shiftKey ? dx + dy : dx) / Math.max(1, app.width)) * (app.view.goal.to - app.view.goal.from));
    } else {
      app.scrollGoal = null;
      app.lanes.scrollTo(app.lanes.scroll + dy);
    }
  }

  // ---- one pointer

  private kindAt(e: PointerEvent, p: Point): Kind {
    if (e.button === 1) return "pan";
    if (p.y < SIZES.ruler || e.ctrlKey || e.metaKey) return "range";
    return !e.shiftKey && this.edgeAt(p) ? "edge" : "press";
  }

  private begin(kind: Kind, p: Point, touch: boolean): void {
    const { app } = this.stage;
    const { from, to } = app.view.goal;
    const s = this.stage.scale();
    const area = app.area.value;
    // At an edge the other edge is what the drag began at.
    const other = kind === "edge" && area ? (Math.abs(s.x(area.from) - p.x) <= EDGE ? area.to : area.from) : s.t(p.x);
    this.drag = { kind, ...p, t0: other, y0: this.content(p.y), from, to, scroll: app.lanes.scroll, touch };
  }

  private turn(kind: Kind): void {
    if (this.drag?.kind === "press") this.drag.kind = kind;
    navigator.vibrate?.(10);
  }

  private follow(d: Drag, p: Point, e: PointerEvent): void {
    const { app } = this.stage;
    if (d.kind === "press" && Math.hypot(p.x - d.x, p.y - d.y) > SLOP) {
      clearTimeout(this.long);
      d.kind = e.shiftKey || d.touch ? "pan" : "area";
    }
    const s = this.stage.scale();
    if (d.kind === "pan") {
      this.box().style.cursor = "grabbing";
      app.view.hold(true);
      const dt = ((d.x - p.x) / Math.max(1, app.width)) * (d.to - d.from);
      app.view.set(d.from + dt, d.to + dt);
      app.lanes.scrollTo(d.scroll + d.y - p.y);
    } else if (d.kind === "range") {
      const t = s.t(p.x);
      this.stage.brush = { x0: s.x(d.t0), x1: p.x, text: short(Math.abs(t - d.t0)) };
    } else if (d.kind === "area" || d.kind === "edge") {
      if (p.y > PINNED + app.lanes.viewHeight - SCROLL_EDGE) app.lanes.scrollTo(app.lanes.scroll + SCROLL_EDGE);
      this.stage.draft = this.areaOf(d, p);
    }
  }

  private end(d: Drag, p: Point): void {
    const { app } = this.stage;
    const s = this.stage.scale();
    const far = Math.abs(p.x - d.x) > SLOP;
    if (d.kind === "range" && far) app.view.set(Math.min(s.t(p.x), d.t0), Math.max(s.t(p.x), d.t0), true);
    else if ((d.kind === "area" || d.kind === "edge") && far) app.setArea(this.areaOf(d, p));
    else if (d.kind === "press" || d.kind === "range") this.click(p);
    this.clearDrafts();
  }

  private clearDrafts(): void {
    this.stage.brush = null;
    this.stage.draft = null;
    this.box().style.cursor = "";
    this.stage.invalidate();
  }

  private areaOf(d: Drag, p: Point): { from: number; to: number; lanes: string[] } {
    const { app } = this.stage;
    const t = Math.min(app.view.duration, Math.max(0, this.stage.scale().t(p.x)));
    const lanes = d.kind === "edge" ? (app.area.value?.lanes ?? []) : this.lanesBetween(d.y0, this.content(p.y));
    return { from: Math.max(0, Math.min(t, d.t0)), to: Math.max(t, d.t0), lanes };
  }

  /** y of content: pinned rows are above 0. */
  private content(y: number): number {
    const { lanes } = this.stage.app;
    const below = y - PINNED;
    return below < lanes.fixedHeight ? below - lanes.fixedHeight : below - lanes.fixedHeight + lanes.scroll;
  }

  private lanesBetween(a: number, b: number): string[] {
    const { lanes } = this.stage.app;
    const lo = Math.min(a, b);
    const hi = Math.max(a, b);
    const touched = (rows: Row[], shift: number) => rows.filter((r) => r.top + shift <= hi && r.top + shift + r.height > lo);
    const all = [...touched(lanes.fixed, -lanes.fixedHeight), ...touched(lanes.rows, 0)];
    const kinds = ["p", "m", "g", "group", "creator", "set"];
    return [...new Set(all.filter((r) => kinds.includes(r.kind) && r.lane).map((r) => r.lane))];
  }

  private edgeAt(p: Point): boolean {
    const a = this.stage.app.area.value;
    if (!a || p.y < SIZES.ruler) return false;
    const s = this.stage.scale();
    return Math.abs(s.x(a.from) - p.x) <= EDGE || Math.abs(s.x(a.to) - p.x) <= EDGE;
  }

  private onFlag(p: Point): boolean {
    if (p.y >= SIZES.ruler) return false;
    const { stage } = this;
    const mark = flagAt(stage.flags, p.x, p.y);
    if (mark) {
      stage.app.marks.show(mark.mark);
      return true;
    }
    const gap = stage.app.info?.gaps.find((g) => Math.abs(flagX(g, stage.scale()) + FLAG_W / 2 - p.x) < FLAG_W);
    if (gap) stage.app.guide.showGap(gap);
    return gap !== undefined;
  }

  private click(p: Point): void {
    const { app } = this.stage;
    app.marks.show(null);
    if (p.y < PINNED) {
      const r = p.y >= SIZES.ruler ? phaseAt(this.stage, this.stage.scale().t(p.x)) : undefined;
      if (!r) return;
      app.view.fit(r.start, r.start + r.dur);
      const cycle = r.name.startsWith("stop") ? phaseAt(this.stage, r.start + r.dur, "mark") ?? phaseAt(this.stage, r.start, "mark") : r;
      if (cycle) app.guide.showSubject({ kind: "gc", from: cycle.start, to: cycle.start + cycle.dur });
      return;
    }
    const row = app.lanes.at(p.y - PINNED);
    if (!row) return;
    app.lanes.focus = row.key;
    if (row.kind === "group") app.toggleGroup(row.group!);
    else if (row.kind === "creator") app.lanes.toggleCreator(row.key);
    else if (row.kind === "set") app.sets.toggle(row.set!);
    else if (row.kind === "type") app.toggleType(row.type!);
    else if (row.lane && row.lane !== "ALL") void app.guide.select(row.lane, this.stage.scale().t(p.x));
    app.lanes.changed();
  }

  // ---- two fingers

  private ends(): [Point, Point] {
    const [a, b] = [...this.fingers.values()];
    return [a!, b!];
  }

  private beginPinch(): void {
    clearTimeout(this.long);
    this.clearDrafts();
    this.drag = null;
    const [a, b] = this.ends();
    const { from, to } = this.stage.app.view.goal;
    this.stage.app.view.hold(true);
    this.pinch = { t: this.stage.scale().t((a.x + b.x) / 2), y: (a.y + b.y) / 2 + this.stage.app.lanes.scroll, distance: Math.max(20, Math.abs(a.x - b.x)), span: to - from };
  }

  private movePinch(g: Pinch): void {
    if (this.fingers.size < 2) return;
    const [a, b] = this.ends();
    const { app } = this.stage;
    const span = Math.min(app.view.duration, (g.span * g.distance) / Math.max(20, Math.abs(a.x - b.x)));
    const from = g.t - ((a.x + b.x) / 2 / Math.max(1, app.width)) * span;
    app.view.set(from, from + span);
    app.lanes.scrollTo(g.y - (a.y + b.y) / 2);
  }
}

const GRASP_PX = 3;

/** The pause under the pointer, else the mark phase. */
export function phaseAt(stage: Stage, t: number, only?: "mark"): Range | undefined {
  const near = stage.scale().nsPerPx * GRASP_PX;
  const { stops, marks } = stage.phases();
  const at = (r: Range) => t >= r.start - near && t <= r.start + r.dur + near;
  return only ? marks.find(at) : (stops.find(at) ?? marks.find(at));
}
