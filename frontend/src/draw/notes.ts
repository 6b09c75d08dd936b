// draw/notes.ts - what stands beside a lane's slices: regions along its upper edge, below them mark assists and sweeps,
// logs as needles, CPU samples as dots at its foot; and how many tasks of a type are under way.

import type { Note } from "../model/notes";
import type { Palette } from "./palette";
import type { Scale } from "./scale";

type Ctx = CanvasRenderingContext2D;

const MIN_PX = 2;

export function paintNotes(x: Ctx, notes: Note[], s: Scale, y: number, h: number, c: Palette): void {
  for (const n of notes) {
    if (n.start > s.to || n.start + n.dur < s.from) continue;
    const a = Math.max(-2, s.x(n.start));
    const w = Math.max(MIN_PX, Math.min(s.width + 2, s.x(n.start + n.dur)) - a);
    if (n.kind === "region") {
      x.fillStyle = c.mark;
      x.fillRect(a, y, w, 2);
      if (w >= 4) {
        x.fillRect(a, y, 1, 5);
        x.fillRect(a + w - 1, y, 1, 5);
      }
    } else if (n.kind === "assist" || n.kind === "sweep") {
      x.fillStyle = c.surface;
      x.fillRect(a, y + 2, w, 5);
      x.fillStyle = c.families[8]!.solid;
      x.fillRect(a, y + 2, w, 4);
    } else if (n.kind === "sample") {
      x.fillStyle = c.surface;
      x.fillRect(a - 2, y + h - 5, 5, 5);
      x.fillStyle = c.text;
      x.fillRect(a - 1, y + h - 4, 3, 4);
    }
  }
  for (const n of notes) if (n.kind === "log") needle(x, s.x(n.start), y, h, c);
}

function needle(x: Ctx, at: number, y: number, h: number, c: Palette): void {
  const px = Math.round(at);
  x.fillStyle = c.surface;
  x.fillRect(px - 1, y + 1, 3, h - 2);
  x.fillStyle = c.mark;
  x.fillRect(px, y + 1, 1, h - 2);
  x.beginPath();
  x.moveTo(px - 3, y + 1);
  x.lineTo(px + 4, y + 1);
  x.lineTo(px + 0.5, y + 7);
  x.closePath();
  x.fill();
}

/** Steps filled to their foot: how many were under way, scaled to the most of what is seen.  Returns that most. */
export function paintUnderWay(x: Ctx, points: [number, number][], s: Scale, base: number, height: number, c: Palette): number {
  let most = 0;
  let first = 0;
  while (first + 1 < points.length && points[first + 1]![0] <= s.from) first++;
  let end = first;
  while (end < points.length && points[end]![0] < s.to) most = Math.max(most, points[end++]![1]);
  if (most <= 0) return 0;
  for (let i = first; i < end; i++) {
    const v = points[i]![1];
    if (v <= 0) continue;
    const a = Math.max(0, s.x(points[i]![0]));
    const b = Math.max(a + 1, Math.min(s.width, i + 1 < points.length ? s.x(points[i + 1]![0]) : s.width));
    const high = Math.max(1, (v / most) * height);
    x.fillStyle = c.markArea;
    x.fillRect(a, base - high, b - a, high);
    x.fillStyle = c.mark;
    x.fillRect(a, base - high, b - a, 1);
  }
  return most;
}

/** The ends of a task or region on its own lane; what lies beyond is shaded, as it belongs to somebody else. */
export function paintEnds(x: Ctx, span: { start: number; dur: number; began: boolean; ended: boolean }, s: Scale, y: number, h: number, c: Palette): void {
  const a = Math.round(s.x(span.start));
  const b = Math.max(a + 2, Math.round(s.x(span.start + span.dur)));
  x.fillStyle = c.mark;
  x.fillRect(Math.max(0, a), y + 1, Math.min(s.width, b) - Math.max(0, a), 1);
  if (span.began) x.fillRect(a, y + 1, 2, h - 2);
  if (span.ended) x.fillRect(b - 2, y + 1, 2, h - 2);
}
