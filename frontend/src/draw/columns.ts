// draw/columns.ts - shares of one-pixel columns by class, summed from a lane's tiles.
// On single lanes a full column sums to 1; on group and "all" lanes it is the mean number of goroutines.

import type { Tile } from "../net/protocol";
import { BUCKETS } from "../net/protocol";
import type { Segment } from "../model/tiles";
import type { Scale } from "./scale";

export const DIM = 10; // switched off or not highlighted
export const N_COLUMN_CLASSES = 11;

export class Columns {
  width = 0;
  data = new Float32Array(0); // width * N_COLUMN_CLASSES, class fastest

  reset(width: number): void {
    const n = Math.ceil(width);
    if (n !== this.width) {
      this.width = n;
      this.data = new Float32Array(n * N_COLUMN_CLASSES);
    } else this.data.fill(0);
  }

  /** Adds `amount` per px of [x0, x1) in class cls. */
  add(x0: number, x1: number, cls: number, amount: number): void {
    const a = Math.max(0, x0);
    const b = Math.min(this.width, x1);
    if (b <= a) return;
    const first = Math.floor(a);
    const last = Math.min(this.width - 1, Math.floor(b));
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
    const t: Tile = seg.tile;
    const w = 2 ** t.level;
    const base = t.index * BUCKETS * w;
    const lo = Math.max(seg.from, s.from);
    const hi = Math.min(seg.to, s.to);
    const k = 1 / s.nsPerPx;
    const { bucket, partTag, cover } = t;
    const n = bucket.length;
    let i = lowerBound(bucket, Math.floor((lo - base) / w));
    for (; i < n; i++) {
      const from = base + bucket[i]! * w;
      if (from >= hi) break;
      const a = (Math.max(from, lo) - s.from) * k;
      const b = (Math.min(from + w, hi) - s.from) * k;
      if (b > a) this.add(a, b, classOf[partTag[i]!] ?? DIM, cover[i]!);
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
