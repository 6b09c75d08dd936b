// draw/columns.ts - shares of one-pixel columns by class, summed from a lane's tiles.
// On single lanes a full column sums to 1; on group and "all" lanes it is the mean number of goroutines.

import { BUCKETS, SHARE_OF_CODE } from "../net/protocol";
import type { Segment } from "../model/tiles";
import type { Scale } from "./scale";

export const DIM = 10; // switched off or not highlighted
export const N_COLUMN_CLASSES = 11;

export class Columns {
  width = 0;
  data = new Float32Array(0); // class after class; a column before the first and one behind the last take what lies beyond
  used = 0; // bit c: class c occurs
  private row: Row = { codes: new Uint8Array(0), at: 0, n: 0, from: 0, w: 1, scale: 1, cls: DIM }; // one after the other: thousands a frame

  /** Where the columns of a class begin in data. */
  at(cls: number): number {
    return cls * (this.width + 2) + 1;
  }

  reset(width: number): void {
    const n = Math.ceil(width);
    if (n !== this.width) {
      this.width = n;
      this.data = new Float32Array((n + 2) * N_COLUMN_CLASSES);
    } else {
      for (let cls = 0; cls < N_COLUMN_CLASSES; cls++) if (this.used & (1 << cls)) this.data.fill(0, this.at(cls) - 1, this.at(cls) + n + 1);
    }
    this.used = 0;
  }

  /** Adds `amount` per px of [x0, x1) in class cls. */
  add(x0: number, x1: number, cls: number, amount: number): void {
    const a = Math.max(0, x0);
    const b = Math.min(this.width, x1);
    if (b <= a) return;
    const { data } = this;
    const first = Math.floor(a);
    const last = Math.floor(b);
    const at = this.at(cls);
    this.used |= 1 << cls;
    if (first === last) {
      data[at + first]! += (b - a) * amount;
      return;
    }
    data[at + first]! += (first + 1 - a) * amount;
    for (let i = at + first + 1; i < at + last; i++) data[i]! += amount;
    data[at + last]! += (b - last) * amount;
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
    const narrow = w <= s.nsPerPx;
    const { row } = this;
    row.codes = t.codes;
    row.w = w;
    for (let i = 0, at = 0; i < t.rowTag.length; at += t.rowLength[i++]!) {
      const bucket = t.rowBucket[i]!;
      const skip = Math.max(0, first - bucket);
      row.at = at + skip;
      row.n = Math.min(t.rowLength[i]!, end - bucket) - skip;
      if (row.n <= 0) continue;
      row.from = base + (bucket + skip) * w;
      row.scale = t.rowScale[i]!;
      row.cls = classOf[t.rowTag[i]!] ?? DIM;
      if (narrow) this.addNarrow(row, s);
      else this.addWide(row, s, lo, hi);
    }
  }

  /** Buckets of at most one pixel: each falls on one column or two.  The hot loop of a frame. */
  private addNarrow(row: Row, s: Scale): void {
    const { codes, cls, at: code0 } = row;
    const { data, width } = this;
    const at = this.at(cls) - 1;
    const px = row.w / s.nsPerPx;
    const x0 = (row.from - s.from) / s.nsPerPx + 1; // on data, whose first column lies before the window
    const first = Math.max(0, Math.ceil(-x0 / px)) | 0;
    const end = Math.min(row.n, (width + 1 - x0) / px) | 0;
    const scale = row.scale * px;
    const perPx = 1 / px;
    for (let i = first; i < end; i++) {
      const code = codes[code0 + i]!;
      if (code === 0) continue;
      const x = x0 + i * px;
      const amount = SHARE_OF_CODE[code]! * scale;
      const col = x | 0;
      const over = x + px - col - 1; // px that reach into the next column
      if (over > 0) {
        const rest = amount * over * perPx;
        data[at + col]! += amount - rest;
        data[at + col + 1]! += rest;
      } else data[at + col]! += amount;
    }
    this.used |= 1 << cls;
  }

  /** Buckets stretched over pixels: a coarse tile, or while the right level is on its way. */
  private addWide(row: Row, s: Scale, lo: number, hi: number): void {
    const { codes, at, w } = row;
    for (let i = 0; i < row.n; i++) {
      const code = codes[at + i]!;
      const from = row.from + i * w;
      const a = (Math.max(from, lo) - s.from) / s.nsPerPx;
      const b = (Math.min(from + w, hi) - s.from) / s.nsPerPx;
      if (code > 0 && b > a) this.add(a, b, row.cls, SHARE_OF_CODE[code]! * row.scale);
    }
  }
}

/** Buckets next to each other, one code each. */
interface Row {
  codes: Uint8Array;
  at: number; // of the first in codes
  n: number;
  from: number; // ns, of the first
  w: number; // ns, of each
  scale: number;
  cls: number;
}
