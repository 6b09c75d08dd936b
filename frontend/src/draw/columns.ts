// draw/columns.ts - shares of one-pixel columns by class, summed from a lane's tiles.
// On single lanes a full column sums to 1; on group and "all" lanes it is the mean number of goroutines.

import type { Tile } from "../net/protocol";
import { BUCKETS } from "../net/protocol";
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
    const w = 2 ** seg.tile.level;
    const base = seg.tile.index * BUCKETS * w;
    const lo = Math.max(seg.from, s.from);
    const hi = Math.min(seg.to, s.to);
    const first = lowerBound(seg.tile.bucket, Math.floor((lo - base) / w));
    const end = lowerBound(seg.tile.bucket, Math.ceil((hi - base) / w));
    if (w <= s.nsPerPx) this.addNarrow(seg.tile, first, end, (base - s.from) / s.nsPerPx, w / s.nsPerPx, classOf);
    else this.addWide(seg.tile, first, end, base, s, lo, hi, classOf);
  }

  /** Buckets of at most one pixel: each falls on one column or two.  The hot loop of a frame. */
  private addNarrow(t: Tile, first: number, end: number, x0: number, px: number, classOf: Uint8Array): void {
    const { bucket, partTag, cover } = t;
    const { data, touched, width } = this;
    let used = this.used;
    for (let i = first; i < end; i++) {
      const x = x0 + bucket[i]! * px;
      const cls = classOf[partTag[i]!]!;
      const amount = cover[i]! * px;
      used |= 1 << cls;
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
    this.used = used;
  }

  /** Buckets stretched over pixels, while the right level is on its way. */
  private addWide(t: Tile, first: number, end: number, base: number, s: Scale, lo: number, hi: number, classOf: Uint8Array): void {
    const w = 2 ** t.level;
    for (let i = first; i < end; i++) {
      const from = base + t.bucket[i]! * w;
      const a = (Math.max(from, lo) - s.from) / s.nsPerPx;
      const b = (Math.min(from + w, hi) - s.from) / s.nsPerPx;
      if (b > a) this.add(a, b, classOf[t.partTag[i]!] ?? DIM, t.cover[i]!);
    }
  }
}

/** First position whose value is at least v. */
function lowerBound(a: Uint16Array, v: number): number {
  let lo = 0;
  let hi = a.length;
  while (lo < hi) {
    const m = (lo + hi) >> 1;
    if (a[m]! < v) lo = m + 1;
    else hi = m;
  }
  return lo;
}
