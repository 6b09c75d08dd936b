// draw/text.ts - labels on a canvas.  Widths are summed from single characters, measured once a font, and kept for whole
// labels, as the same ones come back frame after frame: a thousand labels a frame stay cheap.

import type { Sheet } from "./sheet";

type Ctx = CanvasRenderingContext2D;

interface Widths {
  ofChar: Map<string, number>;
  ofText: Map<string, number>;
}
const MOST_TEXTS = 8192;
const widths = new Map<string, Widths>(); // by font
let current: Widths = { ofChar: new Map(), ofText: new Map() }; // of the font that was set last: asking the canvas is slow

export function setFont(x: Ctx, font: string, weight: number, px = 10.5): void {
  const name = `${weight} ${px}px ${font}`;
  let of = widths.get(name);
  if (!of) widths.set(name, (of = { ofChar: new Map(), ofText: new Map() }));
  current = of;
  x.font = name;
}

/** Forget what was measured: the font has arrived. */
export function forgetWidths(): void {
  widths.clear();
}

/** Width in the font that setFont has just set. */
export function textWidth(x: Ctx, s: string): number {
  const { ofChar, ofText } = current;
  let w = ofText.get(s);
  if (w !== undefined) return w;
  w = 0;
  for (const c of s) {
    let cw = ofChar.get(c);
    if (cw === undefined) ofChar.set(c, (cw = x.measureText(c).width));
    w += cw;
  }
  if (ofText.size >= MOST_TEXTS) ofText.clear();
  ofText.set(s, w);
  return w;
}

export const LABEL_PAD = 5;
export const LABEL_MIN = 22;

/** Writes the longest form that fits whole into [left, left + width); nothing where none does.  Returns where it ends. */
export function label(to: Sheet, forms: string[], left: number, width: number, middle: number, colour: string): number {
  for (const f of forms) {
    const w = textWidth(to.x, f);
    if (w + LABEL_PAD * 2 > width) continue;
    to.write(f, left + LABEL_PAD, middle, colour);
    return left + LABEL_PAD + w;
  }
  return left;
}
