// view/strip.ts - the pixels of one dense lane, on a canvas of their own until they are shown.  Lanes and areas have
// few different heights: each keeps its canvas.

import type { Strip } from "../draw/stack";

interface Sheet {
  x: OffscreenCanvasRenderingContext2D | null;
  canvas: OffscreenCanvas;
  image: ImageData;
  pixels: Uint32Array<ArrayBufferLike>;
}

export class ImageStrip implements Strip {
  pixels: Uint32Array<ArrayBufferLike> = new Uint32Array(0);
  private sheets = new Map<number, Sheet>(); // by height
  private now: Sheet | null = null;

  open(width: number, height: number): void {
    let s = this.sheets.get(height);
    if (!s || s.canvas.width !== width) {
      const canvas = new OffscreenCanvas(width, height);
      const image = new ImageData(width, height);
      s = { x: canvas.getContext("2d"), canvas, image, pixels: new Uint32Array(image.data.buffer) };
      this.sheets.set(height, s);
    }
    this.now = s;
    this.pixels = s.pixels;
  }

  show(x: CanvasRenderingContext2D, top: number, width: number, height: number): void {
    const s = this.now;
    if (!s?.x) return;
    s.x.putImageData(s.image, 0, 0);
    x.imageSmoothingEnabled = s.canvas.height !== height && devicePixelRatio === 1;
    x.drawImage(s.canvas, 0, 0, s.canvas.width, s.canvas.height, 0, top, width, height);
    s.pixels.fill(0);
  }
}
