// draw/sheet.ts - the picture of a frame in memory: rectangles and columns are written as pixels and shown at once, with
// the words on top.  Ten thousand rectangles on a canvas cost ten times as much, and a canvas without a GPU paints them on
// the main thread.
// Coordinates of rect, clip and write are css px, as on a canvas; pixels are those of the device.  All of it is opaque.

import { pixelOf } from "../lib/colour";

type Ctx = CanvasRenderingContext2D;

interface Words {
  top: number; // css px, of what they are clipped to
  bottom: number;
  list: { text: string; x: number; y: number; colour: string }[];
}

const ROUND = 0x800080;

export class Sheet {
  pixels = new Int32Array(0); // rows of `stride`, 0xAABBGGRR: negative, as all are opaque
  stride = 0;
  ratio = 1; // pixels a css px
  left = 0; // of the clip, in pixels
  top = 0;
  right = 0;
  bottom = 0;
  x!: Ctx; // what it is shown on, and what words are measured with
  private image: ImageData | null = null;
  private words: Words[] = [];
  private known = new Map<string, number>(); // colours as pixels
  private last = { css: "", pixel: 0 };

  /** A sheet as large as the canvas; what it held is still there. */
  begin(x: Ctx): void {
    const { width, height } = x.canvas;
    this.x = x;
    this.ratio = x.getTransform().a;
    if (this.image?.width !== width || this.image.height !== height) {
      this.image = new ImageData(width, height);
      this.pixels = new Int32Array(this.image.data.buffer);
      this.stride = width;
    }
    this.words = [];
    this.clip(0, height / this.ratio);
  }

  /** Rows outside which nothing is painted, and words are cut. */
  clip(top: number, bottom: number): void {
    const px = (v: number) => Math.min(this.pixels.length / this.stride, Math.max(0, Math.round(v * this.ratio)));
    this.top = px(top);
    this.bottom = px(bottom);
    this.words.push({ top, bottom, list: [] });
    this.widen();
  }

  /** The same for columns; words are not cut by it. */
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
    if (css === this.last.css) return this.last.pixel;
    let pixel = this.known.get(css);
    if (pixel === undefined) this.known.set(css, (pixel = pixelOf(css) | 0));
    this.last = { css, pixel };
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
    if (whole && alpha === 1 && pixel >>> 24 === 255) this.fill(x0, y0, x1, y1, pixel);
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
    for (let y = Math.floor(y0); y < y1; y++) {
      const share = alpha * (Math.min(y + 1, y1) - Math.max(y, y0));
      for (let x = Math.floor(x0); x < x1; x++) this.mix(y * this.stride + x, pixel, share * (Math.min(x + 1, x1) - Math.max(x, x0)));
    }
  }

  private mix(at: number, pixel: number, alpha: number): void {
    const k = Math.round((alpha * 256) / 255);
    const old = this.pixels[at]!;
    const rb = ((Math.imul(old & 0xff00ff, 256 - k) + Math.imul(pixel & 0xff00ff, k) + ROUND) >>> 8) & 0xff00ff;
    const g = ((old >>> 8) & 0xff) * (256 - k) + ((pixel >>> 8) & 0xff) * k + 0x80;
    this.pixels[at] = 0xff000000 | rb | (g & 0xff00);
  }

  /** Paints one row of pixels and copies it to all of [top, bottom): for what is the same in each of them. */
  stripes(top: number, bottom: number, paint: () => void): void {
    const { pixels, stride } = this;
    const clip = { top: this.top, bottom: this.bottom };
    const first = Math.max(clip.top, Math.round(top * this.ratio));
    const last = Math.min(clip.bottom, Math.round(bottom * this.ratio));
    if (first >= last) return;
    this.top = first;
    this.bottom = first + 1;
    paint();
    Object.assign(this, clip);
    const from = first * stride;
    const end = last * stride;
    for (let done = stride; from + done < end; done *= 2) pixels.copyWithin(from + done, from, Math.min(from + done, end - done));
  }

  /** A word over everything that lies in the present clip; y is its middle. */
  write(text: string, x: number, y: number, colour: string): void {
    this.words[this.words.length - 1]!.list.push({ text, x, y, colour });
  }

  show(): void {
    const { x } = this;
    if (!this.image) return;
    x.putImageData(this.image, 0, 0);
    for (const { top, bottom, list } of this.words) {
      if (list.length === 0) continue;
      x.save();
      x.beginPath();
      x.rect(0, top, this.stride / this.ratio, bottom - top);
      x.clip();
      for (const w of list) {
        x.fillStyle = w.colour;
        x.fillText(w.text, w.x, w.y);
      }
      x.restore();
    }
  }
}
