// draw/stack.ts - stacked columns to pixels: a class lies on the edge of the class before it.
// Class after class over all columns, not column after column over all classes: a third of the time.
// Whole numbers are made by | 0: an index that comes out of Math.floor or Math.round is checked at every use.

import { DIM, N_COLUMN_CLASSES, type Columns } from "./columns";
import type { Sheet } from "./sheet";

const SUB = 2; // edges of sums lie on half pixels

export interface StackBox {
  base: number; // css px: y of the zero line
  height: number;
  up: boolean; // whether it grows to smaller y
}

export type ColourOf = (cls: number) => string;

interface Layers {
  at: number[]; // where their columns begin
  pixels: number[];
}

/** Those of the classes (bits) that occur. */
function layersOf(sheet: Sheet, cols: Columns, classes: number, colourOf: ColourOf): Layers {
  const out: Layers = { at: [], pixels: [] };
  for (let cls = 0; cls < N_COLUMN_CLASSES; cls++) {
    if (!(cols.used & classes & (1 << cls))) continue;
    out.at.push(cols.at(cls));
    out.pixels.push(sheet.pixel(colourOf(cls)));
  }
  return out;
}

/** Where the stack of each pixel column has come to; kept between calls, as a lane is painted many times a frame. */
const stack = { edge: new Int32Array(0), sum: new Float64Array(0), under: new Int32Array(0) };

function stackOf(width: number, edge: number): typeof stack {
  if (stack.edge.length < width) Object.assign(stack, { edge: new Int32Array(width), sum: new Float64Array(width), under: new Int32Array(width) });
  stack.edge.fill(edge, 0, width);
  stack.sum.fill(0, 0, width);
  return stack;
}

/** Coverage of one lane: at least `least` px high where there is anything of a class, never above the box. */
export function stackShares(sheet: Sheet, cols: Columns, box: StackBox, least: number, faint: number, colourOf: ColourOf): void {
  const { pixels: to, stride, ratio, left } = sheet;
  const { data } = cols;
  const { at, pixels } = layersOf(sheet, cols, bitsBelow(DIM + 1), colourOf);
  const high = box.height;
  const right = Math.min(sheet.right, Math.floor(cols.width * ratio));
  const rowOf = new Int32Array(high + 1); // of an edge, clipped
  for (let e = 0; e <= high; e++) rowOf[e] = Math.min(sheet.bottom, Math.max(sheet.top, Math.ceil((box.base - e) * ratio - 0.5))) * stride;
  const { edge } = stackOf(right, 0);
  for (let k = 0; k < at.length; k++) {
    const from = at[k]!;
    const pixel = pixels[k]!;
    for (let x = left; x < right; x++) {
      const v = data[from + (ratio === 1 ? x : ((x + 0.5) / ratio) | 0)]!;
      if (v < faint) continue;
      const px = v >= 1 ? high : (v * high + 0.5) | 0;
      const foot = edge[x]!;
      let up = foot + (px > least ? px : least);
      if (up > high) up = high;
      edge[x] = up;
      const head = rowOf[up]!;
      for (let p = rowOf[foot]! - stride + x; p >= head; p -= stride) to[p] = pixel;
    }
  }
}

const bitsBelow = (n: number): number => (1 << n) - 1;

const between = (a: number, b: number): number => ((((a ^ b) & 0xfefefe) >>> 1) + (a & b)) | 0xff000000;

/** Sums, `max` as high as the box; where two classes meet within a pixel it is half of each. */
export function stackSums(sheet: Sheet, cols: Columns, classes: number, box: StackBox, max: number, colourOf: ColourOf): void {
  const { pixels: to, stride, ratio, left } = sheet;
  const { data } = cols;
  const { at, pixels } = layersOf(sheet, cols, classes, colourOf);
  const right = Math.min(sheet.right, Math.floor(cols.width * ratio));
  const foot = Math.round(box.base * ratio);
  const step = box.up ? -stride : stride;
  const first = (box.up ? foot - 1 : foot) * stride;
  const lowest = box.up ? foot - sheet.bottom : sheet.top - foot; // rows from the foot that the clip leaves
  const highest = box.up ? foot - sheet.top : sheet.bottom - foot;
  const high = Math.min(Math.round(box.height * ratio), highest) * SUB;
  const scale = (box.height * ratio * SUB) / max;
  const { edge, sum, under } = stackOf(right, Math.max(0, lowest) * SUB);
  for (let k = 0; k < at.length; k++) {
    const from = at[k]!;
    const pixel = pixels[k]!;
    for (let x = left; x < right; x++) {
      const v = data[from + (ratio === 1 ? x : ((x + 0.5) / ratio) | 0)]!;
      if (v === 0) continue;
      const total = (sum[x]! += v);
      const whole = (total * scale + 0.5) | 0;
      const up = whole < high ? whole : high;
      const low = edge[x]!;
      if (up <= low) continue;
      let p = first + (low >> 1) * step + x;
      if (low & 1) {
        to[p] = between(under[x]!, pixel);
        p += step;
      }
      for (let n = (up >> 1) - ((low + 1) >> 1); n > 0; n--, p += step) to[p] = pixel;
      if (up & 1) to[p] = between(to[p]!, pixel);
      under[x] = pixel;
      edge[x] = up;
    }
  }
}
