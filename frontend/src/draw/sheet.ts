// draw/sheet.ts - the picture of a frame in memory: rectangles and columns are written as pixels and shown at once, with
// the words on top.  Ten thousand rectangles on a canvas cost ten times as much, and a canvas without a GPU paints them on
// the main thread.  It is painted in bands, one below the other; a band whose picture is there already is left alone, as
// when tiles come for other lanes, or figures for the tables: a third of all frames.
// Coordinates of rect, band and write are css px, as on a canvas; pixels are those of the device.  All of it is opaque.

import { pixelOf } from "../lib/colour";

type Ctx = CanvasRenderingContext2D;

interface Word {
  text: string;
  x: number;
  y: number;
  colour: string;
}

interface Band {
  of: unknown[]; // what it was painted from
  y: number; // css px of its upper edge, cut off or not
  top: number; // pixels: what is painted of it
  bottom: number;
  words: Word[];
}

/** Css px that bands are cut at. */
export interface Block {
  top: number;
  bottom: number;
}

const same = (a: unknown[], b: unknown[]): boolean => a.length === b.length && a.every((v, i) => v === b[i]);

const ROUND = 0x800080;

export class Sheet {
  pixels = new Int32Array(0); // rows of `stride`, 0xAABBGGRR: negative, as all are opaque
  stride = 0;
  ratio = 1; // pixels a css px
  left = 0; // of what is painted, in pixels
  top = 0;
  right = 0;
  bottom = 0;
  x!: Ctx; // what it is shown on, and what words are measured with
  private image: ImageData | null = null;
  private bands = new Map<number, Band>(); // by top
  private before = new Map<number, Band>(); // what there was when the frame began
  private of: unknown[] = []; // what all bands were painted from
  private scrolled = 0; // css px
  private dirtyTop = 0; // pixels: what was painted and is not yet shown
  private dirtyBottom = 0;
  private words: Word[] = []; // of the band that is painted
  private known = new Map<string, number>(); // colours as pixels
  private lastCss = "";
  private lastPixel = 0;

  /** A sheet as large as the canvas; bands are kept where `of`, what all are painted from, is what it was. */
  begin(x: Ctx, of: unknown[] = []): void {
    const { width, height } = x.canvas;
    if (x !== this.x || !same(of, this.of)) this.forget();
    this.x = x;
    this.of = of;
    this.dirtyTop = height;
    this.dirtyBottom = 0;
    this.ratio = x.getTransform().a;
    if (this.image?.width !== width || this.image.height !== height) {
      this.image = new ImageData(width, height);
      this.pixels = new Int32Array(this.image.data.buffer);
      this.stride = width;
      this.forget();
    }
    this.before = this.bands;
    this.bands = new Map();
  }

  /** The canvas shows nothing of it any more. */
  forget(): void {
    this.bands.clear();
  }

  private px(y: number): number {
    return Math.min(this.pixels.length / this.stride, Math.max(0, Math.round(y * this.ratio)));
  }

  private soil(top: number, bottom: number): void {
    this.dirtyTop = Math.min(this.dirtyTop, top);
    this.dirtyBottom = Math.max(this.dirtyBottom, bottom);
  }

  /** Bands of a block that was scrolled go along, so that only what comes into sight is painted. */
  scroll(block: Block, to: number): void {
    const by = to - this.scrolled;
    const rows = by * this.ratio;
    this.scrolled = to;
    if (by === 0 || this.before.size === 0) return;
    const top = this.px(block.top);
    const bottom = this.px(block.bottom);
    const all = [...this.before.values()];
    const moved = Number.isInteger(rows) && Math.abs(rows) < bottom - top ? all.filter((b) => b.top >= top) : [];
    this.before = new Map(all.filter((b) => b.top < top).map((b) => [b.top, b]));
    if (moved.length === 0) return;
    const { pixels, stride } = this;
    pixels.copyWithin((top - Math.min(0, rows)) * stride, (top + Math.max(0, rows)) * stride, (bottom + Math.min(0, rows)) * stride);
    this.soil(top, bottom);
    for (const b of moved) {
      const now = { of: b.of, y: b.y - by, top: Math.max(top, b.top - rows), bottom: Math.min(bottom, b.bottom - rows), words: b.words };
      if (now.top >= now.bottom) continue;
      now.words = b.words.map((w) => ({ ...w, y: w.y - by }));
      this.before.set(now.top, now);
    }
  }

  /** Paints [y, y + height), cut at the block's edges, unless it was painted from the same before. */
  band(y: number, height: number, block: Block, of: unknown[], paint: () => void): void {
    this.top = this.px(Math.max(block.top, y));
    this.bottom = this.px(Math.min(block.bottom, y + height));
    if (this.top >= this.bottom) return;
    const old = this.before.get(this.top);
    if (old && old.y === y && old.bottom === this.bottom && same(old.of, of)) {
      this.bands.set(this.top, old);
      return;
    }
    this.words = [];
    this.bands.set(this.top, { of, y, top: this.top, bottom: this.bottom, words: this.words });
    this.soil(this.top, this.bottom);
    this.widen();
    paint();
  }

