// model/area.ts - the stretch of time and the lanes that the figures are about; none: the window, and all lanes.

import { Observable } from "../lib/observable";

export interface Stretch {
  from: number;
  to: number;
  lanes: string[]; // "G17", "P0", "F2", "M5": [] = all
}

export class Area extends Observable {
  value: Stretch | null = null;

  /** Adds the lanes of a row to the area, or takes them away; without an area they are one over the whole stretch. */
  toggleLanes(lanes: string[], { from, to }: Stretch): void {
    const had = this.value?.lanes ?? [];
    const away = lanes.every((l) => had.includes(l));
    const left = away ? had.filter((l) => !lanes.includes(l)) : [...new Set([...had, ...lanes])];
    if (lanes.length > 0) this.set(left.length > 0 ? { from, to, lanes: left } : null);
  }

  set(value: Stretch | null): void {
    if (value === this.value) return;
    this.value = value && value.to > value.from ? { from: Math.floor(value.from), to: Math.ceil(value.to), lanes: [...value.lanes] } : null;
    this.changed();
  }
}
