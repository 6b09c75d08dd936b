// model/tiles.ts - pictures of lanes: asked for like a map's tiles, kept, and lent from other levels while loading.
// Keys are "lane/level/index".  What is no longer wanted is cancelled; neighbours are fetched when nothing else is.

import { Lru } from "../lib/lru";
import { Observable } from "../lib/observable";
import { BUCKETS, MAX_LEVEL, TILE_COARSE, TILE_GROWING, type Tile, type TileRecord } from "../net/protocol";
import { RequestError, type Socket, type Ticket } from "../net/socket";

const CACHE_BYTES = 20 << 20; // some five screens of dense lanes: full within a minute, and level from then on
const SOLID_BYTES = 30; // once unpacked
const TILE_OBJECTS = 2000; // a tile is some fifteen arrays
const LANES_PER_REQUEST = 4; // few enough that a dense screen seldom comes coarse, and that nobody waits long for a worker
const REACH_UP = 8; // levels to look up and down for something to draw meanwhile
const REACH_DOWN = 2;
const FEWER = 8; // lanes of a coarse answer are asked for again so many times fewer at once
const EARLY = 2; // requests at a time that nobody waits for
const FINER = 4; // such requests at a time: the server is never idle between two, and a key waits behind no more

/** A stretch of a lane and the tile to draw it from; the tile may be of another level and reach beyond. */
export interface Segment {
  tile: Tile;
  from: number;
  to: number;
}

/** The level whose bucket is at most one pixel and more than half of one. */
export function levelFor(nsPerPx: number): number {
  return Math.min(MAX_LEVEL, Math.max(0, Math.floor(Math.log2(Math.max(1, nsPerPx)))));
}

export interface Wish {
  lane: string;
  level: number;
  from: number; // tile indexes, to exclusive
  to: number;
}

interface Kept {
  tile: Tile;
  shared: number; // where it is coarse: how many lanes shared the answer
}

interface Flight {
  ticket: Ticket<TileRecord[]>;
  wishes: Wish[];
  keys: string[];
  early: boolean; // nobody waits for it
}

/** Wishes by lane. */
type Wanted = Map<string, Wish[]>;

function wantedOf(wishes: Wish[]): Wanted {
  const out: Wanted = new Map();
  for (const w of wishes) {
    const all = out.get(w.lane);
    if (all) all.push(w);
    else out.set(w.lane, [w]);
  }
  return out;
}

/** Is any tile of theirs wanted? */
const touch = (theirs: Wish[], wanted: Wanted): boolean => theirs.some((a) => wanted.get(a.lane)?.some((b) => a.level === b.level && a.from < b.to && b.from < a.to));

const keyOf = (lane: string, level: number, index: number): string => `${lane}/${level}/${index}`;

export class Tiles extends Observable {
  private cache = new Lru<Kept>(CACHE_BYTES);
  private stale = new Set<string>();
  private flying = new Map<string, Flight>();
  private refused = new Map<string, number>();
  version = 0; // counts what came
  private trace = -1;
  private duration = 1;

  constructor(private socket: Socket) {
    super();
  }

  reset(trace: number, duration: number): void {
    for (const f of new Set(this.flying.values())) f.ticket.cancel();
    this.flying.clear();
    this.cache.clear();
    this.stale.clear();
    this.refused.clear();
    this.trace = trace;
    this.duration = duration;
  }

  /** The store has grown: what was incomplete is asked for again, and drawn as it was until then. */
  grow(duration: number, growing: Iterable<string>): void {
    this.duration = duration;
    for (const k of growing) this.stale.add(k);
  }

  /** Sets are others now, maybe by the same names: asked for again, and drawn as they were until then. */
  renewSets(): void {
    for (const f of new Set(this.flying.values())) if (f.keys.some((k) => k.startsWith("S"))) f.ticket.cancel();
    for (const k of this.cache.keys()) if (k.startsWith("S")) this.stale.add(k);
  }

  get loading(): boolean {
    for (const f of this.flying.values()) if (!f.early) return true;
    return false;
  }
  private get flights(): number {
    return new Set(this.flying.values()).size;
  }
  get bytes(): number {
    return this.cache.bytes;
  }

  range(level: number, from: number, to: number): [number, number] {
    const w = BUCKETS * 2 ** level;
    const last = Math.floor(Math.max(0, this.duration - 1) / w);
    return [Math.max(0, Math.floor(from / w)), Math.min(last, Math.floor(to / w)) + 1];
  }

  /** Asks for what is missing of the wishes, cancels what nobody wants any more. */
  want(wishes: Wish[], early: Wish[], moving: boolean): void {
    if (this.trace < 0) return;
    if (this.flying.size > 0) {
      const now = wantedOf(wishes);
      const soon = wantedOf(early);
      for (const f of new Set(this.flying.values())) {
        // What was fetched ahead of its time is waited for now.
        if (touch(f.wishes, now)) f.early = false;
        else if (!touch(f.wishes, soon)) f.ticket.cancel();
      }
    }
    const missing = this.missing(wishes);
    for (const batch of this.batches(missing)) this.send(batch, false);
    if (missing.length > 0 || this.refine(wishes) || moving) return;
    // Few at a time: what the next key needs waits behind no more.
    const free = EARLY - this.flights;
    if (free > 0) for (const batch of this.batches(this.missing(early)).slice(0, free)) this.send(batch, true);
  }

