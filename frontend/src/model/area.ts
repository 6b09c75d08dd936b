// model/area.ts - the stretch of time and the lanes that the figures are about; none: the window, and all lanes.

import { Observable } from "../lib/observable";

export interface Stretch {
  from: number;
  to: number;
  lanes: string[]; // "G17", "P0", "F2", "M5": [] = all
}

export class Area extends Observable {
  value: Stretch | null = null;

  set(value: Stretch | null): void {
    if (value === this.value) return;
    this.value = value && value.to > value.from ? { from: Math.floor(value.from), to: Math.ceil(value.to), lanes: [...value.lanes] } : null;
    this.changed();
  }
}
