// view/theme.ts - tokens of the style sheet as a Palette for the painters; light or dark.

import { mix } from "../lib/colour";
import { FAMILIES } from "../model/families";
import type { Palette } from "../draw/palette";

const AREA_MIX = { light: 0.38, dark: 0.36 };

export function systemTheme(): "light" | "dark" {
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

export function setTheme(theme: "light" | "dark"): void {
  document.documentElement.dataset.theme = theme;
}

export function readPalette(): Palette {
  const css = getComputedStyle(document.documentElement);
  const v = (name: string): string => css.getPropertyValue(`--${name}`).trim();
  const surface = v("surface");
  const share = document.documentElement.dataset.theme === "dark" ? AREA_MIX.dark : AREA_MIX.light;
  const families = FAMILIES.map(({ token }, i) => {
    const solid = v(`${token}-s`);
    return { solid, fill: v(`${token}-f`), on: v(`${token}-on`), area: i < 3 ? solid : mix(solid, surface, share) };
  });
  return {
    font: v("font"),
    bg: v("bg"),
    surface,
    surface3: v("surface-3"),
    text: v("text"),
    text2: v("text-2"),
    text3: v("text-3"),
    line: v("line"),
    line2: v("line-2"),
    line3: v("line-3"),
    grid: v("grid"),
    accentFill: v("accent-f"),
    select: v("select"),
    selectHalo: v("select-halo"),
    stw: v("stw"),
    stwFill: v("stw-f"),
    gcBand: v("gc-band"),
    gapA: v("gap-a"),
    gapB: v("gap-b"),
    idle: v("idle"),
    veil: v("veil"),
    brush: v("brush"),
    danger: v("danger"),
    heapArea: mix(v("net-s"), surface, 0.17),
    mark: v("mark"),
    markOn: surface,
    markArea: mix(v("mark"), surface, 0.26),
    focus: v("focus"),
    dim: v("line-2"),
    families,
  };
}
