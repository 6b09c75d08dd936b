// model/selection.ts - the slice that was clicked, and the chain of waits that led to its end.

import { Observable } from "../lib/observable";
import type { Goroutine, Id, Slice } from "../net/protocol";
import type { Socket, Ticket } from "../net/socket";
import { RequestError } from "../net/socket";

const CHAIN = 12;

export class Selection extends Observable {
  slice: Slice | null = null;
  goroutine: Goroutine | null = null; // a goroutine as a whole, where no slice is selected
  chain: Slice[] = [];
  lane = ""; // where it was clicked
  note = ""; // why there is no slice
  private trace = -1;
  private flying: Ticket<unknown>[] = [];
  private waiting = 0;

  constructor(private socket: Socket) {
    super();
  }

  get busy(): boolean {
    return this.waiting > 0;
  }

  reset(trace: number): void {
    this.clear();
    this.trace = trace;
  }

  clear(): void {
    for (const t of this.flying) t.cancel();
    this.flying = [];
    this.slice = null;
    this.goroutine = null;
    this.chain = [];
    this.lane = "";
    this.note = "";
    this.changed();
  }

  async pick(lane: string, at: number): Promise<Slice | null> {
    return this.take(lane, this.socket.request<Slice | null>("slice", { trace: this.trace, lane, at: Math.floor(at) }));
  }

  /** A goroutine as a whole. */
  async person(g: Id): Promise<Goroutine | null> {
    return this.only(this.socket.request<Goroutine>("goroutine", { trace: this.trace, g }), async (found) => {
      this.clear();
      this.goroutine = found;
      this.lane = `G${g}`;
      return found;
    });
  }

  async step(step: -1 | 1): Promise<Slice | null> {
    const s = this.slice;
    if (!s) return null;
    const t = this.socket.request<Slice | null>("step", { trace: this.trace, g: s.g, at: s.start, step });
    return this.take(`G${s.g}`, t);
  }

  /** Along the chain: back to what the waker itself had waited for (-1), or forth (1). */
  async follow(step: -1 | 1): Promise<Slice | null> {
    const s = this.slice;
    if (!s) return null;
    const i = this.chain.findIndex((c) => c.g === s.g && c.start === s.start);
    const to = this.chain[(i < 0 ? 0 : i) - step];
    if (!to) return null;
    const chain = this.chain;
    this.slice = to;
    this.lane = `G${to.g}`;
    this.chain = chain;
    this.changed();
    return to;
  }

  private take(lane: string, t: Ticket<Slice | null>): Promise<Slice | null> {
    return this.only(t, async (slice) => {
      if (!slice) {
        this.note = `Nothing of ${lane} at that moment.`;
        return null;
      }
      this.slice = slice;
      this.goroutine = null;
      this.lane = lane;
      this.note = "";
      this.chain = [];
      this.changed();
      await this.askChain(slice.g, slice);
      return slice;
    });
  }

  /** One question at a time: whatever was under way is not wanted any more. */
  private async only<T, U>(t: Ticket<T>, then: (answer: T) => Promise<U>): Promise<U | null> {
    for (const f of this.flying) f.cancel();
    this.flying = [t];
    this.waiting++;
    try {
      return await then(await t.answer);
    } catch (e) {
      if (!(e instanceof RequestError && e.canceled)) this.note = e instanceof Error ? e.message : String(e);
      return null;
    } finally {
      this.waiting--;
      this.changed();
    }
  }

  private async askChain(g: Id, slice: Slice): Promise<void> {
    const at = slice.state === "waiting" ? slice.start : slice.prev && slice.prev.state === "waiting" ? slice.prev.start : -1;
    if (at < 0) return;
    const t = this.socket.request<{ links: Slice[] }>("chain", { trace: this.trace, g, at, limit: CHAIN });
    this.flying.push(t);
    const c = await t.answer;
    if (this.slice === slice) this.chain = c.links;
  }
}
