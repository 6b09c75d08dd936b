// model/spans.ts - types of user tasks and regions: how many were under way, and the lanes of those that are unfolded.
// A type is known to the address as "task/NAME" or "region/NAME".

import { visible } from "../lib/format";
import { Observable } from "../lib/observable";
import type { Span, Spans as SpansAnswer, SpanSeen, SpanTypes, SpanTypeSeen } from "../net/protocol";
import type { Socket } from "../net/socket";
import { nextShown } from "./rows";
import { Settled, stopAll } from "./settled";
import type { Span as Stretch } from "./viewport";

export interface SpanType {
  key: string;
  id: number;
  region: boolean;
  name: string;
  count: number;
  max: number;
  points: [number, number][];
  all: number; // rows that there are in the window, where it is unfolded
  shown: number;
  rows: Span[] | null; // null: folded
}
const DELAY_MS = 80;
const FINE = 0.5; // points a pixel

export class SpanLanes extends Observable {
  types: SpanType[] = [];
  onRows: () => void = () => {};
  private answer = new Settled<SpanTypes>(DELAY_MS, () => this.take());
  private lists = new Map<string, Settled<SpansAnswer>>();
  private wanted = new Set<string>(); // keys to unfold once they are known
  private trace = -1;
  private asked = "";
  private none = false; // the trace has neither tasks nor regions
  private window: Stretch = { from: 0, to: 1 };

  constructor(private socket: Socket) {
    super();
  }

  reset(trace: number): void {
    this.trace = trace;
    this.asked = "";
    this.none = false;
    this.types = [];
    this.wanted.clear();
    this.answer.forget();
    for (const l of this.lists.values()) l.forget();
    this.lists.clear();
  }

  refresh(): void {
    this.asked = "";
    this.none = false;
  }

  get busy(): boolean {
    return this.answer.busy || [...this.lists.values()].some((l) => l.busy);
  }

  leave(): void {
    if (stopAll([this.answer, ...this.lists.values()])) this.asked = "";
  }

  follow(view: Stretch, duration: number, widthPx: number): void {
    if (this.trace < 0 || widthPx < 1 || this.none) return;
    const from = Math.max(0, Math.floor(view.from));
    const to = Math.min(duration, Math.ceil(view.to));
    const asked = `${from},${to},${widthPx}`;
    if (asked === this.asked) return;
    this.asked = asked;
    this.window = { from, to };
    const margin = Math.ceil((to - from) / 2);
    const wide = { wide_from: Math.max(0, from - margin), wide_to: Math.min(duration, to + margin) };
    const px = Math.min(8000, Math.ceil(((wide.wide_to - wide.wide_from) / (to - from)) * widthPx * FINE));
    this.answer.ask(() => this.socket.request("span_types", { trace: this.trace, from, to, ...wide, px }));
    for (const t of this.types) if (t.rows) this.askRows(t, 0);
  }

  private take(): void {
    const rows = this.answer.value?.rows ?? [];
    this.none = rows.length === 0 && this.answer.error === "";
    const known = new Map(this.types.map((t) => [t.key, t]));
    this.types = rows.map((r) => merged(known.get(keyOf(r)), r));
    for (const t of this.types) if (this.wanted.delete(t.key)) this.unfold(t);
    this.onRows();
    this.changed();
  }

  /** Opens or closes a type; one that is not known yet opens when it comes. */
  toggle(key: string): void {
    const t = this.types.find((x) => x.key === key);
    if (!t) this.wanted.add(key);
    else if (t.rows) {
      t.rows = null;
      this.lists.get(key)?.forget();
    } else this.unfold(t);
    this.onRows();
    this.changed();
  }

  more(key: string): void {
    const t = this.types.find((x) => x.key === key);
    if (!t?.rows) return;
    t.shown = nextShown(t.shown);
    this.askRows(t, t.rows.length);
  }

  get open(): string[] {
    return [...this.types.filter((t) => t.rows).map((t) => t.key), ...this.wanted];
  }

  private unfold(t: SpanType): void {
    t.rows = [];
    t.shown = nextShown(0);
    this.askRows(t, 0);
  }

  private askRows(t: SpanType, offset: number): void {
    this.lists.get(t.key)?.forget();
    const s: Settled<SpansAnswer> = new Settled<SpansAnswer>(offset > 0 ? 0 : DELAY_MS, () => {
      const now = this.types.find((x) => x.key === t.key);
      if (s.value && now?.rows) {
        const fresh = s.value.rows.map((r) => spanOf(now, r));
        now.rows = offset > 0 ? [...now.rows.slice(0, offset), ...fresh] : fresh;
        now.all = s.value.all;
      }
      this.onRows();
      this.changed();
    });
    this.lists.set(t.key, s);
    s.ask(() => this.socket.request("spans", { trace: this.trace, type: t.id, region: t.region, ...this.window, offset, limit: t.shown - offset }));
  }
}

const keyOf = (r: SpanTypeSeen): string => `${r.region ? "region" : "task"}/${r.name}`;

function merged(old: SpanType | undefined, r: SpanTypeSeen): SpanType {
  const fresh = { id: r.id, count: r.count, max: r.max, points: r.points };
  return old ? Object.assign(old, fresh) : { key: keyOf(r), region: r.region, name: visible(r.name) || "(no name)", all: 0, shown: nextShown(0), rows: null, ...fresh };
}

function spanOf(t: SpanType, r: SpanSeen): Span {
  const label = t.region ? (r.g === null ? "?" : `G${r.g}`) : `#${r.id}`;
  return { ...r, label, key: t.region ? `${r.g}@${r.start}` : String(r.id) };
}
