// draw/scale.ts - time to pixels.  One Scale per frame; x is css px from the left edge of the lanes.

export class Scale {
  readonly nsPerPx: number;
  constructor(
    readonly from: number,
    readonly to: number,
    readonly width: number,
  ) {
    this.nsPerPx = (to - from) / width;
  }
  x(t: number): number {
    return (t - this.from) / this.nsPerPx;
  }
  t(x: number): number {
    return this.from + x * this.nsPerPx;
  }
}
