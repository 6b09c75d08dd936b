// model/sets.ts - goroutines in groups that are not by start function: by who created them, by a type of task that they worked
// on, by a label.  The server finds them and knows who is in which; a set is drawn from a lane of its own, whatever its size.

import { Observable } from "../lib/observable";
import type { Group, Id, Members, SetRow, Sets } from "../net/protocol";
import type { Socket } from "../net/socket";
import { membersOf } from "./members";
import { nextShown, type Member } from "./rows";
import { Settled, stopAll } from "./settled";
import type { Tiles } from "./tiles";
import type { Span } from "./viewport";

export type Grouping = "function" | "creator" | "task" | "label";
export type Order = "wait" | "running" | "start" | "id";

export interface GoSet {
  key: string; // "task:request", "label:GC (idle)", "by:3:12" (creator's group or nothing, group)
  name: string;
  lane: string;
  n: number; // goroutines
  parts: SetRow["parts"];
  shown: number;
  all: number; // members that live in the window, where it is unfolded
  rows: Member[] | null; // null: folded
}

/** Who created goroutines: all of them, and those of each start function. */
export interface Creator {
  lane: string;
  creator: number | null;
  n: number;
  parts: SetRow[];
}

const DELAY_MS = 110;
const GROWN = 1.5; // so many times as long, a trace that grows is grouped anew
const NOWHERE: Span = { from: 0, to: 0 };

export class GoSets extends Observable {
  by: Grouping = "function";
  creators: Creator[] = [];
  sets: GoSet[] = [];
  covered = new Map<number, number>(); // how many of a start function are in a set
  private all = 0; // sets that there are
  private duration = 0; // of the trace when they were asked for
  private trace = -1;
  private groups: Group[] = [];
  private lists = new Map<string, Settled<Members>>();
  private wanted = new Set<string>(); // keys to unfold once they are known
  private answer = new Settled<Sets>(0, () => this.take());
  private order: Order = "wait";
  private window = NOWHERE;

  constructor(
    private socket: Socket,
    private tiles: Tiles,
  ) {
    super();
  }

  get busy(): boolean {
    return this.answer.busy || [...this.lists.values()].some((l) => l.busy);
  }

  /** Why the sets are not what they should be. */
  get note(): string {
    if (this.answer.error) return this.answer.error;
    if (!this.answer.value) return this.answer.busy ? `grouping by ${this.by} …` : "";
    if (this.all === 0 && this.by !== "creator") return `no ${this.by}s in this trace`;
    const { length } = this.answer.value.rows;
    return this.all > length ? `the largest ${length.toLocaleString("en-US")} of ${this.all.toLocaleString("en-US")} ${this.by}s` : "";
  }

  get open(): string[] {
    return [...this.sets.filter((s) => s.rows).map((s) => s.key), ...this.wanted];
  }

  reset(trace: number): void {
    this.trace = trace;
    this.by = "function";
    this.forget();
  }

  private forget(): void {
    this.answer.forget();
    for (const l of this.lists.values()) l.forget();
    this.lists.clear();
    this.wanted.clear();
    this.sets = [];
    this.covered.clear();
    this.creators = [];
    this.all = this.duration = 0;
  }

  /** Another grouping. */
  group(by: Grouping, groups: Group[], duration: number): void {
    if (by !== this.by) this.forget();
    this.by = by;
    this.groups = groups;
    this.duration = duration;
    if (by !== "function") this.answer.ask(() => this.socket.request<Sets>("sets", { trace: this.trace, by }));
    this.changed();
  }

  /** The trace has grown: the same grouping again, now and then and when it is whole. */
  grow(groups: Group[], duration: number, complete: boolean): void {
    if (this.by === "function" || (!complete && (this.answer.busy || duration < this.duration * GROWN))) return;
    this.group(this.by, groups, duration);
  }

