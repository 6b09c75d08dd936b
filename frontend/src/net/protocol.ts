// net/protocol.ts - what server/PROTOCOL.md says, as types, and binary tiles as typed arrays.

export type State = "running" | "runnable" | "syscall" | "waiting";
export type Id = number | string; // ids beyond 2^53 come as strings

export interface Progress {
  done: number;
  total: number;
  events: number;
  duration: number;
  rate: number;
  eta_s: number;
}
export interface TraceEntry {
  trace: number;
  name: string;
  bytes: number;
  state: "importing" | "ready" | "failed";
  progress: Progress;
  fault: { text: string; offset?: number } | null;
}
export interface RecentEntry {
  name: string;
  bytes: number;
  when_unix: number;
  store: string;
}
export interface SampleEntry {
  name: string;
  title: string;
  text: string;
  kind: string;
}
export interface TraceList {
  traces: TraceEntry[];
  recent: RecentEntry[];
  samples: SampleEntry[];
}
export interface Gap {
  from: number;
  to: number;
  offset: number;
  text: string;
}
export interface Tag {
  state: State;
  family: string;
  reason: string;
  refined: string;
}
export type StateNs = Record<State, number>;
export interface Group {
  func: string;
  kind: "user" | "gc" | "runtime";
  n: number;
  state_ns: StateNs;
}
export interface Info {
  name: string;
  format: string;
  newer: boolean;
  complete: boolean;
  duration: number;
  wall_unix_ns: string | null;
  bytes: number;
  events: number;
  slices: number;
  goroutines: number;
  waits: number;
  wait_ns: number;
  threads_reliable: boolean;
  heap: boolean; // there are figures of it
  procs: Id[];
  threads: Id[];
  gaps: Gap[];
  tags: Tag[];
  groups: Group[];
}
export interface Goroutine {
  g: Id;
  group: number;
  func: string;
  start: number;
  end: number;
  created: boolean;
  ended: boolean;
  parent: Id | null;
  state_ns: StateNs;
  slices: number;
  run_window: number;
  wait_window: number;
  wait_window_tag: number;
}
export interface Members {
  all: number;
  rows: Goroutine[];
}
/** By creator: who made them (null: before the trace), and those of which group (null: all that it made). */
export interface SetRow {
  lane: string; // "S10003", or "F2" where it is a whole group
  name: string;
  creator: number | null;
  group: number | null;
  n: number;
  parts: [group: number, n: number][];
}
export interface Sets {
  all: number; // sets, of which the largest are rows
  rows: SetRow[];
  covered: [group: number, n: number][]; // goroutines that are in any set
}
export interface Range {
  start: number;
  dur: number;
  name: string;
  scope: string;
  scope_id: Id;
}
export interface Ranges {
  all: number;
  rows: Range[];
}
/** How many of one type of task or region were under way: changes of a mean, by time. */
export interface SpanTypeSeen {
  id: number;
  region: boolean;
  name: string;
  count: number; // that touch the window
  max: number; // the longest of them, whole
  points: [t: number, mean: number][]; // until the next point; of the wide window
}
export interface SpanTypes {
  rows: SpanTypeSeen[];
}
export interface SpanSeen {
  id: Id; // of the task; of a region, the task that it belongs to
  g: Id | null; // the goroutine that began it
  start: number;
  dur: number;
  began: boolean; // its begin is in the trace
  ended: boolean;
}
export interface Spans {
  all: number;
  rows: SpanSeen[];
}
/** A row of a type: one task or region. */
export interface Span extends SpanSeen {
  key: string;
  label: string;
}
export type NoteKind = "region" | "assist" | "sweep" | "log" | "sample";
/** Something beside a lane's slices; n of one kind that stand in one pixel are one. */
export interface NoteSeen {
  lane: number; // index into the request's lanes
  kind: NoteKind;
  start: number;
  dur: number;
  n: number;
  text: string; // of the first
}
export interface NotesSeen {
  rows: NoteSeen[];
}
export type Point = [t: number, min: number, max: number, last: number];
export interface Wait {
  key: string;
  reason: string;
  refined: string;
  func: string;
  family: string;
  stack: number;
  count: number;
  total: number;
  mean: number;
  p50: number;
  p99: number;
  max: number;
  hist: number[];
}
export interface Waits {
  count: number;
  total: number;
  rows: Wait[];
}
export interface Frame {
  func: string;
  file: string;
  line: number;
  library: boolean;
}
export interface Brief {
  start: number;
  dur: number;
  state: State;
  tag: number;
  p: Id | null;
  m: Id | null;
}
export interface Slice {
  start: number;
  dur: number;
  open: boolean;
  g: Id;
  group: number;
  func: string;
  state: State;
  tag: number;
  reason: string;
  refined: string;
  family: string;
  p: Id | null;
  m: Id | null;
  stack: Frame[];
  waker: { g: Id | null; group: number; func: string; p: Id | null; m: Id | null; stack: Frame[] } | null;
  user_func: string;
  prev: Brief | null;
  next: Brief | null;
}
export interface Hit {
  kind: "goroutine" | "function" | "reason" | "task" | "log";
  label: string;
  g?: Id;
  group?: number;
  tag?: number;
  at?: number;
  dur?: number;
}
export type FigureBy = "reason" | "refined" | "function" | "stack" | "goroutine" | "start" | "state";
export interface Figure {
  key: string;
  reason: string;
  refined: string;
  func: string;
  start_func: string;
  state: State;
  family: string;
  tag: number;
  group: number;
  stack: number;
  count: number;
  total: number;
  state_ns: StateNs;
  mean: number;
  p50: number;
  p99: number;
  p999: number;
  max: number;
  hist: number[];
  g: Id; // with `at`: the longest slice
  at: number;
}
export interface AreaFigures {
  count: number;
  total: number;
  all: number; // rows there are; rows holds the first 2000
  rows: Figure[];
}
export interface Match {
  g: Id;
  group: number;
  start: number;
  dur: number;
  tag: number;
  func: string;
}
export interface Matches {
  count: number;
  total: number;
  rows: Match[];
  marks: number[];
}
export type Cell = string | number | null;
export interface QueryResult {
  columns: string[];
  rows: Cell[][];
  truncated: boolean;
  ms: number;
}
export interface Fault {
  code: string;
  text: string;
  offset?: number;
}
export type Push = { push: "trace"; trace: TraceEntry } | { push: "info"; trace: number; info: Info };

