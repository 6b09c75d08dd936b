// model/lanes.ts - the rows of the timeline, top to bottom, and which of them are open.
// Tops are px of content, 0 below the ruler and the GC lane, which do not scroll.

import { visible } from "../lib/format";
import { Observable } from "../lib/observable";
import type { Goroutine, Id, Info, Members } from "../net/protocol";
import type { GroupLook } from "./families";

export type RowKind = "heap" | "count" | "section" | "p" | "m" | "group" | "g" | "more" | "note";
export type SectionName = "processors" | "threads" | "goroutines" | "system";
export type Order = "wait" | "running" | "start" | "id";

export interface Row {
  key: string;
  kind: RowKind;
  name: string;
  top: number;
  height: number;
  lane: string; // of tiles; "" = none
  id?: Id;
  section?: SectionName;
  group?: number;
  member?: Goroutine;
  open?: boolean;
  left?: number; // "more" rows: members not shown
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

export const FIRST_SHOWN = 8;
const STEPS = [8, 50, 200, 1000];

export interface OpenGroup {
  shown: number;
  all: number;
  rows: Goroutine[]; // in the order on the screen
  pins: Goroutine[]; // shown whatever their order says
}

export class Lanes extends Observable {
  rows: Row[] = [];
  height = 0;
  scroll = 0;
  viewHeight = 0; // px of content that can be seen
  sections = new Set<SectionName>(["processors", "goroutines"]);
  open = new Map<number, OpenGroup>();
  order: Order = "wait";
  filter = "";
  userGroups: number[] = [];
  systemGroups: number[] = [];
  private info: Info | null = null;
  private looks: GroupLook[] = [];

  setInfo(info: Info | null, looks: GroupLook[]): void {
    this.info = info;
    this.looks = looks;
    // Those that do most first: who only ever waits explains little.
    const done = (i: number) => {
      const s = info?.groups[i]?.state_ns;
      return s ? s.running + s.runnable + s.syscall : 0;
    };
    const by = (a: number, b: number) => done(b) - done(a) || a - b;
    const ids = (info?.groups ?? []).map((_, i) => i).filter((i) => (info?.groups[i]?.n ?? 0) > 0);
    this.userGroups = ids.filter((i) => info?.groups[i]?.kind === "user").sort(by);
    this.systemGroups = ids.filter((i) => info?.groups[i]?.kind !== "user").sort(by);
    this.layout();
  }

  clear(): void {
    this.open.clear();
    this.scroll = 0;
    this.filter = "";
    this.sections = new Set(["processors", "goroutines"]);
  }

  layout(): void {
    const info = this.info;
    this.rows = [];
    let top = 0;
    const add = (r: Omit<Row, "top">) => {
      this.rows.push({ ...r, top });
      top += r.height;
    };
    if (info) {
      const counter = { height: SIZES.counter, lane: "" };
      add({ key: "heap", kind: "heap", name: "Heap", ...counter });
      add({ key: "count", kind: "count", name: "Goroutines not waiting", ...counter, lane: "ALL" });
      this.numbered(add, "processors", "Processors", "p", "P", info.procs);
      if (info.threads_reliable) this.numbered(add, "threads", "Threads", "m", "M", info.threads);
      else add({ key: "threads-note", kind: "note", name: "", height: SIZES.lane, lane: "" });
      this.grouped(add, "goroutines", "Goroutines", this.userGroups);
      if (this.systemGroups.length > 0) this.grouped(add, "system", "System goroutines", this.systemGroups);
    }
    this.height = top;
    this.scrollTo(this.scroll, false);
    this.changed();
  }

  private numbered(add: (r: Omit<Row, "top">) => void, section: SectionName, name: string, kind: "p" | "m", letter: string, ids: Id[]): void {
    const open = this.sections.has(section);
    add({ key: section, kind: "section", name, height: SIZES.section, lane: "", section, open });
    if (!open) return;
    for (const id of ids) {
      const lane = `${letter}${id}`;
      add({ key: lane, kind, name: lane, height: SIZES.lane, lane, id });
    }
  }