  private take(): void {
    if (!this.answer.value) return this.changed();
    const { rows, covered, all } = this.answer.value;
    const old = new Map(this.sets.map((s) => [s.key, s]));
    // By creator, what has a group's own lane is a group's own row.
    const own = rows.filter((r) => r.lane.startsWith("S") && (this.by !== "creator" || r.group !== null));
    this.sets = own.map((r) => this.setFrom(r, old.get(this.keyOf(r))));
    this.creators = rows.filter((r) => this.by === "creator" && r.group === null).map((r) => ({ ...r, parts: rows.filter((p) => p.creator === r.creator && p.group !== null) }));
    this.covered = new Map(covered);
    this.all = all;
    for (const s of this.sets) if (this.wanted.delete(s.key)) this.unfold(s);
    this.tiles.renewSets();
    this.changed();
  }

  private keyOf(r: SetRow): string {
    return this.by === "creator" ? `by:${r.creator ?? ""}:${r.group}` : `${this.by}:${r.name}`;
  }

  private setFrom(r: SetRow, old: GoSet | undefined): GoSet {
    const name = r.group === null ? r.name : (this.groups[r.group]?.func ?? "");
    const kept = { shown: old?.shown ?? nextShown(0), all: old?.all ?? 0, rows: old?.rows ?? null };
    return { key: this.keyOf(r), name, lane: r.lane, n: r.n, parts: r.parts, ...kept };
  }

  setOf(key: string): GoSet | undefined {
    return this.sets.find((s) => s.key === key);
  }

  /** Opens or closes a set; one that is not known yet opens when it comes. */
  toggle(key: string): void {
    const s = this.setOf(key);
    if (!s) this.wanted.add(key);
    else if (s.rows) {
      s.rows = null;
      this.lists.get(key)?.forget();
    } else this.unfold(s);
    this.changed();
  }

  /** Opens the set that a goroutine is in, with its lane; false where it is in none. */
  async reveal(g: Id, group: number): Promise<boolean> {
    if (this.by === "function" || this.sets.length === 0) return false;
    const of = await this.socket.request<{ rows: { lane: string }[] }>("sets_of", { trace: this.trace, by: this.by, g }).answer.catch(() => ({ rows: [] }));
    const s = this.sets.find((x) => of.rows.some((r) => r.lane === x.lane));
    if (!s) return false;
    const meanwhile = { g, group, run_window: 0, wait_window: 0, wait_window_tag: -1 };
    s.rows = [meanwhile, ...(s.rows ?? []).filter((m) => m.g !== g)];
    this.askRows(s, DELAY_MS);
    this.changed();
    return true;
  }

  more(key: string): void {
    const s = this.setOf(key);
    if (!s?.rows) return;
    s.shown = nextShown(s.shown);
    this.askRows(s, 0);
  }

  leave(): void {
    if (stopAll(this.lists.values())) this.window = NOWHERE;
  }

  follow(view: Span, duration: number, order: Order): void {
    const window = { from: Math.max(0, Math.floor(view.from)), to: Math.min(duration, Math.ceil(view.to)) };
    if (window.from === this.window.from && window.to === this.window.to && order === this.order) return;
    const reorder = order !== this.order;
    this.window = window;
    this.order = order;
    for (const s of this.sets) if (s.rows) this.askRows(s, DELAY_MS, reorder);
  }

  private unfold(s: GoSet): void {
    s.rows = [];
    this.askRows(s, 0);
  }

  /** What its members did in the window, in the order that is chosen; a page after the other. */
  private askRows(s: GoSet, delayMs: number, reorder = false): void {
    this.lists.get(s.key)?.forget();
    const list: Settled<Members> = new Settled<Members>(delayMs, () => {
      if (list.value && s.rows) {
        s.all = list.value.all;
        s.rows = reorder ? list.value.rows : kept(s.rows, list.value.rows, s.shown);
      }
      this.changed();
    });
    this.lists.set(s.key, list);
    list.ask(() => membersOf(this.socket, { trace: this.trace, set: s.lane, ...this.window, order: this.order }, 0, s.shown));
  }
}

/** Who is on the screen keeps the place; who is new comes below. */
function kept(rows: Member[], all: Member[], shown: number): Member[] {
  const fresh = new Map(all.map((m) => [m.g, m]));
  const stay = rows.flatMap((r) => fresh.get(r.g) ?? []);
  const seen = new Set(stay.map((m) => m.g));
  return [...stay, ...all.filter((m) => !seen.has(m.g)).slice(0, Math.max(0, shown - stay.length))];
}