  /** Dense lanes came coarse, as many shared an answer: a few of them again, until nothing is coarse or one was alone. */
  private refine(wishes: Wish[]): boolean {
    const coarse = (w: Wish) => Math.max(0, ...this.keys(w).map((k) => this.cache.peek(k)?.shared ?? 0));
    const most = wishes.reduce((n, w) => Math.max(n, coarse(w)), 0);
    if (most <= 1) return false;
    const first = wishes.find((w) => coarse(w) === most)!;
    const alike = wishes.filter((w) => w.level === first.level && w.from === first.from && w.to === first.to && coarse(w) === most);
    const idle = alike.filter((w) => !this.keys(w).some((k) => this.flying.has(k)));
    const lanes = Math.max(1, Math.floor(most / FEWER));
    for (let i = 0, free = FINER - this.flights; i < idle.length && free > 0; i += lanes, free--) this.send(idle.slice(i, i + lanes), false);
    return true;
  }

  private keys(w: Wish): string[] {
    const k: string[] = [];
    for (let i = w.from; i < w.to; i++) k.push(keyOf(w.lane, w.level, i));
    return k;
  }

  private missing(wishes: Wish[]): Wish[] {
    const out: Wish[] = [];
    const now = performance.now();
    for (const w of wishes) {
      let a = Infinity;
      let b = -1;
      for (let i = w.from; i < w.to; i++) {
        const k = keyOf(w.lane, w.level, i);
        if (this.flying.has(k)) continue;
        if (this.cache.peek(k) && !this.stale.has(k)) continue;
        if ((this.refused.get(k) ?? 0) > now) continue;
        this.refused.delete(k);
        a = Math.min(a, i);
        b = Math.max(b, i);
      }
      if (b >= 0) out.push({ ...w, from: a, to: b + 1 });
    }
    return out;
  }

  /** What goes into a request each. */
  private batches(wishes: Wish[]): Wish[][] {
    const alike = new Map<string, Wish[]>();
    for (const w of wishes) {
      // Sets by themselves: below a level theirs are painted slice by slice, and nothing else waits for them.
      const k = `${w.level}/${w.from}/${w.to}/${w.lane.startsWith("S")}`;
      const b = alike.get(k);
      if (b) b.push(w);
      else alike.set(k, [w]);
    }
    const out: Wish[][] = [];
    for (const all of alike.values()) {
      for (let i = 0; i < all.length; i += LANES_PER_REQUEST) out.push(all.slice(i, i + LANES_PER_REQUEST));
    }
    return out;
  }

  private send(batch: Wish[], early: boolean): void {
    const first = batch[0];
    if (!first) return;
    const { level, from, to } = first;
    const lanes = batch.map((w) => w.lane);
    const ticket = this.socket.tiles({ trace: this.trace, level, from, to, lanes });
    const flight: Flight = { ticket, wishes: batch, keys: batch.flatMap((w) => this.keys(w)), early };
    for (const k of flight.keys) this.flying.set(k, flight);
    const land = () => {
      for (const k of flight.keys) if (this.flying.get(k) === flight) this.flying.delete(k);
    };
    ticket.answer.then(
      (records) => {
        land();
        for (const r of records) this.keep(lanes[r.lane] ?? "", r.tile, lanes.length);
        this.changed();
      },
      (e: unknown) => {
        land();
        if (!(e instanceof RequestError && e.canceled)) {
          for (const k of flight.keys) this.refused.set(k, performance.now() + 2000);
          // What could not be had finer stays as it is.
          for (const k of flight.keys) this.contentWith(k);
        }
        this.changed();
      },
    );
  }

  private keep(lane: string, tile: Tile, lanes: number): void {
    const k = keyOf(lane, tile.level, tile.index);
    this.stale.delete(k);
    this.version++;
    const shared = tile.flags & TILE_COARSE ? lanes : 0;
    this.cache.set(k, { tile, shared }, tile.bytes + tile.start.length * SOLID_BYTES + TILE_OBJECTS);
    if (tile.flags & TILE_GROWING) this.growing.add(k);
    else this.growing.delete(k);
  }
  readonly growing = new Set<string>();

  private contentWith(key: string): void {
    const kept = this.cache.peek(key);
    if (kept) kept.shared = 0;
  }

  /** What to draw of [from, to) of a lane now, in order of time. */
  segments(lane: string, level: number, from: number, to: number): Segment[] {
    const out: Segment[] = [];
    const w = BUCKETS * 2 ** level;
    const [a, b] = this.range(level, from, to);
    for (let i = a; i < b; i++) this.lend(lane, level, i, i * w, (i + 1) * w, out);
    return out;
  }

  private lend(lane: string, level: number, index: number, from: number, to: number, out: Segment[]): void {
    const exact = this.cache.get(keyOf(lane, level, index))?.tile;
    if (exact) {
      out.push({ tile: exact, from, to });
      return;
    }
    for (let d = 1; d <= REACH_DOWN && level - d >= 0; d++) {
      const n = 2 ** d;
      const parts: Tile[] = [];
      for (let i = 0; i < n; i++) {
        const t = this.cache.peek(keyOf(lane, level - d, index * n + i))?.tile;
        if (t) parts.push(t);
      }
      if (parts.length < n) continue;
      const w = BUCKETS * 2 ** (level - d);
      for (const t of parts) out.push({ tile: t, from: t.index * w, to: (t.index + 1) * w });
      return;
    }
    for (let d = 1; d <= REACH_UP && level + d <= MAX_LEVEL; d++) {
      const t = this.cache.peek(keyOf(lane, level + d, Math.floor(index / 2 ** d)))?.tile;
      if (t) {
        out.push({ tile: t, from, to });
        return;
      }
    }
  }
}
