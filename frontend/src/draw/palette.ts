// draw/palette.ts - the tokens of the present theme, read once by the view and handed to every painter.

export interface FamilyColours {
  solid: string;
  fill: string;
  on: string; // text on the solid
  area: string; // in stacked areas
}

export interface Palette {
  font: string;
  bg: string;
  surface: string;
  surface3: string;
  text: string;
  text2: string;
  text3: string;
  line: string;
  line2: string;
  line3: string;
  grid: string;
  accentFill: string;
  select: string;
  selectHalo: string;
  stw: string;
  stwFill: string;
  gcBand: string;
  gapA: string;
  gapB: string;
  idle: string;
  veil: string;
  brush: string;
  danger: string;
  heapArea: string;
  mark: string; // what the program's own annotations and the reader's marks are drawn in
  markOn: string; // text on it
  markArea: string;
  focus: string;
  dim: string; // what is switched off, in merged columns
  families: FamilyColours[]; // by class
}
