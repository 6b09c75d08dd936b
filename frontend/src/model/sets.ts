// model/sets.ts - goroutines in groups that the store does not keep: of one creator among several, of a type of task that they
// worked on, of a label.  A set is a list of ids; what it did is summed from its members' own lanes, where they are few enough.

import { Observable } from "../lib/observable";
import { sqlText } from "../lib/sql";
import type { Creators, Group, Id, Members, QueryResult } from "../net/protocol";
import type { Socket, Ticket } from "../net/socket";
import { membersOf } from "./members";
import { nextShown, type Member } from "./rows";
import { Settled, stopAll } from "./settled";
import type { Span } from "./viewport";

export type Grouping = "function" | "creator" | "task" | "label";
export type Order = "wait" | "running" | "start" | "id";

export interface GoSet {
  key: string; // "task:request", "label:GC (idle)", "by:3:12" (creator's group or nothing, group)
  name: string;
  ids: Id[]; // by start
  lanes: string[];
  groups: number[]; // of each id: its start function
  shown: number;
  all: number; // members that live in the window, where it is unfolded
  rows: Member[] | null; // null: folded
}

const MOST_IDS = 20_000; // of all sets together
const DELAY_MS = 110;
const NOWHERE: Span = { from: 0, to: 0 };

const TASKS = `SELECT x.type, x.g, o.start_function FROM (SELECT type, g FROM tasks WHERE g IS NOT NULL UNION
  SELECT t.type, r.g FROM regions AS r JOIN tasks AS t ON t.id = r.task_id WHERE r.task_id <> 0) AS x JOIN goroutines AS o ON o.g = x.g ORDER BY o.start_ns`;
const LABELS = `SELECT x.label, x.g, o.start_function FROM (SELECT DISTINCT label, g FROM labels) AS x JOIN goroutines AS o ON o.g = x.g ORDER BY o.start_ns`;

export class GoSets extends Observable {
  by: Grouping = "function";
  creators: Creators["rows"] = [];
  sets: GoSet[] = [];
  covered = new Map<number, number>(); // how many of a start function are in a set
  cut = false; // there are more goroutines than are looked at
  private trace = -1;
  private groups: Group[] = [];
  private lists = new Map<string, Settled<Members>>();
  private wanted = new Set<string>(); // keys to unfold once they are known
  private answer = new Settled<{ sets: GoSet[]; creators: Creators["rows"]; cut: boolean }>(0, () => this.take());
  private order: Order = "wait";
  private window = NOWHERE;

  constructor(private socket: Socket) {
    super();
  }

  get busy(): boolean {
    return this.answer.busy || [...this.lists.values()].some((l) => l.busy);
  }

  /** Why the sets are not what they should be. */
  get note(): string {
    const none = this.answer.value?.sets.length === 0 && (this.by === "task" || this.by === "label");
    return this.answer.error || (none ? `no ${this.by}s in this trace` : "") || (this.cut ? `only the first ${MOST_IDS.toLocaleString("en-US")} are grouped` : "");
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
    this.cut = false;
  }

  /** Another grouping, or the same of a trace that has grown. */
  group(by: Grouping, groups: Group[]): void {
    if (by !== this.by) this.forget();
    this.by = by;
    this.groups = groups;
    if (by !== "function") this.answer.ask(() => this.find(by));
    this.changed();
  }

  private find(by: Grouping): Ticket<{ sets: GoSet[]; creators: Creators["rows"]; cut: boolean }> {
    let flying: Ticket<unknown> | null = null;
    const ask = <T>(op: string, fields: Record<string, unknown>): Promise<T> => {
      const t = this.socket.request<T>(op, { trace: this.trace, ...fields });
      flying = t;
      return t.answer;
    };
    const named = async (sql: string) => {
      const r = await ask<QueryResult>("query", { sql, limit: MOST_IDS });
      return { sets: setsOf(r, (name) => `${by}:${name}`, this.groups), creators: [], cut: r.truncated };
    };
    const created = async () => {
      const { rows } = await ask<Creators>("creators", {});
      const mixed = [...new Set(rows.map((r) => r.group))].filter((g) => rows.filter((r) => r.group === g).length > 1);
      if (mixed.length === 0) return { sets: [], creators: rows, cut: false };
      const at = new Map(this.groups.map((g, i) => [g.func, i]));
      const sql = `SELECT c.start_function, o.g, o.start_function FROM goroutines AS o LEFT JOIN goroutines AS c ON c.g = o.parent_g
        WHERE o.start_function IN (${mixed.map((g) => sqlText(this.groups[g]?.func ?? "")).join(", ")}) ORDER BY o.start_ns`;
      const r = await ask<QueryResult>("query", { sql, limit: MOST_IDS });
      return { sets: setsOf(r, (creator, func) => `by:${at.get(creator) ?? ""}:${at.get(func)}`, this.groups, true), creators: rows, cut: r.truncated };
    };
    const answer = by === "creator" ? created() : named(by === "task" ? TASKS : LABELS);
    return { answer, cancel: () => flying?.cancel() };
  }

  private take(): void {
    if (!this.answer.value) return this.changed();
    const { sets, creators, cut } = this.answer.value;
    const old = new Map(this.sets.map((s) => [s.key, s]));
    this.sets = sets.map((s) => Object.assign(s, pick(old.get(s.key))));
    this.covered = covered(this.sets);
    this.creators = creators;
    this.cut = cut;
    for (const s of this.sets) if (this.wanted.delete(s.key)) this.unfold(s);
    this.changed();
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
  reveal(g: Id, group: number): boolean {
    const s = this.sets.find((x) => x.ids.includes(g));
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
    list.ask(() => membersOf(this.socket, { trace: this.trace, ids: s.ids, ...this.window, order: this.order }, 0, s.shown));
  }
}

function covered(sets: GoSet[]): Map<number, number> {
  const ids = new Map<number, Set<Id>>();
  for (const s of sets) for (const [i, g] of s.ids.entries()) ids.set(s.groups[i]!, (ids.get(s.groups[i]!) ?? new Set()).add(g));
  return new Map([...ids].map(([group, of]) => [group, of.size]));
}

const pick = (old: GoSet | undefined): Partial<GoSet> => (old ? { shown: old.shown, all: old.all, rows: old.rows } : {});

/** Rows (name, goroutine, start function) as sets, the largest first. */
function setsOf(r: QueryResult, keyOf: (name: string, func: string) => string, groups: Group[], nameIsFunc = false): GoSet[] {
  const at = new Map(groups.map((g, i) => [g.func, i]));
  const sets = new Map<string, GoSet>();
  for (const [name, g, func] of r.rows) {
    if (g === null || g === undefined) continue;
    const key = keyOf(String(name ?? ""), String(func ?? ""));
    const s = sets.get(key) ?? { key, name: String((nameIsFunc ? func : name) ?? ""), ids: [], lanes: [], groups: [], shown: nextShown(0), all: 0, rows: null };
    s.ids.push(g);
    s.lanes.push(`G${g}`);
    s.groups.push(at.get(String(func ?? "")) ?? -1);
    sets.set(key, s);
  }
  return [...sets.values()].sort((a, b) => b.ids.length - a.ids.length);
}

/** Who is on the screen keeps the place; who is new comes below. */
function kept(rows: Member[], all: Member[], shown: number): Member[] {
  const fresh = new Map(all.map((m) => [m.g, m]));
  const stay = rows.flatMap((r) => fresh.get(r.g) ?? []);
  const seen = new Set(stay.map((m) => m.g));
  return [...stay, ...all.filter((m) => !seen.has(m.g)).slice(0, Math.max(0, shown - stay.length))];
}
