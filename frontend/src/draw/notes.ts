// draw/notes.ts - what stands beside a lane's slices: regions along its upper edge, below them mark assists and sweeps,
// logs as needles, CPU samples as dots at its foot.

import type { Note } from "../model/notes";
import type { Palette } from "./palette";
import type { Scale } from "./scale";

type Ctx = CanvasRenderingContext2D;

const MIN_PX = 2;
const CLOSE_PX = 16; // between logs

export function paintNotes(x: Ctx, notes: Note[], s: Scale, y: number, h: number, c: Palette): void {
  const close = CLOSE_PX * s.nsPerPx;
  let lastLog = -Infinity;
  for (const [i, n] of notes.entries()) {
    if (n.start > s.to || n.start + n.dur < s.from) continue;
    const a = Math.max(-2, s.x(n.start));
    const w = Math.max(MIN_PX, Math.min(s.width + 2, s.x(n.start + n.dur)) - a);
    if (n.kind === "region") {
      x.fillStyle = c.mark;
      x.fillRect(a, y, w, 2);
      if (w >= 6) {
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
    } else {
      const next = notes[i + 1];
      const dense = n.start - lastLog < close || (next?.kind === "log" && next.start - n.start < close);
      lastLog = n.start;
      if (dense) head(x, Math.round(a), y, c);
      else needle(x, Math.round(a), y, h, c);
    }
  }
}

/** A pin with its head at the upper edge: rectangles, as a path each would be slow. */
function needle(x: Ctx, px: number, y: number, h: number, c: Palette): void {
  x.fillStyle = c.surface;
  x.fillRect(px - 1, y + 1, 3, h - 2);
  x.fillStyle = c.mark;
  x.fillRect(px, y + 1, 1, h - 2);
  head(x, px, y, c);
}

/** Where logs stand close together: needles would hide the slices. */
function head(x: Ctx, px: number, y: number, c: Palette): void {
  x.fillStyle = c.mark;
  x.fillRect(px - 2, y + 1, 5, 3);
  x.fillRect(px - 1, y + 4, 3, 2);
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
