// model/filtered.ts - which slices of the lanes on the screen a filter leaves, where their tags and lengths cannot say it: by
// function, or by goroutine.  Asked for a wider stretch than the window, and kept while the window stays inside it.

import { Observable } from "../lib/observable";
import type { Match, Matches } from "../net/protocol";
import type { Socket } from "../net/socket";
import type { Filter } from "./filter";
import { Settled } from "./settled";
import type { Span } from "./viewport";

const DELAY_MS = 80;
const MOST = 5000; // slices an answer
const LESS = 0.6; // of the window: so much closer, what were too many are asked for again

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

  follow(trace: number, filter: Filter, lanes: string[], view: Span, duration: number): void {
    const needed = filter.conditions.func !== undefined || filter.lanes.length > 0;
    const of = needed ? JSON.stringify([trace, filter.conditions, filter.lanes, duration]) : "";
    if (of !== this.of) {
      this.refresh();
      this.of = of;
      this.tooMany = false;
      this.changed();
    }
    if (!needed) return;
    const good = (k: Kept | undefined) => k && view.from >= k.from && view.to <= k.to && (k.matches !== null || (view.to - view.from) * 2 > (k.to - k.from) * LESS);
    const missing = lanes.filter((l) => !good(this.kept.get(l)));
    if (missing.length === 0 || this.answer.busy) return;
    const margin = (view.to - view.from) / 2;
    const span = { from: Math.max(0, Math.floor(view.from - margin)), to: Math.min(duration, Math.ceil(view.to + margin)) };
    const left = new Set(filter.lanes);
    const goroutines = missing.filter((l) => l.startsWith("G"));
    const wanted = left.size > 0 ? goroutines.filter((l) => left.has(l)) : goroutines;
    const ask = (of: string[]) => this.socket.request<Matches>("find", { trace, ...span, ...filter.conditions, lanes: of, order: "time", limit: MOST, marks: 0 });
    this.answer.ask(() => {
      const tickets: { lanes: string[]; ticket: ReturnType<typeof ask> }[] = [];
      if (wanted.length > 0) tickets.push({ lanes: wanted, ticket: ask(wanted) });
      for (const l of missing) if (/^[PM]/.test(l)) tickets.push({ lanes: [l], ticket: ask([l]) });
      const answer = Promise.all(tickets.map((t) => t.ticket.answer)).then((all) => {
        const found = new Map<string, Kept>(goroutines.map((l) => [l, { ...span, matches: [] }]));
        all.forEach((m, i) => share(found, tickets[i]!.lanes, m, span, left));
        return found;
      });
      return { answer, cancel: () => tickets.forEach((t) => t.ticket.cancel()) };
    });
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
  const one = lanes.length === 1 && !lanes[0]!.startsWith("G") ? found.get(lanes[0]!) : undefined;
  for (const r of m.rows) {
    if (one && left.size > 0 && !left.has(`G${r.g}`)) continue;
    (one ?? found.get(`G${r.g}`))?.matches?.push(r);
  }
}
