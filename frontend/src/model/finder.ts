// model/finder.ts - the hits of a search: places on the timeline, in the order of time, and where in the trace they lie.

import { Observable } from "../lib/observable";
import type { Hit, Id, Matches } from "../net/protocol";
import { RequestError, type Socket, type Ticket } from "../net/socket";
import { describe, hasConditions, parseAsk, type Ask } from "./ask";
import type { TagLook } from "./families";

const LIMIT = 1000; // slices listed; all are counted and marked
const NAMES = 40;
export const MARKS = 1000;

export interface Place {
  kind: "slice" | "goroutine" | "task" | "log";
  label: string;
  g: Id | null;
  group: number;
  at: number;
  dur: number;
  tag: number; // of slices, else -1
}

export class Finder extends Observable {
  text = "";
  ask: Ask = parseAsk("");
  names: Hit[] = []; // functions and reasons that are called so
  places: Place[] = [];
  count = 0; // slices that match, listed or not
  total = 0;
  marks: number[] = []; // over the whole trace: matches that touch each part
  at = -1; // the place that was gone to last
  error = "";
  private flying: Ticket<unknown>[] = [];
  private trace = -1;
  private duration = 0;
  private done = ""; // text whose answer is here
  private running: Promise<void> = Promise.resolve();
  private busyCount = 0;

  constructor(private socket: Socket) {
    super();
  }

  get busy(): boolean {
    return this.busyCount > 0;
  }
  get said(): string {
    return describe(this.ask);
  }

  reset(trace: number): void {
    this.trace = trace;
    this.clear();
  }

  clear(): void {
    this.stop();
    this.text = this.done = this.error = "";
    this.ask = parseAsk("");
    this.names = [];
    this.places = [];
    this.marks = [];
    this.count = this.total = 0;
    this.at = -1;
    this.changed();
  }

  private stop(): void {
    for (const t of this.flying) t.cancel();
    this.flying = [];
  }

  /** Looks for the text; resolves when the answer is here (or another text has taken its place). */
  find(text: string, duration: number, tags: TagLook[]): Promise<void> {
    const wanted = text.trim();
    if (wanted === this.done && duration === this.duration) return this.running;
    this.stop();
    if (!wanted) {
      this.clear();
      return Promise.resolve();
    }
    this.text = this.done = wanted;
    this.duration = duration;
    this.ask = parseAsk(wanted);
    this.at = -1;
    this.running = this.run(wanted, this.ask, duration, tags);
    return this.running;
  }

  private async run(text: string, ask: Ask, duration: number, tags: TagLook[]): Promise<void> {
    this.busyCount++;
    this.changed();
    try {
      const named = this.askNames(ask);
      const slices = this.askSlices(ask, duration, tags);
      const [hits, matches] = await Promise.all([named, slices]);
      if (this.done !== text) return;
      this.error = "";
      this.names = hits.filter((h) => h.kind === "function" || h.kind === "reason");
      this.count = matches.count;
      this.total = matches.total;
      this.marks = matches.marks;
      this.places = [...hits.flatMap((h) => placeOfHit(h)), ...matches.rows.map((m): Place => ({ kind: "slice", label: m.func, g: m.g, group: m.group, at: m.start, dur: m.dur, tag: m.tag }))];
      this.markPlaces(duration);
    } catch (e) {
      if (this.done !== text || (e instanceof RequestError && e.canceled)) return;
      this.error = e instanceof Error ? e.message : String(e);
    } finally {
      this.busyCount--;
      this.changed();
    }
  }

  private async askNames(ask: Ask): Promise<Hit[]> {
    const text = ask.task ?? ask.log ?? (hasConditions(ask) && !ask.words ? oneGoroutine(ask) : ask.words);
    if (!text) return [];
    const t = this.socket.request<{ hits: Hit[] }>("search", { trace: this.trace, text, limit: ask.task || ask.log ? 200 : NAMES });
    this.flying.push(t);
    const { hits } = await t.answer;
    const only = ask.task ? "task" : ask.log ? "log" : "";
    return only ? hits.filter((h) => h.kind === only) : hits;
  }

  private async askSlices(ask: Ask, duration: number, tags: TagLook[]): Promise<Matches> {
    const none = { count: 0, total: 0, rows: [], marks: [] };
    if (ask.task || ask.log || ask.wrong || oneGoroutine(ask)) return none;
    const t = this.socket.request<Matches>("find", { trace: this.trace, from: 0, to: duration, ...conditionsOf(ask, tags), lanes: ask.lanes, order: "time", limit: LIMIT, marks: MARKS });
    this.flying.push(t);
    return t.answer;
  }

  /** Places that are no slices are marked, too. */
  private markPlaces(duration: number): void {
    for (const p of this.places) {
      if (p.kind === "slice" || p.kind === "goroutine") continue;
      const i = Math.min(MARKS - 1, Math.floor((p.at / Math.max(1, duration)) * MARKS));
      while (this.marks.length <= i) this.marks.push(0);
      this.marks[i]!++;
    }
  }

  /** The next place (1) or the one before (-1), round and round. */
  step(by: 1 | -1): Place | null {
    const n = this.places.length;
    if (n === 0) return null;
    this.at = this.at < 0 ? (by > 0 ? 0 : n - 1) : (this.at + by + n) % n;
    this.changed();
    return this.places[this.at] ?? null;
  }

  choose(i: number): Place | null {
    this.at = i;
    this.changed();
    return this.places[i] ?? null;
  }
}

/** "G17" alone asks for the goroutine, not for all that it did. */
function oneGoroutine(a: Ask): string {
  const plain = !a.state && !a.reason && !a.func && !a.min && !a.max && !a.words;
  return plain && a.lanes.length === 1 && a.lanes[0]!.startsWith("G") ? a.lanes[0]! : "";
}

/** Words alone mean a reason where one is called so, else a function. */
export function conditionsOf(ask: Ask, tags: TagLook[]): { state?: Ask["state"]; reason?: string; func?: string; min?: number; max?: number } {
  const { state, min, max } = ask;
  const words = ask.words.toLowerCase();
  const called = words !== "" && !ask.reason && tags.some((t) => t.tag.state === "waiting" && `${t.tag.reason}\n${t.tag.refined}`.toLowerCase().includes(words));
  const reason = ask.reason ?? (called ? ask.words : undefined);
  const func = ask.func ?? (words && !called ? ask.words : undefined);
  const given = { state: reason && !state ? ("waiting" as const) : state, reason, func, min, max };
  return Object.fromEntries(Object.entries(given).filter(([, v]) => v !== undefined && v !== ""));
}

function placeOfHit(h: Hit): Place[] {
  if (h.kind === "function" || h.kind === "reason") return [];
  return [{ kind: h.kind, label: h.label, g: h.g ?? null, group: h.group ?? 0, at: h.at ?? 0, dur: h.dur ?? 0, tag: -1 }];
}
