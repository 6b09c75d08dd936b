// draw/mark.ts - what floats over the lanes: the selected slice, who woke it, a range being chosen.

import type { Palette } from "./palette";
import type { Scale } from "./scale";
import { setFont, textWidth } from "./text";

type Ctx = CanvasRenderingContext2D;

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
  if (Math.abs(yTo - yFrom) > 40) bubble(x, text, px + bulge * 0.75 + 6, (yFrom + yTo) / 2 - 9, s.width, c);
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

export function paintBrush(x: Ctx, x0: number, x1: number, text: string, top: number, bottom: number, c: Palette): void {
  const a = Math.min(x0, x1);
  const w = Math.abs(x1 - x0);
  x.fillStyle = c.brush;
  x.fillRect(a, top, w, bottom - top);
  x.fillStyle = c.select;
  x.fillRect(a, top, 1, bottom - top);
  x.fillRect(a + w - 1, top, 1, bottom - top);
  setFont(x, c.font, 550);
  const tw = textWidth(x, text) + 12;
  x.beginPath();
  x.roundRect(a + w / 2 - tw / 2, top + 6, tw, 18, 4);
  x.fill();
  x.fillStyle = c.selectHalo;
  x.fillText(text, a + w / 2 - tw / 2 + 6, top + 15.5);
}