export const BUCKETS = 1024;
export const MAX_LEVEL = 48;
export const TILE_GROWING = 1;
export const TILE_COARSE = 2;
const TILE_NARROW = 4;
const TILE_HEADER = 48;
const EXACT_LEVEL = 22; // up to here solids are told to the nanosecond

/** One lane's tile: its solids, and over the message that brought it, its parts. */
export interface Tile {
  level: number;
  shift: number; // buckets are 2^(level + shift) ns
  index: number;
  flags: number;
  bytes: number;
  start: Float64Array; // of solids, ascending
  dur: Float64Array;
  who: Float64Array;
  group: Uint32Array;
  tag: Uint16Array;
  runCover: Float32Array; // equal buckets
  runTag: Uint16Array;
  runBucket: Uint16Array;
  runLength: Uint16Array;
  rowScale: Float32Array; // buckets each with a code
  rowTag: Uint16Array;
  rowBucket: Uint16Array;
  rowLength: Uint16Array;
  codes: Uint8Array; // row after row
}

export interface TileRecord {
  lane: number;
  tile: Tile;
}

/** What a code of a row is of the row's scale. */
export const SHARE_OF_CODE = Float32Array.from({ length: 256 }, (_, i) => (i / 255) ** 2);

/** Calls f for every stretch of equal buckets: its first bucket, how many, tag and cover. */
export function eachPart(t: Tile, f: (bucket: number, n: number, tag: number, cover: number) => void): void {
  for (let i = 0; i < t.runTag.length; i++) f(t.runBucket[i]!, t.runLength[i]!, t.runTag[i]!, t.runCover[i]!);
  let at = 0;
  for (let i = 0; i < t.rowTag.length; i++) {
    const n = t.rowLength[i]!;
    for (let k = 0; k < n; k++) {
      const code = t.codes[at + k]!;
      if (code > 0) f(t.rowBucket[i]! + k, 1, t.rowTag[i]!, SHARE_OF_CODE[code]! * t.rowScale[i]!);
    }
    at += n;
  }
}

interface Columns {
  f64(n: number): Float64Array;
  f32(n: number): Float32Array;
  u32(n: number): Uint32Array;
  u16(n: number): Uint16Array;
  u8(n: number): Uint8Array;
}

