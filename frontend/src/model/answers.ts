// model/answers.ts - exact figures of the area (or, where none is chosen, of the window) for the table that is open.
// Every slice is looked at for them, half a second for twenty million: asked for when the window rests.

import { Observable } from "../lib/observable";
import { sqlText } from "../lib/sql";
import type { AreaFigures, FigureBy, QueryResult, Slice, State } from "../net/protocol";
import type { Socket, Ticket } from "../net/socket";
import type { Stretch } from "./area";
import { Settled, stopAll } from "./settled";

export type Tab = "waits" | "ready" | "running" | "syscalls" | "goroutines" | "gc" | "found" | "sql";
export const STATE_OF: Partial<Record<Tab, State>> = { waits: "waiting", ready: "runnable", running: "running", syscalls: "syscall" };
const REST_MS = 220;
const GROWING_MS = 1000;

export interface Answer extends AreaFigures {
  of: Stretch;
  tab: Tab;
  by: FigureBy;
}
export interface RangeFigure {
  name: string;
  count: number;
  total: number;
  mean: number;
  p50: number;
  p99: number;
  p999: number;
  max: number;
  at: number;
}

/** Conditions beyond time and lanes that all tables keep to. */
export type Conditions = { state?: State; reason?: string; func?: string; min?: number; max?: number };

/** Of ranges: those of the lanes, and those that stop or concern the whole program. */
function onLanes(lanes: string[], funcOf: (group: number) => string): string {
  if (lanes.length === 0) return "";
  const ids = (letter: string) => lanes.filter((l) => l.startsWith(letter)).map((l) => l.slice(1));
  const funcs = ids("F").map((f) => sqlText(funcOf(Number(f))));
  return ` AND (scope = 'program' OR name LIKE 'stop-the-world%' OR (scope = 'processor' AND scope_id IN (${ids("P").join()}))
    OR (scope = 'goroutine' AND (scope_id IN (${ids("G").join()}) OR scope_id IN (SELECT g FROM goroutines WHERE start_function IN (${funcs.join()})))))`;
}

export class Answers extends Observable {
  by: Partial<Record<Tab, FigureBy>> = {};
  readonly figures = new Settled<Answer>(REST_MS, () => this.changed());
  readonly ranges = new Settled<{ of: Stretch; rows: RangeFigure[] }>(REST_MS, () => this.changed());
  readonly same = new Settled<AreaFigures>(REST_MS, () => this.changed());
  private asked = "";
  private askedSame = "";
  private sameReason: string | undefined;

  constructor(private socket: Socket) {
    super();
  }

  get busy(): boolean {
    return this.figures.busy || this.ranges.busy || this.same.busy;
  }

  reset(): void {
    this.asked = this.askedSame = "";
    for (const s of [this.figures, this.ranges, this.same]) s.forget();
  }

  byOf(tab: Tab): FigureBy {
    return this.by[tab] ?? (tab === "waits" ? "refined" : "start");
  }

  setBy(tab: Tab, by: FigureBy): void {
    this.by[tab] = by;
    this.changed();
  }

  /** The answer for that table, also where the window has moved on meanwhile. */
  of(tab: Tab): Answer | null {
    const a = this.figures.value;
    return a && a.tab === tab && a.by === this.byOf(tab) ? a : null;
  }

  /** funcOf: the start function of a group, as SQL knows groups by it. */
  follow(trace: number, of: Stretch, tab: Tab, only: Conditions, growing: boolean, funcOf: (group: number) => string): void {
    if (tab === "found" || tab === "sql") return;
    const by = this.byOf(tab);
    const asked = JSON.stringify([trace, of, tab, by, only]);
    if (asked === this.asked) return;
    this.asked = asked;
    const rest = growing ? GROWING_MS : REST_MS;
    if (tab === "gc") {
      this.ranges.ask(() => this.askRanges(trace, of, funcOf), rest);
      return;
    }
    const state = STATE_OF[tab];
    const fields = { trace, from: of.from, to: of.to, lanes: of.lanes, ...only, by, ...(state ? { state } : {}) };
    this.figures.ask(() => {
      const t = this.socket.request<AreaFigures>("area", fields);
      return { answer: t.answer.then((v) => ({ ...v, of, tab, by })), cancel: t.cancel };
    }, rest);
  }

  leave(): void {
    if (stopAll([this.figures, this.ranges])) this.asked = "";
    if (this.same.stop()) this.askedSame = "";
  }

  /** Waits for the same reason as the selected one, in the same stretch. */
  followSame(trace: number, of: Stretch, slice: Slice | null): void {
    const wanted = slice?.state === "waiting" ? { trace, from: of.from, to: of.to, state: "waiting", by: "refined", reason: slice.refined || slice.reason } : null;
    const asked = JSON.stringify(wanted);
    if (asked === this.askedSame) return;
    this.askedSame = asked;
    // Of the same reason, the old figures stand until the new ones come.
    if (this.sameReason !== wanted?.reason) this.same.forget();
    this.sameReason = wanted?.reason;
    if (wanted) this.same.ask(() => this.socket.request<AreaFigures>("area", wanted));
  }

  private askRanges(trace: number, of: Stretch, funcOf: (group: number) => string): Ticket<{ of: Stretch; rows: RangeFigure[] }> {
    const { from, to } = of;
    const sql = `SELECT name, count(*), sum(min(end_ns, ${to}) - max(start_ns, ${from})), avg(duration_ns), percentile(duration_ns, 50),
      percentile(duration_ns, 99), percentile(duration_ns, 99.9), max(duration_ns), start_ns
      FROM ranges WHERE start_ns < ${to} AND end_ns > ${from}${onLanes(of.lanes, funcOf)} GROUP BY name`;
    const t = this.socket.request<QueryResult>("query", { trace, sql, limit: 1000 });
    const row = ([name, ...n]: QueryResult["rows"][0]): RangeFigure => {
      const [count = 0, total = 0, mean = 0, p50 = 0, p99 = 0, p999 = 0, max = 0, at = 0] = n.map(Number);
      return { name: String(name), count, total, mean, p50, p99, p999, max, at };
    };
    return { answer: t.answer.then((r) => ({ of, rows: r.rows.map(row) })), cancel: t.cancel };
  }
}
