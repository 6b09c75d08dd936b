// draw/notes.ts - what stands beside a lane's slices: regions along its upper edge, below them mark assists and sweeps,
// logs as needles, CPU samples as dots at its foot.

import type { Note } from "../model/notes";
import type { Palette } from "./palette";
import type { Scale } from "./scale";
import type { Sheet } from "./sheet";

const MIN_PX = 2;
const CLOSE_PX = 16; // between logs

export function paintNotes(to: Sheet, notes: Note[], s: Scale, y: number, h: number, c: Palette): void {
  const close = CLOSE_PX * s.nsPerPx;
  let lastLog = -Infinity;
  for (let i = 0; i < notes.length; i++) {
    const n = notes[i]!;
    if (n.start > s.to || n.start + n.dur < s.from) continue;
    const a = Math.max(-2, Math.round(s.x(n.start)));
    const w = Math.max(MIN_PX, Math.min(s.width + 2, Math.round(s.x(n.start + n.dur))) - a);
    if (n.kind === "region") {
      to.rect(a, y, w, 2, c.mark);
      if (w >= 6) {
        to.rect(a, y, 1, 5, c.mark);
        to.rect(a + w - 1, y, 1, 5, c.mark);
      }
    } else if (n.kind === "assist" || n.kind === "sweep") {
      to.rect(a, y + 2, w, 5, c.surface);
      to.rect(a, y + 2, w, 4, c.families[8]!.solid);
    } else if (n.kind === "sample") {
      to.rect(a - 2, y + h - 5, 5, 5, c.surface);
      to.rect(a - 1, y + h - 4, 3, 4, c.text);
    } else {
      const next = notes[i + 1];
      const dense = n.start - lastLog < close || (next?.kind === "log" && next.start - n.start < close);
      lastLog = n.start;
      if (dense) head(to, a, y, c);
      else needle(to, a, y, h, c);
    }
  }
}

/** A pin with its head at the upper edge: rectangles, as a path each would be slow. */
function needle(to: Sheet, px: number, y: number, h: number, c: Palette): void {
  to.rect(px - 1, y + 1, 3, h - 2, c.surface);
  to.rect(px, y + 1, 1, h - 2, c.mark);
  head(to, px, y, c);
}

/** Where logs stand close together: needles would hide the slices. */
function head(to: Sheet, px: number, y: number, c: Palette): void {
  to.rect(px - 2, y + 1, 5, 3, c.mark);
  to.rect(px - 1, y + 4, 3, 2, c.mark);
}

/** The ends of a task or region on its own lane; what lies beyond is shaded, as it belongs to somebody else. */
export function paintEnds(to: Sheet, span: { start: number; dur: number; began: boolean; ended: boolean }, s: Scale, y: number, h: number, c: Palette): void {
  const a = Math.round(s.x(span.start));
  const b = Math.max(a + 2, Math.round(s.x(span.start + span.dur)));
  to.rect(Math.max(0, a), y + 1, Math.min(s.width, b) - Math.max(0, a), 1, c.mark);
  if (span.began) to.rect(a, y + 1, 2, h - 2, c.mark);
  if (span.ended) to.rect(b - 2, y + 1, 2, h - 2, c.mark);
}