/** Typed arrays laid over a message, one behind the other. */
function columnsAt(b: ArrayBuffer, from: number): Columns {
  let at = from;
  const next = (bytes: number): number => (at += bytes) - bytes;
  return {
    f64: (n) => new Float64Array(b, next(8 * n), n),
    f32: (n) => new Float32Array(b, next(4 * n), n),
    u32: (n) => new Uint32Array(b, next(4 * n), n),
    u16: (n) => new Uint16Array(b, next(2 * n), n),
    u8: (n) => new Uint8Array(b, next(n), n),
  };
}

type Solids = Pick<Tile, "start" | "dur" | "who" | "group" | "tag">;
interface ShortSolids {
  from: Uint32Array; // from the tile's edge, in units
  length: Uint32Array;
  who: ArrayLike<number>; // + 1
  group: ArrayLike<number>;
  tag: Uint16Array;
}

/** One list by start of the solids that stand in full and of those measured from the tile's edge. */
function mergeSolids(full: Solids, short: ShortSolids, edge: number, unit: number): Solids {
  const n = full.tag.length + short.tag.length;
  const out: Solids = { start: new Float64Array(n), dur: new Float64Array(n), who: new Float64Array(n), group: new Uint32Array(n), tag: new Uint16Array(n) };
  for (let i = 0, l = 0, k = 0; i < n; i++) {
    if (l < full.tag.length && (k === short.tag.length || full.start[l]! <= edge + short.from[k]! * unit)) {
      out.start[i] = full.start[l]!;
      out.dur[i] = full.dur[l]!;
      out.who[i] = full.who[l]!;
      out.group[i] = full.group[l]!;
      out.tag[i] = full.tag[l++]!;
    } else {
      out.start[i] = edge + short.from[k]! * unit;
      out.dur[i] = short.length[k]! * unit;
      out.who[i] = short.who[k]! - 1;
      out.group[i] = short.group[k] ?? 0;
      out.tag[i] = short.tag[k++]!;
    }
  }
  return out;
}

function readTile(message: ArrayBuffer, at: number, v: DataView): Tile {
  const count = (i: number) => v.getUint32(at + 16 + 4 * i, true);
  const [longs, shorts, runs, rows, codes, flags, bytes] = [count(0), count(1), count(2), count(3), count(4), count(5), count(6)];
  const level = v.getUint16(at + 4, true);
  const index = v.getFloat64(at + 8, true);
  const narrow = (flags & TILE_NARROW) !== 0;
  const wide = narrow ? 0 : shorts;
  // Its own bytes: a view would keep the whole message alive, with all lanes that came in it.
  const c = columnsAt(message.slice(at, at + bytes), TILE_HEADER);
  const [start, dur, who, longGroup] = [c.f64(longs), c.f64(longs), c.f64(longs), c.u32(longs)];
  const [from, length, wideWho] = [c.u32(shorts), c.u32(shorts), c.u32(wide)];
  const [runCover, rowScale] = [c.f32(runs), c.f32(rows)];
  const [longTag, tag, group, narrowWho] = [c.u16(longs), c.u16(shorts), c.u16(wide), c.u16(shorts - wide)];
  const full = { start, dur, who, group: longGroup, tag: longTag };
  const short = { from, length, who: narrow ? narrowWho : wideWho, group, tag };
  const solids = mergeSolids(full, short, index * BUCKETS * 2 ** level, 2 ** Math.max(0, level - EXACT_LEVEL));
  const [runTag, runBucket, runLength] = [c.u16(runs), c.u16(runs), c.u16(runs)];
  const [rowTag, rowBucket, rowLength] = [c.u16(rows), c.u16(rows), c.u16(rows)];
  const parts = { runCover, runTag, runBucket, runLength, rowScale, rowTag, rowBucket, rowLength, codes: c.u8(codes) };
  return { level, shift: v.getUint16(at + 6, true), index, flags, bytes, ...solids, ...parts };
}

/** The tiles of a binary answer; throws RangeError on a message that lies about its sizes. */
export function readTiles(message: ArrayBuffer): { id: number; records: TileRecord[] } {
  const v = new DataView(message);
  const id = v.getUint32(0, true);
  const n = v.getUint32(4, true);
  const records: TileRecord[] = [];
  let at = 8;
  for (let i = 0; i < n; i++) {
    const tile = readTile(message, at, v);
    records.push({ lane: v.getUint32(at, true), tile });
    at += tile.bytes;
  }
  return { id, records };
}
