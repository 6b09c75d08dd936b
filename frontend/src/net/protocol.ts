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
  wait_window: number;
  wait_window_tag: number;
}
export interface Members {
  all: number;
  rows: Goroutine[];
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
  truncated: boolean;
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

/** One lane's tile: columns over the message that brought it. */
export interface Tile {
  level: number;
  index: number;
  flags: number;
  bytes: number;
  start: Float64Array;
  dur: Float64Array;
  who: Float64Array;
  group: Uint32Array;
  tag: Uint16Array;
  cover: Float32Array;
  bucket: Uint16Array;
  partTag: Uint16Array;
}

export interface TileRecord {
  lane: number;
  tile: Tile;
}

/** Lays typed arrays over a binary answer; throws RangeError on a message that lies about its sizes. */
export function readTiles(message: ArrayBuffer): { id: number; records: TileRecord[] } {
  const v = new DataView(message);
  const id = v.getUint32(0, true);
  const n = v.getUint32(4, true);
  const records: TileRecord[] = [];
  let at = 8;
  for (let i = 0; i < n; i++) {
    const solids = v.getUint32(at + 16, true);
    const parts = v.getUint32(at + 20, true);
    const bytes = v.getUint32(at + 28, true);
    let o = at + 32;
    const take = <T>(make: (buffer: ArrayBuffer, offset: number, length: number) => T, count: number, size: number): T => {
      const a = make(message, o, count);
      o += count * size;
      return a;
    };
    const f64 = (b: ArrayBuffer, off: number, c: number) => new Float64Array(b, off, c);
    const u16 = (b: ArrayBuffer, off: number, c: number) => new Uint16Array(b, off, c);
    const tile: Tile = {
      level: v.getUint32(at + 4, true),
      index: v.getFloat64(at + 8, true),
      flags: v.getUint32(at + 24, true),
      bytes,
      start: take(f64, solids, 8),
      dur: take(f64, solids, 8),
      who: take(f64, solids, 8),
      group: take((b, off, c) => new Uint32Array(b, off, c), solids, 4),
      cover: take((b, off, c) => new Float32Array(b, off, c), parts, 4),
      tag: take(u16, solids, 2),
      bucket: take(u16, parts, 2),
      partTag: take(u16, parts, 2),
    };
    records.push({ lane: v.getUint32(at, true), tile });
    at += bytes;
  }
  return { id, records };
}
