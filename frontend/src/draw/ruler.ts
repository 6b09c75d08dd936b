// draw/ruler.ts - the axis, the grid, gap flags and the time under the pointer.

import { axisFor, moment, niceStep, onAxis } from "../lib/format";
import type { Gap } from "../net/protocol";
import type { Palette } from "./palette";
import type { Scale } from "./scale";
import type { Sheet } from "./sheet";
import { setFont, textWidth } from "./text";

type Ctx = CanvasRenderingContext2D;
const LABEL_GAP = 96;

export function paintGrid(to: Sheet, s: Scale, top: number, bottom: number, c: Palette): void {
  const step = niceStep(s.nsPerPx, LABEL_GAP);
  for (let t = Math.ceil(s.from / step) * step; t < s.to; t += step) to.rect(Math.round(s.x(t)), top, 1, bottom - top, c.grid);
}

export function paintRuler(x: Ctx, s: Scale, h: number, cursor: number | null, taken: { left: number; right: number }[], c: Palette): void {
  const step = niceStep(s.nsPerPx, LABEL_GAP);
  const axis = axisFor(step, s.to);
  x.fillStyle = c.bg;
  x.fillRect(0, 0, s.width, h);
  x.fillStyle = c.line2;
  x.fillRect(0, h - 1, s.width, 1);
  const sub = step / 5;
  for (let t = Math.ceil(s.from / sub) * sub; t < s.to; t += sub) x.fillRect(Math.round(s.x(t)), h - 5, 1, 4);
  const flags = cursor === null ? taken : [...taken, flagBox(x, s, cursor, c)];
  setFont(x, c.font, 450);
  for (let t = Math.ceil(s.from / step) * step; t < s.to; t += step) {
    const px = Math.round(s.x(t));
    x.fillStyle = c.line3;
    x.fillRect(px, h - 10, 1, 9);
    const text = onAxis(t, axis);
    const w = textWidth(x, text);
    if (px + 5 + w > s.width || flags.some((f) => px + 5 + w > f.left - 6 && px + 5 < f.right + 6)) continue;
    x.fillStyle = c.text2;
    x.fillText(text, px + 5, 11);
  }
}

function flagText(s: Scale, t: number): string {
  return moment(t, s.nsPerPx < 1 ? 6 : 3);
}

function flagBox(x: Ctx, s: Scale, t: number, c: Palette): { left: number; right: number } {
  setFont(x, c.font, 550);
  const w = textWidth(x, flagText(s, t)) + 10;
  const left = Math.min(Math.max(s.x(t) - w / 2, 0), s.width - w);
  return { left, right: left + w };
}

export function paintCursorFlag(x: Ctx, s: Scale, t: number, c: Palette): void {
  const px = s.x(t);
  if (px < 0 || px > s.width) return;
  const { left, right } = flagBox(x, s, t, c);
  x.fillStyle = c.text;
  x.beginPath();
  x.roundRect(left, 3, right - left, 18, 4);
  x.fill();
  x.fillStyle = c.surface;
  x.fillText(flagText(s, t), left + 5, 12.5);
}

/** Lost stretches: a hatch over all lanes and a flag on the ruler. */
export function paintGaps(x: Ctx, gaps: Gap[], s: Scale, top: number, bottom: number, hatch: CanvasPattern | null, c: Palette): void {
  for (const g of gaps) {
    const a = s.x(g.from);
    const b = Math.max(a + 3, s.x(g.to));
    if (b < 0 || a > s.width) continue;
    const left = Math.max(0, a);
    const w = Math.min(s.width, b) - left;
    x.fillStyle = hatch ?? c.gapB;
    x.fillRect(left, top, w, bottom - top);
    x.fillStyle = c.danger;
    x.fillRect(left, top, 1, bottom - top);
    if (b < s.width) x.fillRect(left + w - 1, top, 1, bottom - top);
  }
}

export const FLAG_W = 12;
export function paintGapFlags(x: Ctx, gaps: Gap[], s: Scale, c: Palette): void {
  x.fillStyle = c.danger;
  for (const g of gaps) {
    const px = flagX(g, s);
    if (px < -FLAG_W || px > s.width) continue;
    x.beginPath();
    x.moveTo(px, 4);
    x.lineTo(px + FLAG_W, 8);
    x.lineTo(px, 12);
    x.closePath();
    x.fill();
    x.fillRect(px, 4, 1.5, 22);
  }
}

export const gapFlagBoxes = (gaps: Gap[], s: Scale): { left: number; right: number }[] => gaps.map((g) => ({ left: flagX(g, s), right: flagX(g, s) + FLAG_W }));

/** Where a gap's flag stands: at its start, kept in sight at the right edge. */
export function flagX(g: Gap, s: Scale): number {
  return Math.min(s.x(g.from), s.width - FLAG_W - 2);
}

/** 45° stripes; made once a theme and pixel ratio by the caller's canvas. */
export function paintHatch(x: Ctx, size: number, c: Palette): void {
  x.fillStyle = c.gapA;
  x.fillRect(0, 0, size, size);
  x.strokeStyle = c.gapB;
  x.lineWidth = size / 3.2;
  x.beginPath();
  for (const d of [-size, 0, size]) {
    x.moveTo(d - 2, size + 2);
    x.lineTo(d + size + 2, -2);
  }
  x.stroke();
}
