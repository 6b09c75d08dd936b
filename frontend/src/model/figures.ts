// model/figures.ts - what is said about the window beside its picture: waits, GC ranges, heap, members of open groups.
// Waits are of the window exactly; ranges and counters are fetched for a wider stretch and reused inside it.

import { Observable } from "../lib/observable";
import type { Id, Members, Point, Ranges, Waits } from "../net/protocol";
import type { Socket } from "../net/socket";
import type { Lanes } from "./lanes";
import { membersOf } from "./members";
import { Settled, stopAll } from "./settled";
import type { Span } from "./viewport";

export type By = "refined" | "reason" | "function" | "stack";
const WAITS_MS = 110;
const RANGE_LIMIT = 4000;
const HEAP = "/memory/classes/heap/objects:bytes";
const GOAL = "/gc/heap/goal:bytes";
const PROCS = "/sched/gomaxprocs:threads";

export class Figures extends Observable {
  by: By = "refined";
  readonly counted = new Observable(); // tells of `waits` only: their table is as much work as a picture of the lanes
  readonly waits = new Settled<Waits & { of: Span }>(WAITS_MS, () => this.counted.changed());
  readonly ranges = new Settled<Ranges>(60, () => this.changed());
  readonly overview = new Settled<Ranges>(0, () => this.changed());
  readonly heap = new Settled<{ points: Point[] }>(60, () => this.changed());
  readonly goal = new Settled<{ points: Point[] }>(60, () => this.changed());
  readonly procs = new Settled<{ points: Point[] }>(60, () => this.changed());
  readonly own = new Settled<Waits>(WAITS_MS, () => this.changed()); // waits of `person` in the window
  private person: Id | null = null;
  private members = new Map<number, Settled<Members>>();
  private covered: (Span & { nsPerPx: number; all: boolean }) | null = null;
  private trace = -1;
  private asked = "";

  constructor(
    private socket: Socket,
    private lanes: Lanes,
  ) {
    super();
  }

  get busy(): boolean {
    const all: { busy: boolean }[] = [this.waits, this.own, this.ranges, this.overview, this.heap, this.goal, this.procs, ...this.members.values()];
    return all.some((s) => s.busy);
  }

  reset(trace: number): void {
    this.trace = trace;
    this.person = null;
    this.asked = "";
    this.covered = null;
    for (const s of [this.waits, this.own, this.ranges, this.overview, this.heap, this.goal, this.procs, ...this.members.values()]) s.forget();
    this.members.clear();
  }

  /** The store has grown or the connection is back: everything anew. */
  refresh(): void {
    this.asked = "";
    this.covered = null;
  }

  leave(): void {
    if (stopAll([this.ranges, this.heap, this.goal, this.procs])) this.refresh();
    if (stopAll([this.waits, this.own, ...this.members.values()])) this.asked = "";
  }

  follow(view: Span, duration: number, widthPx: number): void {
    if (this.trace < 0 || widthPx < 1) return;
    const from = Math.max(0, Math.floor(view.from));
    const to = Math.min(duration, Math.ceil(view.to));
    const asked = `${from},${to},${this.by}`;
    if (asked === this.asked) return;
    this.asked = asked;
    const window = { trace: this.trace, from, to };
    this.waits.ask(() => {
      const t = this.socket.request<Waits>("waits", { ...window, by: this.by });
      return { answer: t.answer.then((v) => ({ ...v, of: { from, to } })), cancel: t.cancel };
    });
    this.askOwn({ from, to });
    for (const group of this.lanes.open.keys()) this.askMembers(group, window, WAITS_MS, false);
    this.wider({ from, to }, duration, widthPx);
  }

  /** Follows the waits of one goroutine from now on; null stops. */
  setPerson(g: Id | null, view: Span): void {
    if (g === this.person) return;
    this.person = g;
    this.own.forget();
    this.askOwn({ from: Math.floor(view.from), to: Math.ceil(view.to) });
  }

  private askOwn(view: Span): void {
    const g = this.person;
    if (g === null) return;
    this.own.ask(() => this.socket.request("waits", { trace: this.trace, ...view, by: "refined", g }));
  }

  private wider(view: Span, duration: number, widthPx: number): void {
    const nsPerPx = (view.to - view.from) / widthPx;
    const c = this.covered;
    const inside = c && view.from >= c.from && view.to <= c.to;
    if (inside && nsPerPx > c.nsPerPx / 3 && nsPerPx < c.nsPerPx * 4) return;
    const margin = view.to - view.from;
    const from = Math.max(0, Math.floor(view.from - margin));
    const to = Math.min(duration, Math.ceil(view.to + margin));
    this.covered = { from, to, nsPerPx, all: true };
    const q = { trace: this.trace, from, to };
    this.ranges.ask(() => this.socket.request("ranges", { ...q, all: false, limit: RANGE_LIMIT }));
    const px = Math.min(6000, Math.ceil((to - from) / nsPerPx));
    this.heap.ask(() => this.socket.request("counter", { ...q, name: HEAP, px }));
    this.goal.ask(() => this.socket.request("counter", { ...q, name: GOAL, px }));
    this.procs.ask(() => this.socket.request("counter", { ...q, name: PROCS, px }));
  }

  askOverview(duration: number): void {
    this.overview.ask(() => this.socket.request("ranges", { trace: this.trace, from: 0, to: duration, all: false, limit: 2000 }));
  }

  /** Members of a group for the window, from the offset on; `reorder` where the reader asked for it. */
  askMembers(group: number, window: { from: number; to: number }, delayMs: number, reorder: boolean, offset = 0): void {
    const o = this.lanes.open.get(group);
    if (!o) return;
    const s: Settled<Members> = new Settled<Members>(delayMs, () => {
      if (s.value && this.members.get(group) === s) this.lanes.setMembers(group, s.value, offset, reorder);
      this.changed();
    });
    this.members.get(group)?.forget();
    this.members.set(group, s);
    const { from, to } = window;
    s.ask(() => membersOf(this.socket, { trace: this.trace, group, from, to, order: this.lanes.order }, offset, o.shown));
  }
}