  private grouped(add: (r: Omit<Row, "top">) => void, section: SectionName, name: string, ids: number[]): void {
    const open = this.sections.has(section);
    add({ key: section, kind: "section", name, height: SIZES.section, lane: "", section, open });
    if (!open) return;
    const needle = this.filter.toLowerCase();
    for (const group of ids) {
      const look = this.looks[group];
      if (needle && !look?.name.toLowerCase().includes(needle)) continue;
      const o = this.open.get(group);
      add({ key: `F${group}`, kind: "group", name: look?.name ?? "", height: SIZES.group, lane: `F${group}`, group, open: !!o });
      if (!o) continue;
      for (const m of this.membersOf(o)) {
        const lane = `G${m.g}`;
        add({ key: lane, kind: "g", name: visible(lane), height: SIZES.lane, lane, id: m.g, group, member: m });
      }
      const left = o.all - o.rows.length;
      if (left > 0 && o.rows.length > 0) {
        add({ key: `more${group}`, kind: "more", name: "", height: SIZES.lane, lane: "", group, left });
      }
    }
  }

  private membersOf(o: OpenGroup): Goroutine[] {
    const seen = new Set(o.rows.map((r) => r.g));
    return [...o.pins.filter((p) => !seen.has(p.g)), ...o.rows];
  }

  toggleSection(s: SectionName): void {
    if (!this.sections.delete(s)) this.sections.add(s);
    this.layout();
  }

  openGroup(group: number, pin?: Goroutine): void {
    const section = this.info?.groups[group]?.kind === "user" ? "goroutines" : "system";
    this.sections.add(section);
    const o = this.open.get(group) ?? { shown: FIRST_SHOWN, all: 0, rows: [], pins: [] };
    if (pin && !o.rows.some((r) => r.g === pin.g) && !o.pins.some((r) => r.g === pin.g)) o.pins = [...o.pins.slice(-7), pin];
    this.open.set(group, o);
    this.layout();
  }

  closeGroup(group: number): void {
    this.open.delete(group);
    this.layout();
  }

  showMore(group: number): void {
    const o = this.open.get(group);
    if (!o) return;
    o.shown = STEPS.find((s) => s > o.shown) ?? o.shown + 1000;
  }

  /** New figures of the window.  Who is on the screen keeps the place; who is new comes below. */
  setMembers(group: number, m: Members, reorder: boolean): void {
    const o = this.open.get(group);
    if (!o) return;
    const fresh = new Map(m.rows.map((r) => [r.g, r]));
    const kept: Goroutine[] = [];
    if (!reorder) {
      for (const r of o.rows) {
        const f = fresh.get(r.g);
        if (f) {
          kept.push(f);
          fresh.delete(r.g);
        }
      }
    }
    o.rows = [...kept, ...fresh.values()];
    o.pins = o.pins.map((p) => m.rows.find((r) => r.g === p.g) ?? p);
    o.all = m.all;
    this.layout();
  }

  row(lane: string): Row | undefined {
    return this.rows.find((r) => r.lane === lane && r.kind !== "count");
  }

  /** Rows that can be seen, and `beyond` px more on both sides. */
  visible(beyond = 0): Row[] {
    const a = this.scroll - beyond;
    const b = this.scroll + this.viewHeight + beyond;
    let lo = 0;
    let hi = this.rows.length;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      const r = this.rows[mid];
      if (r && r.top + r.height <= a) lo = mid + 1;
      else hi = mid;
    }
    const out: Row[] = [];
    for (let i = lo; i < this.rows.length; i++) {
      const r = this.rows[i];
      if (!r || r.top >= b) break;
      out.push(r);
    }
    return out;
  }

  at(y: number): Row | undefined {
    return this.visible().find((r) => y >= r.top - this.scroll && y < r.top - this.scroll + r.height);
  }

  scrollTo(px: number, tell = true): void {
    const max = Math.max(0, this.height - this.viewHeight);
    const to = Math.round(Math.min(max, Math.max(0, px)));
    if (to === this.scroll) return;
    this.scroll = to;
    if (tell) this.changed();
  }

  /** Where to scroll so that the row is in sight; the present scroll where it is. */
  scrollFor(r: Row): number {
    const margin = SIZES.lane * 2;
    if (r.top < this.scroll) return r.top - margin;
    if (r.top + r.height > this.scroll + this.viewHeight) return r.top + r.height - this.viewHeight + margin;
    return this.scroll;
  }
}
