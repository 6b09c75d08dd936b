// lib/colour.ts - #rrggbb colours: mixed, and as the number that image data holds.

const parts = (h: string): number[] => [1, 3, 5].map((i) => parseInt(h.slice(i, i + 2), 16));

/** t of a over 1 - t of b, as #rrggbb. */
export function mix(a: string, b: string, t: number): string {
  const x = parts(a);
  const y = parts(b);
  return `#${x
    .map((v, i) => Math.round(v * t + (y[i] ?? 0) * (1 - t)).toString(16).padStart(2, "0"))
    .join("")}`;
}

/** 0xAABBGGRR of #rrggbb or rgba(r, g, b, a). */
export function pixelOf(css: string): number {
  const [r = 0, g = 0, b = 0, a = 1] = css.startsWith("#") ? parts(css) : (css.match(/[\d.]+/g) ?? []).map(Number);
  return ((Math.round(a * 255) << 24) | (b << 16) | (g << 8) | r) >>> 0;
}
