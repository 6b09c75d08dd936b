// draw/flags.ts - what the reader has marked: letters on the ruler, lines through the lanes, and how far they stand apart.

import { short } from "../lib/format";
import type { Mark } from "../model/marks";
import type { Palette } from "./palette";
import type { Scale } from "./scale";
import { setFont, textWidth } from "./text";

type Ctx = CanvasRenderingContext2D;

export interface Flag {
  mark: Mark;
  text: string;
  left: number;
  right: number;
}
export interface Distance {
  left: number;
  right: number;
  text: string;
  w: number;
}
const TOP = 4;
const HIGH = 16;
const NOTE_PX = 140;
const SPAN_MIN = 3; // px from which on a stretch is a band

/** Where the flags stand; a note is shown as far as there is room before the next. */
export function placeFlags(x: Ctx, marks: Mark[], s: Scale, c: Palette): Flag[] {
  setFont(x, c.font, 620);
  return marks.flatMap((mark, i) => {
    const left = s.x(mark.from);
    if (left < -1 || left > s.width) return [];
    const letter = String.fromCharCode(65 + i);
    const next = marks[i + 1];
    const room = Math.min(NOTE_PX, (next ? s.x(next.from) : s.width) - left - 26);
    let text = mark.text;
    while (text && textWidth(x, text) > room) text = text.slice(0, -1);
    const whole = text && text !== mark.text ? text.replace(/.$/, "…") : text;
    const label = whole ? `${letter}  ${whole}` : letter;
    const w = textWidth(x, label) + 10;
    const at = Math.min(left, s.width - w);
    return [{ mark, text: label, left: at, right: at + w }];
  });
}

export function paintFlags(x: Ctx, flags: Flag[], c: Palette): void {
  setFont(x, c.font, 620);
  for (const f of flags) {
    x.fillStyle = c.mark;
    x.beginPath();
    x.roundRect(f.left, TOP, f.right - f.left, HIGH, 3);
    x.fill();
    x.fillStyle = c.markOn;
    x.fillText(f.text, f.left + 5, TOP + HIGH / 2 + 0.5);
  }
}

/** Lines and bands through the lanes. */
export function paintMarkLines(x: Ctx, marks: Mark[], s: Scale, top: number, bottom: number, c: Palette): void {
  x.fillStyle = c.mark;
  for (const m of marks) {
    const a = s.x(m.from);
    const b = s.x(m.to);
    if (b < 0 || a > s.width) continue;
    if (b - a >= SPAN_MIN) {
      x.globalAlpha = 0.09;
      x.fillRect(Math.max(0, a), top, Math.min(s.width, b) - Math.max(0, a), bottom - top);
      x.globalAlpha = 1;
      x.fillRect(Math.round(b) - 1, top, 1, bottom - top);
    }
    x.fillRect(Math.round(a), top, 1, bottom - top);
  }
}

/** Between neighbours on the ruler: how far it is, where there is room.  The px that they take. */
export function placeDistances(x: Ctx, flags: Flag[], s: Scale, c: Palette): Distance[] {
  setFont(x, c.font, 550);
  const out: Distance[] = [];
  const add = (left: number, right: number, ns: number) => {
    const text = short(ns);
    const w = textWidth(x, text);
    if (right - left >= w + 26) out.push({ left, right, text, w });
  };
  flags.forEach((f, i) => {
    const next = flags[i + 1];
    const { from, to } = f.mark;
    if (to > from) add(f.right, Math.min(s.width, s.x(to), next?.left ?? Infinity), to - from);
    else if (next) add(f.right, next.left, next.mark.from - to);
  });
  return out;
}

export function paintDistances(x: Ctx, all: Distance[], c: Palette): void {
  setFont(x, c.font, 550);
  const y = TOP + HIGH / 2;
  for (const d of all) {
    const at = (d.left + d.right - d.w) / 2;
    x.fillStyle = c.mark;
    x.fillRect(d.left, y, at - 5 - d.left, 1);
    x.fillRect(at + d.w + 5, y, d.right - at - d.w - 5, 1);
    x.fillText(d.text, at, y + 0.5);
  }
}

export const flagAt = (flags: Flag[], px: number, y: number): Flag | undefined => (y < TOP + HIGH + 2 ? flags.find((f) => px >= f.left && px <= f.right) : undefined);

/** Ticks on the ruler for moments that a search or a query points at. */
export function paintPointed(x: Ctx, at: { from: number; to: number }[], s: Scale, y: number, c: Palette): void {
  x.fillStyle = c.mark;
  let last = -Infinity;
  for (const p of at) {
    const px = Math.round(s.x(p.from));
    if (px === last || px < -2 || px > s.width + 2) continue;
    last = px;
    x.fillRect(px - 1, y, 3, 5);
  }
}
