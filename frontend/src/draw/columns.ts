// draw/columns.ts - shares of one-pixel columns by class, summed from a lane's tiles.
// On single lanes a full column sums to 1; on group and "all" lanes it is the mean number of goroutines.

import { BUCKETS, SHARE_OF_CODE } from "../net/protocol";
import type { Segment } from "../model/tiles";
import type { Scale } from "./scale";
import type { Stack, Strip } from "./stack";

export const DIM = 10; // switched off or not highlighted
export const N_COLUMN_CLASSES = 11;

/** What painters share while they paint one lane after the other. */
export interface Pad {
  cols: Columns;
  stack: Stack;
  strip: Strip;
}

export class Columns {
  width = 0;
  data = new Float32Array(0); // width * N_COLUMN_CLASSES, class fastest
  touched = new Uint8Array(0); // 1 where a column has anything
  used = 0; // bit c: class c occurs

  reset(width: number): void {
    const n = Math.ceil(width);
    if (n !== this.width) {
      this.width = n;
      this.data = new Float32Array(n * N_COLUMN_CLASSES);
      this.touched = new Uint8Array(n);
    } else if (this.used !== 0) {
      this.data.fill(0);
      this.touched.fill(0);
    }
    this.used = 0;
  }

  /** Adds `amount` per px of [x0, x1) in class cls. */
  add(x0: number, x1: number, cls: number, amount: number): void {
    const a = Math.max(0, x0);
    const b = Math.min(this.width, x1);
    if (b <= a) return;
    const first = Math.floor(a);
    const last = Math.min(this.width - 1, Math.floor(b));
    this.used |= 1 << cls;
    if (first === last) this.touched[first] = 1;
    else this.touched.fill(1, first, last + 1);
    if (first === last) {
      this.data[first * N_COLUMN_CLASSES + cls]! += (b - a) * amount;
      return;
    }
    this.data[first * N_COLUMN_CLASSES + cls]! += (first + 1 - a) * amount;
    for (let i = first + 1; i < last; i++) this.data[i * N_COLUMN_CLASSES + cls]! += amount;
    this.data[last * N_COLUMN_CLASSES + cls]! += (b - last) * amount;
  }

  /** Adds the parts of a tile that lie in the segment. */
  addParts(seg: Segment, s: Scale, classOf: Uint8Array): void {
    const t = seg.tile;
    const w = 2 ** (t.level + t.shift);
    const base = t.index * BUCKETS * 2 ** t.level;
    const lo = Math.max(seg.from, s.from);
    const hi = Math.min(seg.to, s.to);
    for (let i = 0; i < t.runTag.length; i++) {
      const from = base + t.runBucket[i]! * w;
      const a = (Math.max(from, lo) - s.from) / s.nsPerPx;
      const b = (Math.min(from + t.runLength[i]! * w, hi) - s.from) / s.nsPerPx;
      if (b > a) this.add(a, b, classOf[t.runTag[i]!] ?? DIM, t.runCover[i]!);
    }
    const first = Math.floor((lo - base) / w);
    const end = Math.ceil((hi - base) / w);
    for (let i = 0, at = 0; i < t.rowTag.length; at += t.rowLength[i++]!) {
      const bucket = t.rowBucket[i]!;
      const row: Row = {
        codes: t.codes.subarray(at + Math.max(0, first - bucket), at + Math.max(0, Math.min(t.rowLength[i]!, end - bucket))),
        from: base + Math.max(bucket, first) * w,
        w,
        scale: t.rowScale[i]!,
        cls: classOf[t.rowTag[i]!] ?? DIM,
      };
      if (row.codes.length === 0) continue;
      if (w <= s.nsPerPx) this.addNarrow(row, s);
      else this.addWide(row, s, lo, hi);
    }
  }

  /** Buckets of at most one pixel: each falls on one column or two.  The hot loop of a frame. */
  private addNarrow(row: Row, s: Scale): void {
    const { codes, cls } = row;
    const { data, touched, width } = this;
    const px = row.w / s.nsPerPx;
    const x0 = (row.from - s.from) / s.nsPerPx;
    const scale = row.scale * px;
    for (let i = 0; i < codes.length; i++) {
      const code = codes[i]!;
      if (code === 0) continue;
      const x = x0 + i * px;
      const amount = SHARE_OF_CODE[code]! * scale;
      const col = Math.floor(x);
      const over = x + px - col - 1; // px that reach into the next column
      const rest = over > 0 ? amount * (over / px) : 0;
      if (col >= 0 && col < width) {
        data[col * N_COLUMN_CLASSES + cls]! += amount - rest;
        touched[col] = 1;
      }
      if (rest > 0 && col + 1 >= 0 && col + 1 < width) {
        data[(col + 1) * N_COLUMN_CLASSES + cls]! += rest;
        touched[col + 1] = 1;
      }
    }
    this.used |= 1 << cls;
  }

  /** Buckets stretched over pixels: a coarse tile, or while the right level is on its way. */
  private addWide(row: Row, s: Scale, lo: number, hi: number): void {
    const { codes, w } = row;
    for (let i = 0; i < codes.length; i++) {
      const from = row.from + i * w;
      const a = (Math.max(from, lo) - s.from) / s.nsPerPx;
      const b = (Math.min(from + w, hi) - s.from) / s.nsPerPx;
      if (codes[i]! > 0 && b > a) this.add(a, b, row.cls, SHARE_OF_CODE[codes[i]!]! * row.scale);
    }
  }
}

/** Buckets next to each other, one code each. */
interface Row {
  codes: Uint8Array;
  from: number; // ns, of the first
  w: number; // ns, of each
  scale: number;
  cls: number;
}
