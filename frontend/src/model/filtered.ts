// model/filtered.ts - which slices of the lanes on the screen a filter leaves, where their tags and lengths cannot say it: by
// function or by lane; and by length in the areas of groups, whose tiles are sums.  Asked for a wider stretch than the
// window, and kept while the window stays inside it.

import { Observable } from "../lib/observable";
import type { Match, Matches } from "../net/protocol";
import type { Socket, Ticket } from "../net/socket";
import type { Filter } from "./filter";
import { Settled } from "./settled";
import type { Span } from "./viewport";

const DELAY_MS = 80;
const MOST = 5000; // slices an answer
const LESS = 0.6; // of the window: so much closer, what were too many are asked for again

const NONE: Matches = { count: 0, total: 0, rows: [], marks: [] };

interface Kept extends Span {
  matches: Match[] | null; // null: too many to be told one by one
}

export class Filtered extends Observable {
  tooMany = false; // on a lane that can be seen: it is drawn as it is
  private kept = new Map<string, Kept>();
  private answer = new Settled<Map<string, Kept>>(DELAY_MS, () => this.take());
  private of = ""; // the filter that the kept ones are of

  constructor(private socket: Socket) {
    super();
  }

  get busy(): boolean {
    return this.answer.busy;
  }

  refresh(): void {
    this.answer.forget();
    this.kept.clear();
    this.of = "";
  }

  /** undefined: the lane is drawn as it is. */
  matches(lane: string): Match[] | undefined {
    return this.kept.get(lane)?.matches ?? undefined;
  }

  /** single: lanes drawn slice by slice; sums: those that are summed. */
  follow(trace: number, filter: Filter, single: string[], sums: string[], view: Span, duration: number): void {
    const bySlice = filter.conditions.func !== undefined || filter.lanes.length > 0;
    const needed = bySlice || filter.min > 0 || filter.max < Infinity;
    const of = needed ? JSON.stringify([trace, filter.conditions, filter.lanes, duration]) : "";
    if (of !== this.of) {
      this.refresh();
      this.of = of;
      this.tooMany = false;
      this.changed();
    }
    if (!needed) return;
    const good = (k: Kept | undefined) => k && view.from >= k.from && view.to <= k.to && (k.matches !== null || (view.to - view.from) * 2 > (k.to - k.from) * LESS);
    const missing = [...new Set(bySlice ? single.concat(sums) : sums)].filter((l) => !good(this.kept.get(l)));
    if (missing.length === 0 || this.answer.busy) return;
    const margin = (view.to - view.from) / 2;
    const span = { from: Math.max(0, Math.floor(view.from - margin)), to: Math.min(duration, Math.ceil(view.to + margin)) };
    this.answer.ask(() => this.ask(trace, filter, missing, span));
  }

  /** Goroutines share a question, and so do groups: a slice names both.  A processor's and a set's are asked for by themselves. */
  private ask(trace: number, filter: Filter, missing: string[], span: Span): Ticket<Map<string, Kept>> {
    const left = new Set(filter.lanes);
    const people = missing.filter((l) => l.startsWith("G"));
    const groups = missing.filter((l) => l.startsWith("F"));
    const onlyPeople = filter.lanes.every((l) => l.startsWith("G"));
    const wanted = left.size === 0 ? people : onlyPeople ? people.filter((l) => left.has(l)) : filter.lanes;
    const asks: { for: string[]; lanes: string[]; set?: string }[] = [
      { for: people, lanes: people.length > 0 ? wanted : [] },
      { for: groups, lanes: groups.length > 0 && left.size > 0 ? filter.lanes : groups },
      ...missing.filter((l) => /^[PM]/.test(l)).map((l) => ({ for: [l], lanes: [l] })),
      ...missing.filter((l) => l.startsWith("S")).map((l) => ({ for: [l], lanes: left.size > 0 ? filter.lanes : [l], set: l })),
    ];
    const tickets = asks.map((a) =>
      a.lanes.length === 0 ? null : this.socket.request<Matches>("find", { trace, ...span, ...filter.conditions, lanes: a.lanes, set: a.set, order: "time", limit: MOST, marks: 0 }),
    );
    const answer = Promise.all(tickets.map((t) => t?.answer)).then((all) => {
      const found = new Map<string, Kept>();
      all.forEach((m, i) => share(found, asks[i]!.for, m ?? NONE, span, left));
      return found;
    });
    return { answer, cancel: () => tickets.forEach((t) => t?.cancel()) };
  }

  private take(): void {
    for (const [lane, k] of this.answer.value ?? []) this.kept.set(lane, k);
    this.tooMany = [...(this.answer.value?.values() ?? [])].some((k) => k.matches === null);
    this.changed();
  }
}

/** What was found, to the lanes that it was asked for. */
function share(found: Map<string, Kept>, lanes: string[], m: Matches, span: Span, left: Set<string>): void {
  const all = m.rows.length >= m.count;
  for (const lane of lanes) found.set(lane, { ...span, matches: all ? [] : null });
  if (!all) return;
  const one = /^[PMS]/.test(lanes[0] ?? "") ? lanes[0] : undefined;
  for (const r of m.rows) {
    if (one && !one.startsWith("S") && left.size > 0 && !left.has(one) && !left.has(`G${r.g}`)) continue;
    for (const lane of [one ?? `G${r.g}`, `F${r.group}`]) if (lane === one || lanes.includes(lane)) found.get(lane)?.matches?.push(r);
  }
}
