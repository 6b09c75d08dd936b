// draw/overview.ts - the whole trace in one strip: above the line what ran or was ready, below it what waited.

import { axisFor, niceStep, onAxis } from "../lib/format";
import { FIRST_WAIT, N_CLASSES } from "../model/families";
import type { Segment } from "../model/tiles";
import type { Gap } from "../net/protocol";
import { bits, paintArea, peak, quantile, sumArea } from "./area";
import { Columns } from "./columns";
import { sortPhases } from "./gc";
import type { Range } from "../net/protocol";
import type { Palette } from "./palette";
import { Scale } from "./scale";
import { Sheet } from "./sheet";
import { setFont, textWidth } from "./text";

type Ctx = CanvasRenderingContext2D;

export interface OverviewInput {
  width: number;
  height: number;
  duration: number;
  segments: Segment[];
  classOf: Uint8Array;
  ranges: Range[];
  gaps: Gap[];
  hatch: CanvasPattern | null;
}
export interface OverviewWindow {
  width: number;
  height: number;
  duration: number;
  window: { from: number; to: number };
  marks: { from: number; to: number }[];
  pointed: { from: number; to: number }[];
}
export interface OverviewFigures {
  ran: number; // top of the upper scale, goroutines
  waited: number;
}

const TOP = 6;
const MIDDLE = 25;
const AXIS = 14;
const MIN_BRUSH = 6;

/** Px of the brush: never narrower than can be seen and grasped. */
export function brushOf(window: { from: number; to: number }, duration: number, width: number): { a: number; b: number } {
  const a = (window.from / duration) * width;
  const b = (window.to / duration) * width;
  if (b - a >= MIN_BRUSH) return { a, b };
  const left = Math.min(Math.max(0, (a + b - MIN_BRUSH) / 2), width - MIN_BRUSH);
  return { a: left, b: left + MIN_BRUSH };
}

/** What does not move with the window: painted once, as long as its tiles are the same. */
export function paintGround(x: Ctx, o: OverviewInput, c: Palette): OverviewFigures {
  const cols = new Columns();
  const to = new Sheet();
  const { width, height } = o;
  const bottom = height - AXIS;
  const s = new Scale(0, o.duration, width);
  const [ready, waiting] = [bits(0, FIRST_WAIT), bits(FIRST_WAIT, N_CLASSES)];
  x.textBaseline = "middle";
  to.begin(x);
  sumArea(cols, o.segments, s, o.classOf);
  const ran = quantile(cols, ready, 0.985) || peak(cols, ready);
  const waited = peak(cols, waiting);
  to.band(0, height, { top: 0, bottom: height }, [], () => {
    to.rect(0, 0, width, height, c.surface);
    paintArea(to, cols, { base: MIDDLE, height: MIDDLE - TOP, up: true, max: ran, classes: ready }, c);
    paintArea(to, cols, { base: MIDDLE + 1, height: bottom - MIDDLE - 2, up: false, max: waited, classes: waiting }, c);
  });
  to.show();
  x.fillStyle = c.line2;
  x.fillRect(0, MIDDLE, width, 1);
  x.fillStyle = c.line;
  x.fillRect(0, bottom + 0.5, width, 1);
  x.fillStyle = c.families[8]!.solid;
  for (const r of sortPhases(o.ranges).marks) x.fillRect(s.x(r.start), 1, Math.max(1, r.dur / s.nsPerPx), 3);
  for (const g of o.gaps) {
    const a = Math.min(s.x(g.from), width - 3);
    x.fillStyle = o.hatch ?? c.gapB;
    x.fillRect(a, 0, Math.max(3, (g.to - g.from) / s.nsPerPx), bottom);
    x.fillStyle = c.danger;
    x.fillRect(a, 0, 1.5, bottom);
  }
  paintAxis(x, s, height, c);
  return { ran, waited };
}

/** Marks, and the window as a brush. */
export function paintWindow(x: Ctx, o: OverviewWindow, c: Palette): void {
  const bottom = o.height - AXIS;
  const px = (t: number) => Math.round((t / o.duration) * o.width);
  x.fillStyle = c.mark;
  for (const m of o.marks) x.fillRect(px(m.from) - 0.5, 0, 2, bottom);
  for (const m of o.pointed) x.fillRect(px(m.from) - 1, bottom - 5, 3, 5);
  paintBrushBox(x, o, bottom, c);
}

function paintBrushBox(x: Ctx, o: OverviewWindow, bottom: number, c: Palette): void {
  const { a, b } = brushOf(o.window, o.duration, o.width);
  x.fillStyle = c.veil;
  x.fillRect(0, 0, a, bottom);
  x.fillRect(b, 0, o.width - b, bottom);
  const left = Math.max(0.75, Math.round(a) - 0.25);
  const right = Math.min(o.width - 0.75, Math.round(b) + 0.25);
  const whole = o.window.from <= 0 && o.window.to >= o.duration;
  if (!whole) {
    x.strokeStyle = c.select;
    x.lineWidth = 1.5;
    x.strokeRect(left, 0.75, right - left, bottom + 0.5);
  }
  x.fillStyle = c.select;
  for (const px of [left, right]) {
    x.beginPath();
    x.roundRect(px - 1.5, bottom / 2 - 6, 3, 13, 1.5);
    x.fill();
  }
}

function paintAxis(x: Ctx, s: Scale, height: number, c: Palette): void {
  const step = niceStep(s.nsPerPx, 110);
  const axis = axisFor(step, s.to);
  setFont(x, c.font, 450);
  for (let t = step; t < s.to; t += step) {
    const px = s.x(t);
    const text = onAxis(t, axis);
    if (px + 6 + textWidth(x, text) > s.width) break;
    x.fillStyle = c.line3;
    x.fillRect(Math.round(px), height - 11, 1, 6);
    x.fillStyle = c.text3;
    x.fillText(text, px + 5, height - 6.5);
  }
}