  /** Columns outside which nothing is painted; words are not cut by it. */
  narrow(left: number, right: number): void {
    const px = (v: number) => Math.min(this.stride, Math.max(0, Math.round(v * this.ratio)));
    this.left = px(left);
    this.right = px(right);
  }

  widen(): void {
    this.left = 0;
    this.right = this.stride;
  }

  pixel(css: string): number {
    if (css === this.lastCss) return this.lastPixel;
    let pixel = this.known.get(css);
    if (pixel === undefined) this.known.set(css, (pixel = pixelOf(css) | 0));
    this.lastCss = css;
    this.lastPixel = pixel;
    return pixel;
  }

  rect(x: number, y: number, w: number, h: number, css: string, alpha = 1): void {
    const { ratio } = this;
    const x0 = Math.max(this.left, x * ratio);
    const x1 = Math.min(this.right, (x + w) * ratio);
    const y0 = Math.max(this.top, y * ratio);
    const y1 = Math.min(this.bottom, (y + h) * ratio);
    if (!(x1 > x0 && y1 > y0)) return;
    const pixel = this.pixel(css);
    const whole = Number.isInteger(x0) && Number.isInteger(x1) && Number.isInteger(y0) && Number.isInteger(y1);
    if (whole && alpha === 1 && pixel >>> 24 === 255) this.fill(x0 | 0, y0 | 0, x1 | 0, y1 | 0, pixel);
    else this.blend(x0, y0, x1, y1, pixel, (pixel >>> 24) * alpha);
  }

  private fill(x0: number, y0: number, x1: number, y1: number, pixel: number): void {
    const { pixels, stride } = this;
    for (let at = y0 * stride, end = y1 * stride; at < end; at += stride) {
      if (x1 - x0 > 24) pixels.fill(pixel, at + x0, at + x1);
      else for (let i = at + x0; i < at + x1; i++) pixels[i] = pixel;
    }
  }

  /** What covers a part of a pixel takes that share of it. */
  private blend(x0: number, y0: number, x1: number, y1: number, pixel: number, alpha: number): void {
    const first = Math.ceil(x0); // of the pixels that it covers from side to side
    const end = Math.floor(x1);
    for (let y = Math.floor(y0); y < y1; y++) {
      const at = y * this.stride;
      const share = alpha * (Math.min(y + 1, y1) - Math.max(y, y0));
      if (end < first) {
        this.mix(at + end, pixel, share * (x1 - x0));
        continue;
      }
      if (x0 < first) this.mix(at + first - 1, pixel, share * (first - x0));
      if (share === 255) this.fill(first, y, end, y + 1, pixel);
      else for (let x = first; x < end; x++) this.mix(at + x, pixel, share);
      if (x1 > end) this.mix(at + end, pixel, share * (x1 - end));
    }
  }

  private mix(at: number, pixel: number, alpha: number): void {
    const k = Math.round((alpha * 256) / 255);
    const old = this.pixels[at]!;
    const rb = ((Math.imul(old & 0xff00ff, 256 - k) + Math.imul(pixel & 0xff00ff, k) + ROUND) >>> 8) & 0xff00ff;
    const g = ((old >>> 8) & 0xff) * (256 - k) + ((pixel >>> 8) & 0xff) * k + 0x80;
    this.pixels[at] = 0xff000000 | rb | (g & 0xff00);
  }

  /** One row of pixels as it is painted by `paint`, which gets its height: for what is the same in all of them. */
  line(paint: (height: number) => void): Int32Array {
    const { top, bottom, pixels, stride } = this;
    this.top = 0;
    this.bottom = 1;
    paint(1 / this.ratio);
    this.top = top;
    this.bottom = bottom;
    return pixels.slice(0, stride);
  }

  /** A line in all rows of [top, bottom). */
  lay(line: Int32Array, top: number, bottom: number): void {
    const { pixels, stride } = this;
    const end = Math.min(this.bottom, Math.round(bottom * this.ratio)) * stride;
    for (let at = Math.max(this.top, Math.round(top * this.ratio)) * stride; at < end; at += stride) pixels.set(line, at);
  }

  /** A word over everything else in the band; y is its middle. */
  write(text: string, x: number, y: number, colour: string): void {
    this.words.push({ text, x, y, colour });
  }

  /** What was painted since `begin`, onto the canvas; `over` paints what lies above it. */
  show(over: () => void = () => {}): void {
    const { x, image, stride, dirtyTop, dirtyBottom } = this;
    if (!image || dirtyTop >= dirtyBottom) return;
    x.putImageData(image, 0, 0, 0, dirtyTop, stride, dirtyBottom - dirtyTop);
    for (const b of this.bands.values()) {
      if (b.words.length === 0 || b.bottom <= dirtyTop || b.top >= dirtyBottom) continue;
      this.within(b.top, b.bottom, () => {
        for (const w of b.words) {
          x.fillStyle = w.colour;
          x.fillText(w.text, w.x, w.y);
        }
      });
    }
    this.within(dirtyTop, dirtyBottom, over);
  }

  /** Paints on the canvas, cut at these rows of pixels. */
  private within(top: number, bottom: number, paint: () => void): void {
    const { x, stride, ratio } = this;
    x.save();
    x.beginPath();
    x.rect(0, top / ratio, stride / ratio, (bottom - top) / ratio);
    x.clip();
    paint();
    x.restore();
  }
}
