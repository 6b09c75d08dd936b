// model/rows.ts - what a row of the timeline is, and how high.
// `top` is px: of pinned rows below the GC lane, of all others below the pinned rows, scrolled by Lanes.scroll.

import type { Goroutine, Id, Span } from "../net/protocol";

export type RowKind = "heap" | "count" | "states" | "inuse" | "section" | "p" | "m" | "creator" | "group" | "set" | "g" | "more" | "note" | "type" | "span";
export type SectionName = "counters" | "tasks" | "processors" | "threads" | "goroutines" | "system";
export const SECTIONS: readonly SectionName[] = ["counters", "processors", "threads", "tasks", "goroutines", "system"];
/** Sections that are open in a trace that nobody has touched. */
export const OPEN_SECTIONS: readonly SectionName[] = ["processors", "tasks", "goroutines"];

/** What a goroutine's row shows of it. */
export type Member = Pick<Goroutine, "g" | "group" | "run_window" | "wait_window" | "wait_window_tag">;

export interface Row {
  key: string;
  kind: RowKind;
  name: string;
  top: number;
  height: number;
  lane: string; // of tiles; "" = none
  pinned: boolean; // stands above what scrolls
  id?: Id;
  section?: SectionName;
  set?: string; // key of the set that it is, or is a member of
  group?: number;
  member?: Member;
  type?: string; // key of a task or region type
  span?: Span;
  open?: boolean;
  count?: number; // of a creator: how many it made
  nested?: boolean; // below a creator
  left?: number; // "more" rows: members not shown
  hidden?: number; // sections: rows that were hidden
}

/** Heights in px, from the tokens. */
export interface Sizes {
  ruler: number;
  gc: number;
  counter: number;
  section: number;
  lane: number;
  group: number;
}
export const SIZES: Sizes = { ruler: 26, gc: 26, counter: 42, section: 24, lane: 22, group: 28 };

/** Rows of which the reader may say: stay above, go away, stand elsewhere.  The key is the name in the address. */
export const movable = (r: Row): boolean => r.kind !== "section" && r.kind !== "more" && r.kind !== "note" && r.kind !== "span";

/** Whose notes stand on a row: a task has its own, wherever they were written. */
export function noteLane(r: Row): string {
  if (r.kind !== "span") return r.lane;
  return r.type?.startsWith("task/") ? `T${r.span?.id}` : "";
}

/** Rows whose picture is an area: so many goroutines in each state. */
export const isSum = (r: Row): boolean => r.kind === "group" || r.kind === "creator" || r.kind === "set";

const STEPS = [8, 50, 200, 1000]; // rows of an open group

/** How many are shown after so many, when more are wanted. */
export const nextShown = (shown: number): number => STEPS.find((s) => s > shown) ?? shown + 1000;

export const isPinnedCopy = (key: string): boolean => key.startsWith("pin/");

/** The key of a row wherever else it stands: a pinned copy's original, a goroutine in a set. */
export const plain = (key: string): string => key.replace(/^pin\//, "").replace(/^(?:task|label|by):.*\/(?=G-?\d+$)/s, "");
