// model/asked.ts - the question in SQL, its answer, the questions before it, and the moments that the answer names.

import { Observable } from "../lib/observable";
import type { Cell, Id, QueryResult } from "../net/protocol";
import { RequestError, type Socket, type Ticket } from "../net/socket";

const LIMIT = 5000;
const KEPT = 60;
const KEY = "parkview-questions";
const TABLES = "SELECT table_name, name, meaning FROM columns";

const TIME = /^(start|time|at|from|begin)(_ns)?$/i;
const END = /^(end|to|until)(_ns)?$/i;
const LENGTH = /^(duration|dur|length)(_ns)?$/i;
const PERSON = /^(g|goroutine)$/i;
export const isTime = (column: string): boolean => TIME.test(column) || END.test(column);
export const isPerson = (column: string): boolean => /^(g|goroutine|waker_g|parent|parent_g|creator_g)$/i.test(column);

/** A row of the answer that has a place on the timeline. */
export interface Moment {
  row: number;
  at: number;
  dur: number;
  g: Id | null;
}

export class Asked extends Observable {
  text = ""; // as it was last run
  draft = ""; // as it stands in the field
  result: QueryResult | null = null;
  error = "";
  busy = false;
  tables: Cell[][] = [];
  moments: Moment[] = [];
  history: string[] = [];
  private flying: Ticket<QueryResult> | null = null;
  private trace = -1;

  constructor(private socket: Socket) {
    super();
    try {
      const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
      if (Array.isArray(kept)) this.history = kept.filter((q): q is string => typeof q === "string").slice(0, KEPT);
    } catch {
      // Nothing was kept, or the browser keeps nothing.
    }
  }

  reset(trace: number): void {
    this.flying?.cancel();
    this.flying = null;
    this.trace = trace;
    this.tables = [];
    this.clear();
  }

  clear(): void {
    this.result = null;
    this.error = "";
    this.moments = [];
    this.busy = false;
    this.changed();
  }

  async readTables(): Promise<void> {
    if (this.tables.length > 0 || this.trace < 0) return;
    try {
      this.tables = (await this.socket.request<QueryResult>("query", { trace: this.trace, sql: TABLES, limit: 3000 }).answer).rows;
    } catch {
      return; // the connection is gone; the next visit asks again
    }
    this.changed();
  }

  async run(sql: string): Promise<void> {
    const wanted = sql.trim();
    if (!wanted) return;
    this.text = this.draft = wanted;
    this.keep(wanted);
    this.flying?.cancel();
    const t = this.socket.request<QueryResult>("query", { trace: this.trace, sql: wanted, limit: LIMIT });
    this.flying = t;
    this.busy = true;
    this.changed();
    try {
      const r = await t.answer;
      if (this.flying !== t) return;
      this.result = r;
      this.error = "";
      this.moments = momentsOf(r);
    } catch (e) {
      if (this.flying !== t) return;
      const stopped = e instanceof RequestError && e.canceled;
      if (!stopped) {
        this.result = null;
        this.moments = [];
        this.error = e instanceof Error ? e.message : String(e);
      }
    }
    this.busy = false;
    this.changed();
  }

  stop(): void {
    this.flying?.cancel();
  }

  private keep(sql: string): void {
    this.history = [sql, ...this.history.filter((q) => q !== sql)].slice(0, KEPT);
    try {
      localStorage.setItem(KEY, JSON.stringify(this.history));
    } catch {
      // The history lasts as long as the page.
    }
  }
}

function momentsOf(r: QueryResult): Moment[] {
  const column = (p: RegExp) => r.columns.findIndex((c) => p.test(c));
  const [at, end, length, g] = [column(TIME), column(END), column(LENGTH), column(PERSON)];
  if (at < 0) return [];
  return r.rows.flatMap((row, i) => {
    const t = row[at];
    if (typeof t !== "number" || t < 0) return [];
    const until = end >= 0 ? row[end] : null;
    const dur = length >= 0 ? row[length] : typeof until === "number" ? until - t : 0;
    const who = g >= 0 ? row[g] : null;
    return [{ row: i, at: t, dur: typeof dur === "number" && dur > 0 ? dur : 0, g: typeof who === "number" || typeof who === "string" ? who : null }];
  });
}

export type Shape = { kind: "line"; x: number; y: number[] } | { kind: "bars"; label: number; y: number[] };

const MOST_BARS = 60;
const MOST_LINES = 8;

/** How an answer can be drawn: over an ascending number as lines, over names as bars; null: it has no such shape. */
export function shapeOf(r: QueryResult): Shape | null {
  if (r.rows.length < 2) return null;
  const numeric = r.columns.map((_, i) => r.rows.every((row) => typeof row[i] === "number" || row[i] === null) && r.rows.some((row) => typeof row[i] === "number"));
  const numbers = r.columns.flatMap((_, i) => (numeric[i] ? [i] : []));
  const ascending = (i: number) => r.rows.every((row, k) => row[i] !== null && (k === 0 || Number(row[i]) > Number(r.rows[k - 1]![i])));
  const x = numbers.find((i) => !isPerson(r.columns[i] ?? "") && ascending(i));
  const values = (without: number) => numbers.filter((i) => i !== without && !isPerson(r.columns[i] ?? "") && !isTime(r.columns[i] ?? "")).slice(0, MOST_LINES);
  if (x !== undefined && x === numbers[0] && values(x).length > 0) return { kind: "line", x, y: values(x) };
  const label = r.columns.findIndex((c, i) => !numeric[i] || isPerson(c));
  if (label >= 0 && r.rows.length <= MOST_BARS && values(-1).length > 0) return { kind: "bars", label, y: values(-1).slice(0, 3) };
  return null;
}
