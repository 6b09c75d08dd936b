// draw/mark.ts - what floats over the lanes: the selected slice, who woke it, a range being chosen.

import { short } from "../lib/format";
import type { Slice } from "../net/protocol";
import type { Palette } from "./palette";
import type { Scale } from "./scale";
import { setFont, textWidth } from "./text";

type Ctx = CanvasRenderingContext2D;
const LANE = 22;

export function paintOutline(x: Ctx, s: Scale, from: number, to: number, y: number, h: number, c: Palette): void {
  const a = Math.max(Math.round(s.x(from)), -4);
  const b = Math.min(Math.max(Math.round(s.x(to)), a + 3), s.width + 4);
  if (b < -3 || a > s.width + 3) return;
  x.strokeStyle = c.selectHalo;
  x.lineWidth = 4.5;
  x.strokeRect(a - 0.5, y + 1.5, b - a, h - 3);
  x.strokeStyle = c.select;
  x.lineWidth = 2;
  x.strokeRect(a - 0.5, y + 1.5, b - a, h - 3);
}

/** A hook from the waker's lane (dot) to the end of the wait (head). */
export function paintHook(x: Ctx, s: Scale, at: number, yFrom: number, yTo: number, text: string, c: Palette): void {
  const px = s.x(at) - 0.5;
  if (px < -40 || px > s.width + 40) return;
  const bulge = Math.min(34, 12 + Math.abs(yTo - yFrom) * 0.22);
  const path = () => {
    x.beginPath();
    x.moveTo(px, yFrom);
    x.bezierCurveTo(px + bulge, yFrom, px + bulge, yTo, px + 8, yTo);
  };
  x.lineCap = "round";
  path();
  x.strokeStyle = c.selectHalo;
  x.lineWidth = 5;
  x.stroke();
  path();
  x.strokeStyle = c.select;
  x.lineWidth = 1.75;
  x.stroke();
  x.fillStyle = c.select;
  x.strokeStyle = c.selectHalo;
  x.lineWidth = 2;
  x.beginPath();
  x.moveTo(px + 2, yTo);
  x.lineTo(px + 10, yTo - 4.2);
  x.lineTo(px + 10, yTo + 4.2);
  x.closePath();
  x.stroke();
  x.fill();
  x.beginPath();
  x.arc(px, yFrom, 4, 0, 7);
  x.stroke();
  x.fill();
  if (text && Math.abs(yTo - yFrom) > 40) bubble(x, text, px + bulge * 0.75 + 6, (yFrom + yTo) / 2 - 9, s.width, c);
}

function bubble(x: Ctx, text: string, left: number, top: number, width: number, c: Palette): void {
  setFont(x, c.font, 550);
  const w = textWidth(x, text) + 12;
  const l = Math.min(left, width - w - 4);
  x.fillStyle = c.selectHalo;
  x.beginPath();
  x.roundRect(l - 1.5, top - 1.5, w + 3, 21, 5.5);
  x.fill();
  x.fillStyle = c.select;
  x.beginPath();
  x.roundRect(l, top, w, 18, 4);
  x.fill();
  x.fillStyle = c.selectHalo;
  x.fillText(text, l + 6, top + 9.5);
}

/** Every wake-up of a chain: its waits outlined, a hook from each waker, how long each wait was. */
export function paintChain(x: Ctx, s: Scale, links: Slice[], middleOf: (g: unknown) => number | null, c: Palette): void {
  for (const l of links) {
    const y = middleOf(l.g);
    if (y === null) continue;
    paintOutline(x, s, l.start, l.start + l.dur, y - LANE / 2, LANE, c);
  }
  for (const l of links) {
    const to = middleOf(l.g);
    const from = l.waker && l.waker.g !== null ? middleOf(l.waker.g) : null;
    if (to !== null && from !== null && from !== to) paintHook(x, s, l.start + l.dur, from, to, "", c);
  }
}

/** A chosen area: its edges through everything, its lanes tinted, its length at the top. */
export function paintStretch(x: Ctx, s: Scale, from: number, to: number, boxes: { y: number; h: number }[], top: number, bottom: number, c: Palette): void {
  const a = Math.max(-1, Math.round(s.x(from)));
  const b = Math.min(s.width + 1, Math.max(a + 1, Math.round(s.x(to))));
  if (b < 0 || a > s.width) return;
  x.fillStyle = c.brush;
  for (const { y, h } of boxes) x.fillRect(a, y, b - a, h);
  x.fillStyle = c.select;
  x.fillRect(a, top, 1, bottom - top);
  x.fillRect(b - 1, top, 1, bottom - top);
  for (const at of [a, b - 1]) {
    x.beginPath();
    x.roundRect(at - 1.5, (top + bottom) / 2 - 9, 4, 18, 2);
    x.fill();
  }
  pill(x, short(to - from), (Math.max(0, a) + Math.min(s.width, b)) / 2, top + 3, s.width, c);
}

function pill(x: Ctx, text: string, middle: number, top: number, width: number, c: Palette): void {
  setFont(x, c.font, 550);
  const w = textWidth(x, text) + 12;
  const left = Math.min(Math.max(2, middle - w / 2), width - w - 2);
  x.fillStyle = c.select;
  x.beginPath();
  x.roundRect(left, top, w, 18, 4);
  x.fill();
  x.fillStyle = c.selectHalo;
  x.fillText(text, left + 6, top + 9.5);
}

export function paintBrush(x: Ctx, x0: number, x1: number, text: string, top: number, bottom: number, c: Palette): void {
  const a = Math.min(x0, x1);
  const w = Math.abs(x1 - x0);
  x.fillStyle = c.brush;
  x.fillRect(a, top, w, bottom - top);
  x.fillStyle = c.select;
  x.fillRect(a, top, 1, bottom - top);
  x.fillRect(a + w - 1, top, 1, bottom - top);
  pill(x, text, a + w / 2, top + 6, Infinity, c);
}
