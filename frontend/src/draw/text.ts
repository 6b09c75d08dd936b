// draw/text.ts - labels on a canvas.  Widths are summed from single characters, measured once a font:
// exact enough to decide what fits, and a thousand labels a frame stay cheap.

type Ctx = CanvasRenderingContext2D;

const widths = new Map<string, Map<string, number>>();

export function setFont(x: Ctx, font: string, weight: number, px = 10.5): void {
  x.font = `${weight} ${px}px ${font}`;
}

/** Forget what was measured: the font has arrived. */
export function forgetWidths(): void {
  widths.clear();
}

export function textWidth(x: Ctx, s: string): number {
  let of = widths.get(x.font);
  if (!of) widths.set(x.font, (of = new Map<string, number>()));
  let w = 0;
  for (const c of s) {
    let cw = of.get(c);
    if (cw === undefined) of.set(c, (cw = x.measureText(c).width));
    w += cw;
  }
  return w;
}

export const LABEL_PAD = 5;
export const LABEL_MIN = 22;

/** Draws the longest form that fits whole into [left, left + width); nothing where none does. */
export function label(x: Ctx, forms: string[], left: number, width: number, middle: number, colour: string): void {
  for (const f of forms) {
    if (textWidth(x, f) + LABEL_PAD * 2 > width) continue;
    x.fillStyle = colour;
    x.fillText(f, left + LABEL_PAD, middle);
    return;
  }
}
