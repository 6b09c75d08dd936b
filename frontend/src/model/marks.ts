// model/marks.ts - moments and stretches that the reader has marked, named A, B, C … in order of time; and moments that
// somebody else points at for a while (hits of a search, rows of a query).

import { Observable } from "../lib/observable";

export interface Mark {
  from: number;
  to: number; // = from: a moment
  text: string;
}
const MOST = 26;

export class Marks extends Observable {
  list: Mark[] = [];
  card: Mark | null = null; // whose card is open
  pointed: { from: number; to: number }[] = []; // shown as ticks, not kept

  /** Marks it, or takes the mark away that stands just there. */
  toggle(from: number, to: number): Mark | null {
    const a = Math.round(from);
    const b = Math.round(to);
    const same = this.list.find((m) => m.from === a && m.to === b);
    if (same) {
      this.remove(same);
      return null;
    }
    const mark = { from: a, to: b, text: "" };
    this.list = [...this.list.slice(-(MOST - 1)), mark].sort((x, y) => x.from - y.from);
    this.changed();
    return mark;
  }

  set(list: Mark[]): void {
    this.list = [...list].sort((a, b) => a.from - b.from).slice(0, MOST);
    this.card = null;
    this.changed();
  }

  remove(m: Mark): void {
    this.list = this.list.filter((x) => x !== m);
    if (this.card === m) this.card = null;
    this.changed();
  }

  write(m: Mark, text: string): void {
    m.text = text;
    this.changed();
  }

  show(m: Mark | null): void {
    this.card = m;
    this.changed();
  }

  point(at: { from: number; to: number }[]): void {
    this.pointed = at;
    this.changed();
  }

  letter(m: Mark): string {
    return String.fromCharCode(65 + Math.max(0, this.list.indexOf(m)));
  }

  nearest(at: number): Mark | null {
    const away = (m: Mark) => Math.abs((m.from + m.to) / 2 - at);
    return this.list.reduce<Mark | null>((best, m) => (best && away(best) <= away(m) ? best : m), null);
  }

  /** The mark after (1) or before (-1) a moment. */
  next(at: number, step: -1 | 1): Mark | undefined {
    return step > 0 ? this.list.find((m) => m.from > at) : this.list.filter((m) => m.from < at).pop();
  }
}
