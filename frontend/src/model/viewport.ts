// model/viewport.ts - which stretch of the trace is shown, moving there, and the way back.
// from and to are nanoseconds (fractions while moving); `goal` is where a movement ends, so that keys add up.

import { Observable } from "../lib/observable";

export interface Span {
  from: number;
  to: number;
}

const MIN_SPAN = 200; // ns
const SETTLE_MS = 350; // a stay this long is a place to come back to
const HISTORY = 100;

export class Viewport extends Observable {
  from = 0;
  to = 1;
  goal: Span = { from: 0, to: 1 };
  duration = 1;
  moveMs = 160;
  places = 0; // counts the places that became ones to come back to
  private start: Span & { at: number } | null = null;
  private past: Span[] = [];
  private future: Span[] = [];
  private place: Span = { from: 0, to: 1 };
  private settling: ReturnType<typeof setTimeout> | undefined;
  private held = false;

  get span(): number {
    return this.to - this.from;
  }
  /** Not yet known whether the window stays here. */
  get passing(): boolean {
    return this.held || this.settling !== undefined;
  }

  /** While it is dragged, a rest is no place to come back to. */
  hold(on: boolean): void {
    if (on === this.held) return;
    this.held = on;
    this.arrive();
  }
  get moving(): boolean {
    return this.start !== null;
  }
  get whole(): boolean {
    return this.goal.from <= 0 && this.goal.to >= this.duration;
  }
  get canUndo(): boolean {
    return this.past.length > 0;
  }
  get canRedo(): boolean {
    return this.future.length > 0;
  }

  /** A new trace: everything, no history. */
  reset(duration: number, span?: Span): void {
    this.duration = Math.max(1, duration);
    this.past = [];
    this.future = [];
    this.start = null;
    this.held = false;
    this.goal = this.clamp(span ?? { from: 0, to: this.duration });
    this.from = this.goal.from;
    this.to = this.goal.to;
    this.place = this.goal;
    this.changed();
  }

  /** A growing trace got longer; whoever looks at everything keeps looking at everything. */
  grow(duration: number): void {
    const follow = this.whole;
    this.duration = Math.max(1, duration);
    if (!follow) return;
    this.goal = { from: 0, to: this.duration };
    this.from = 0;
    this.to = this.duration;
    this.place = this.goal;
    this.start = null;
    this.changed();
  }

  set(from: number, to: number, smooth = false): void {
    this.goal = this.clamp({ from, to });
    if (smooth && this.moveMs > 0) this.start = { from: this.from, to: this.to, at: performance.now() };
    else {
      this.start = null;
      this.from = this.goal.from;
      this.to = this.goal.to;
    }
    this.arrive();
    this.changed();
  }

  /** factor < 1 zooms in; the moment `at` stays where it is on the screen. */
  zoom(factor: number, at: number, smooth = false): void {
    const { from, to } = this.goal;
    const k = Math.max(factor, MIN_SPAN / (to - from));
    this.set(at - (at - from) * k, at + (to - at) * k, smooth);
  }

  pan(ns: number, smooth = false): void {
    this.set(this.goal.from + ns, this.goal.to + ns, smooth);
  }

  everything(smooth = true): void {
    this.set(0, this.duration, smooth);
  }

  /** Brings the span into sight without changing the zoom more than needed. */
  reveal(from: number, to: number): void {
    const { from: a, to: b } = this.goal;
    const w = b - a;
    if (from >= a && to <= b && to - from > w / 400) return;
    const need = to - from;
    const width = need > w * 0.9 ? need / 0.6 : need < w / 400 ? need * 60 : w;
    const middle = need > width ? from + width * 0.4 : (from + to) / 2;
    this.set(middle - width / 2, middle + width / 2, true);
  }

  fit(from: number, to: number): void {
    const pad = Math.max((to - from) * 0.3, MIN_SPAN / 2);
    this.set(from - pad, to + pad, true);
  }

  /** One step of a movement; true while there is more to come. */
  tick(now: number): boolean {
    if (!this.start) return false;
    const p = Math.min(1, (now - this.start.at) / this.moveMs);
    const e = 1 - (1 - p) ** 3;
    this.from = this.start.from + (this.goal.from - this.start.from) * e;
    this.to = this.start.to + (this.goal.to - this.start.to) * e;
    if (p >= 1) this.start = null;
    this.changed();
    return this.start !== null;
  }

  undo(): void {
    this.travel(this.past, this.future);
  }
  redo(): void {
    this.travel(this.future, this.past);
  }

  private travel(back: Span[], forth: Span[]): void {
    clearTimeout(this.settling);
    this.settling = undefined;
    this.remember();
    const to = back.pop();
    if (!to) return;
    forth.push(this.place);
    this.place = this.clamp(to);
    this.goal = this.place;
    this.start = { from: this.from, to: this.to, at: performance.now() - (this.moveMs > 0 ? 0 : 1e9) };
    if (this.moveMs <= 0) this.tick(performance.now());
    this.changed();
  }

  private arrive(): void {
    clearTimeout(this.settling);
    this.settling = undefined;
    if (this.held) return;
    this.settling = setTimeout(() => {
      this.settling = undefined;
      this.remember();
    }, SETTLE_MS);
  }

  private remember(): void {
    const { from, to } = this.goal;
    const p = this.place;
    if (Math.abs(p.from - from) + Math.abs(p.to - to) < (to - from) * 1e-3) return;
    this.past.push(p);
    if (this.past.length > HISTORY) this.past.shift();
    this.future.length = 0;
    this.place = this.goal;
    this.places++;
    this.changed();
  }

  /** The present goal is where the browser's own history stands: nothing new. */
  stay(): void {
    clearTimeout(this.settling);
    this.settling = undefined;
    this.place = this.goal;
  }

  private clamp(s: Span): Span {
    const w = Math.min(Math.max(s.to - s.from, Math.min(MIN_SPAN, this.duration)), this.duration);
    const from = Math.min(Math.max(0, s.to - s.from === w ? s.from : (s.from + s.to - w) / 2), this.duration - w);
    return { from, to: from + w };
  }
}
