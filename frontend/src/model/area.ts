// model/area.ts - the stretch of time and the lanes that the figures are about; none: the window, and all lanes.

import { Observable } from "../lib/observable";

export interface Stretch {
  from: number;
  to: number;
  lanes: string[]; // "G17", "P0", "F2", "M5", "S7": [] = all
}

export class Area extends Observable {
  value: Stretch | null = null;

  /** Adds the lane of a row to the area, or takes it away; without an area it is one over the whole stretch. */
  toggleLane(lane: string, { from, to }: Stretch): void {
    const had = this.value?.lanes ?? [];
    const left = had.includes(lane) ? had.filter((l) => l !== lane) : [...had, lane];
    if (lane) this.set(left.length > 0 ? { from, to, lanes: left } : null);
  }

  set(value: Stretch | null): void {
    if (value === this.value) return;
    this.value = value && value.to > value.from ? { from: Math.floor(value.from), to: Math.ceil(value.to), lanes: [...value.lanes] } : null;
    this.changed();
  }
}
