// model/notes.ts - what stands beside the slices of the lanes on the screen: regions, mark assists and sweeps, logs, CPU
// samples.  Fetched for the lanes that can be seen and for a wider stretch, and kept while the window stays inside it.

import { Observable } from "../lib/observable";
import type { NoteSeen, NotesSeen } from "../net/protocol";
import type { Socket } from "../net/socket";
import { Settled } from "./settled";
import type { Span } from "./viewport";

export type Note = NoteSeen;
const DELAY_MS = 60;
const COARSE_PX = 5; // notes of a kind that stand closer are one
const MOST = 1500; // of all lanes: more could not be told apart, and each is some rectangles in every frame
const NONE: Note[] = [];

interface Kept {
  from: number;
  to: number;
  nsPerPx: number;
  notes: Note[]; // in order of start
}

export class LaneNotes extends Observable {
  private kept = new Map<string, Kept>();
  private answer = new Settled<NotesSeen>(DELAY_MS, () => {});
  private trace = -1;
  private asking = "";

  constructor(private socket: Socket) {
    super();
  }

  reset(trace: number): void {
    this.trace = trace;
    this.refresh();
  }

  refresh(): void {
    this.answer.forget();
    this.kept.clear();
    this.asking = "";
  }

  leave(): void {
    this.answer.stop();
  }

  get busy(): boolean {
    return this.answer.busy;
  }

  of(lane: string): Note[] {
    return this.kept.get(lane)?.notes ?? NONE;
  }

  /** lanes: "G17", "P0", "M3", "T978" (a task). */
  follow(lanes: string[], view: Span, duration: number, widthPx: number): void {
    if (this.trace < 0 || widthPx < 1) return;
    const nsPerPx = (view.to - view.from) / widthPx;
    const good = (k: Kept | undefined) => k && view.from >= k.from && view.to <= k.to && nsPerPx > k.nsPerPx / 2.5 && nsPerPx < k.nsPerPx * 2.5;
    const missing = lanes.filter((l) => !good(this.kept.get(l)));
    if (missing.length === 0) return;
    const asked = `${view.from},${view.to},${missing.join()}`;
    if (asked === this.asking && this.answer.busy) return;
    this.asking = asked;
    const margin = (view.to - view.from) / 2;
    const from = Math.max(0, Math.floor(view.from - margin));
    const to = Math.min(duration, Math.ceil(view.to + margin));
    const px = Math.min(8000, Math.ceil((to - from) / nsPerPx / COARSE_PX));
    this.forgetSome(lanes);
    this.answer.forget();
    this.answer = new Settled<NotesSeen>(DELAY_MS, () => this.take(missing, { from, to, nsPerPx }));
    this.answer.ask(() => this.socket.request("notes", { trace: this.trace, from, to, px, limit: MOST, lanes: missing }));
  }

  private take(lanes: string[], of: { from: number; to: number; nsPerPx: number }): void {
    const rows = this.answer.value?.rows ?? [];
    const by = lanes.map((): Note[] => []);
    for (const r of rows) by[r.lane]?.push(r);
    // Where the answer is a fault, the lanes stay without notes until the window changes.
    lanes.forEach((l, i) => this.kept.set(l, { ...of, notes: by[i] ?? NONE }));
    this.asking = "";
    this.changed();
  }

  private forgetSome(visible: string[]): void {
    if (this.kept.size < 600) return;
    const keep = new Set(visible);
    for (const l of this.kept.keys()) if (!keep.has(l)) this.kept.delete(l);
  }
}

/** Notes that touch [from, to]. */
export function notesAt(notes: Note[], from: number, to: number): Note[] {
  return notes.filter((n) => n.start <= to && n.start + n.dur >= from);
}
