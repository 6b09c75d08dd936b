// model/lanes.ts - the rows of the timeline, top to bottom: which are open, pinned, hidden, moved, and which has the
// keyboard.  Pinned rows (and the lanes of a shown wake chain) stand above, the others scroll below them.

import { visible } from "../lib/format";
import { Observable } from "../lib/observable";
import type { Id, Info, Members } from "../net/protocol";
import type { GroupLook } from "./families";
import { isPinnedCopy, movable, nextShown, OPEN_SECTIONS, plain, SIZES, type Member, type Row, type RowKind, type SectionName } from "./rows";
import type { GoSet, GoSets, Order } from "./sets";
import type { SpanType } from "./spans";

export { SIZES, type Row, type RowKind, type SectionName } from "./rows";
export type { Grouping, Order } from "./sets";

const MOST_PINNED = 0.6; // share of the height; what does not fit scrolls

export interface OpenGroup {
  shown: number;
  all: number;
  rows: Member[]; // in the order on the screen
  pins: Member[]; // shown whatever their order says
}

// Pinning moves these; groups and their goroutines keep their place, and a copy stands above.
const MOVED: readonly RowKind[] = ["heap", "count", "states", "inuse", "p", "m"];

type Draft = Omit<Row, "top" | "pinned">;

export class Lanes extends Observable {
  rows: Row[] = []; // those that scroll
  fixed: Row[] = []; // those that stand
  fixedHeight = 0;
  height = 0; // of what scrolls
  scroll = 0;
  viewHeight = 0; // px below the GC lane
  sections = new Set<SectionName>(OPEN_SECTIONS);
  open = new Map<number, OpenGroup>();
  order: Order = "wait";
  filter = "";
  only: Set<number> | null = null; // groups that a filter leaves
  userGroups: number[] = [];
  systemGroups: number[] = [];
  openCreators = new Set<string>(); // keys
  types: SpanType[] = []; // of tasks and regions
  pins: string[] = []; // keys, in order
  hidden = new Set<string>();
  ranks: string[] = []; // keys that the reader has moved, in their order
  chain: Id[] = []; // goroutines of the wake chain that is shown
  guest: Id | null = null; // the selected goroutine, where its own row is hidden
  focus = ""; // key of the row that the keyboard is at
  scrolls = 0; // of all changes, those that changed no row
  private people = new Map<Id, Member>(); // pinned goroutines whose group is not open
  private info: Info | null = null;
  private looks: GroupLook[] = [];
  private nested = new Map<string, Draft[]>(); // rows of open creators, by their keys

  constructor(readonly sets: GoSets) {
    super();
    sets.subscribe(() => this.layout());
  }

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
    this.people.clear();
    this.hidden.clear();
    this.openCreators.clear();
    this.types = [];
    this.pins = [];
    this.ranks = [];
    this.chain = [];
    this.guest = null;
    this.focus = "";
    this.scroll = 0;
    this.filter = "";
    this.only = null;
    this.sections = new Set(OPEN_SECTIONS);
  }

  // ---- the rows

  layout(): void {
    const drafts = this.info ? this.drafts(this.info) : [];
    const first = this.pinnedDrafts(drafts);
    this.fixed = [];
    this.rows = [];
    let top = 0;
    while (first[0] && top + first[0].height <= this.viewHeight * MOST_PINNED) {
      const d = first.shift()!;
      this.fixed.push({ ...d, top, pinned: true });
      top += d.height;
    }
    this.fixedHeight = top;
    top = 0;
    for (const d of [...first, ...drafts.filter((x) => !(MOVED.includes(x.kind) && this.pins.includes(x.key)))]) {
      this.rows.push({ ...d, top, pinned: false });
      top += d.height;
    }
    this.height = top;
    this.scrollTo(this.scroll, false);
    this.changed();
  }

  private drafts(info: Info): Draft[] {
    const out: Draft[] = [];
    const counter = { height: SIZES.counter, lane: "ALL" };
    if (info.heap && !this.hidden.has("heap")) out.push({ ...counter, key: "heap", kind: "heap", name: "Heap", lane: "" });
    if (!this.hidden.has("count")) out.push({ ...counter, key: "count", kind: "count", name: "Goroutines not waiting" });
    this.section(out, "counters", "Counters", [
      { ...counter, key: "states", kind: "states", name: "Goroutines by state" },
      { ...counter, key: "inuse", kind: "inuse", name: "Threads in use" },
    ]);
    this.section(out, "processors", "Processors", info.procs.map((id) => this.numbered("p", "P", id)));
    if (info.threads_reliable) this.section(out, "threads", "Threads", info.threads.map((id) => this.numbered("m", "M", id)));
    else out.push({ key: "threads-note", kind: "note", name: "", height: SIZES.lane, lane: "" });
    if (this.types.length > 0) this.spans(out);
    this.section(out, "goroutines", "Goroutines", this.heads());
    if (this.systemGroups.length > 0) this.section(out, "system", "System goroutines", this.grouped(this.systemGroups));
    return out;
  }

  /** A heading and, where it is open, its rows: without the hidden ones, the moved ones in their order, each followed by its own. */
  private section(out: Draft[], section: SectionName, name: string, heads: Draft[]): void {
    const open = this.sections.has(section);
    const shown = heads.filter((d) => !this.hidden.has(d.key));
    out.push({ key: section, kind: "section", name, height: SIZES.section, lane: "", section, open, hidden: heads.length - shown.length });
    if (!open) return;
    const rank = new Map(this.ranks.map((k, i) => [k, i]));
    const at = (d: Draft) => rank.get(d.key) ?? Infinity;
    if (rank.size > 0) shown.sort((a, b) => (at(a) === at(b) ? 0 : at(a) - at(b)));
    for (const d of shown) {
      out.push(d);
      if (d.kind === "creator" && d.open) for (const g of this.nested.get(d.key) ?? []) this.withMembers(out, g);
      this.members(out, d);
      if (d.kind === "type") this.ofType(out, d.type!);
    }
  }

  private numbered(kind: "p" | "m", letter: string, id: Id): Draft {
    const lane = `${letter}${id}`;
    return { key: lane, kind, name: lane, height: SIZES.lane, lane, id };
  }

  private grouped(ids: number[]): Draft[] {
    const needle = this.filter.toLowerCase();
    return ids.flatMap((group) => {
      const name = this.looks[group]?.name ?? "";
      if (needle && !name.toLowerCase().includes(needle)) return [];
      if (this.only && !this.only.has(group)) return [];
      return [{ key: `F${group}`, kind: "group" as const, name, height: SIZES.group, lane: `F${group}`, group, open: this.open.has(group) }];
    });
  }

  private withMembers(out: Draft[], d: Draft): void {
    if (this.hidden.has(d.key)) return;
    out.push(d);
    this.members(out, d);
  }

  /** What the section of goroutines shows folded, as it is grouped. */
  private heads(): Draft[] {
    const { by, sets, creators } = this.sets;
    if (by === "function" || (by === "creator" && creators.length === 0)) return this.grouped(this.userGroups);
    if (by === "creator") return this.byCreator();
    // Whoever is in no set stands below them, by start function.
    const rest = this.userGroups.filter((g) => (this.sets.covered.get(g) ?? 0) < (this.info?.groups[g]?.n ?? 0));
    return [...sets.flatMap((s) => this.setHead(s)), ...this.grouped(rest)];
  }

  private setHead(s: GoSet): Draft[] {
    if (this.filter && !s.name.toLowerCase().includes(this.filter.toLowerCase())) return [];
    if (this.only && !s.parts.some(([g]) => this.only!.has(g))) return [];
    return [{ key: s.key, kind: "set", name: s.name, height: SIZES.group, lane: s.lane, set: s.key, open: s.rows !== null }];
  }

  /** Groups below the function whose goroutines created them; a group of several creators is parted among them. */
  private byCreator(): Draft[] {
    const groups = new Map(this.grouped(this.userGroups).map((d) => [d.group!, d]));
    this.nested.clear();
    return this.sets.creators.flatMap((c): Draft[] => {
      const own = c.parts.flatMap(({ group, lane }) => {
        const whole = groups.get(group!);
        const set = lane.startsWith("F") ? undefined : this.sets.setOf(`by:${c.creator ?? ""}:${group}`);
        return whole ? (set ? this.setHead(set) : [whole]).map((d) => ({ ...d, nested: true })) : [];
      });
      if (own.length === 0) return [];
      const key = `C${c.creator ?? ""}`;
      const name = c.creator === null ? "" : (this.looks[c.creator]?.name ?? "");
      this.nested.set(key, own);
      return [{ key, kind: "creator", name, height: SIZES.group, lane: c.lane, count: c.n, open: this.openCreators.has(key) }];
    });
  }

  toggleCreator(key: string): void {
    if (!this.openCreators.delete(key)) this.openCreators.add(key);
    this.layout();
  }

  /** The rows of an open group or set. */
  private members(out: Draft[], d: Draft): void {
    if (d.kind !== "group" && d.kind !== "set") return;
    const set = d.set === undefined ? undefined : this.sets.setOf(d.set);
    const o = d.group === undefined ? undefined : this.open.get(d.group);
    const rows = set?.rows ?? (o ? this.membersOf(o) : []);
    const inSet = { ...(set ? { set: set.key } : {}), ...(d.nested ? { nested: true } : {}) };
    for (const m of rows) if (!this.hidden.has(`G${m.g}`)) out.push({ ...this.member(m), ...inSet, ...(set ? { key: `${set.key}/G${m.g}` } : {}) });
    const left = set ? set.all - rows.length : (o?.all ?? 0) - (o?.rows.length ?? 0);
    if (left > 0 && rows.length > 0) out.push({ key: `more/${d.key}`, kind: "more", name: "", height: SIZES.lane, lane: "", left, ...inSet, ...(d.group === undefined ? {} : { group: d.group }) });
  }

  private member(m: Member): Draft {
    const lane = `G${m.g}`;
    return { key: lane, kind: "g", name: visible(lane), height: SIZES.lane, lane, id: m.g, group: m.group, member: m };
  }

  private membersOf(o: OpenGroup): Member[] {
    const seen = new Set(o.rows.map((r) => r.g));
    return [...o.pins.filter((p) => !seen.has(p.g)), ...o.rows];
  }

  private spans(out: Draft[]): void {
    this.section(
      out,
      "tasks",
      "Tasks and regions",
      this.types.map((t) => ({ key: t.key, kind: "type" as const, name: t.name, height: SIZES.group, lane: "", type: t.key, open: t.rows !== null })),
    );
  }

  private ofType(out: Draft[], type: string): void {
    const t = this.types.find((x) => x.key === type);
    if (!t?.rows) return;
    for (const s of t.rows)
      out.push({ key: `${type}/${s.key}`, kind: "span", name: s.label, height: SIZES.lane, lane: s.g === null ? "" : `G${s.g}`, type, span: s, ...(s.g === null ? {} : { id: s.g }) });
    const left = t.all - t.rows.length;
    if (left > 0) out.push({ key: `more${type}`, kind: "more", name: "", height: SIZES.lane, lane: "", type, left });
  }

  /** The wake chain's lanes or the guest's, then what is pinned: copies that keep their own keys. */
  private pinnedDrafts(drafts: Draft[]): Draft[] {
    const out: Draft[] = [];
    const byKey = new Map(drafts.map((d) => [d.key, d]));
    const guests = this.guest === null || this.chain.length > 0 ? this.chain : [this.guest];
    for (const key of [...guests.map((g) => `G${g}`), ...this.pins]) {
      const d = byKey.get(key) ?? this.absent(key);
      if (d && !out.some((x) => x.key === `pin/${key}`)) out.push({ ...d, key: `pin/${key}` });
    }
    return out;
  }

  /** A pinned row whose section or group is closed. */
  private absent(key: string): Draft | null {
    const person = key.startsWith("G") ? this.people.get(key.slice(1)) : undefined;
    if (person) return this.member(person);
    const id = this.idOf(key);
    if (id === null) return null;
    if (key.startsWith("P") && this.info?.procs.includes(id)) return this.numbered("p", "P", id);
    if (key.startsWith("M") && this.info?.threads.includes(id)) return this.numbered("m", "M", id);
    if (key.startsWith("F")) return this.grouped([Number(id)])[0] ?? null;
    return null;
  }

  private idOf(key: string): Id | null {
    const m = /^[PMF](-?\d+)$/.exec(key);
    return m ? Number(m[1]) : null;
  }

  // ---- what the reader does with them

  toggleSection(s: SectionName): void {
    if (!this.sections.delete(s)) this.sections.add(s);
    this.layout();
  }

  openGroup(group: number, pin?: Member): void {
    const section = this.info?.groups[group]?.kind === "user" ? "goroutines" : "system";
    this.sections.add(section);
    const o = this.open.get(group) ?? { shown: nextShown(0), all: 0, rows: [], pins: [] };
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
    o.shown = nextShown(o.shown);
  }

  /** Rows [offset …) of a group.  A whole list keeps who is on the screen at the same place; who is new comes below. */
  setMembers(group: number, m: Members, offset: number, reorder: boolean): void {
    const o = this.open.get(group);
    if (!o) return;
    const fresh = new Map(m.rows.map((r) => [r.g, r]));
    const kept: Member[] = [];
    for (const r of offset > 0 || !reorder ? o.rows : []) {
      const f = fresh.get(r.g);
      if (f) kept.push(f);
      else if (offset > 0) kept.push(r);
      fresh.delete(r.g);
    }
    o.rows = [...kept, ...fresh.values()];
    o.pins = o.pins.map((p) => m.rows.find((r) => r.g === p.g) ?? p);
    o.all = m.all;
    this.layout();
  }

  isPinned(key: string): boolean {
    return this.pins.includes(plain(key));
  }

  /** Keeps a row above, or lets it go again.  A goroutine needs its facts where its group is closed. */
  togglePin(key: string, person?: Member): void {
    const k = plain(key);
    if (person) this.people.set(String(person.g), person);
    this.pins = this.pins.includes(k) ? this.pins.filter((x) => x !== k) : [...this.pins, k];
    this.layout();
  }

  /** Who is selected stands above while its own row is hidden; null: nobody. */
  host(guest: Member | null): void {
    if (this.guest === (guest?.g ?? null)) return;
    this.guest = guest?.g ?? null;
    if (guest) this.people.set(String(guest.g), guest);
    this.layout();
  }

  know(people: Member[]): void {
    for (const p of people) this.people.set(String(p.g), p);
    this.layout();
  }

  knows(g: Id): boolean {
    return this.people.has(String(g)) || this.rows.some((r) => r.kind === "g" && r.id === g);
  }

  hide(key: string): void {
    const k = plain(key);
    if (isPinnedCopy(key)) this.pins = this.pins.filter((x) => x !== k);
    else this.hidden.add(k);
    this.layout();
  }

  /** Shows again what was hidden: of one section, or everywhere. */
  unhide(section?: SectionName): void {
    const of = section && this.headsOf(section);
    for (const k of [...this.hidden]) if (!of || of.includes(k)) this.hidden.delete(k);
    this.layout();
  }

  private headsOf(section: SectionName): string[] {
    if (section === "processors") return (this.info?.procs ?? []).map((p) => `P${p}`);
    if (section === "threads") return (this.info?.threads ?? []).map((m) => `M${m}`);
    if (section === "tasks") return this.types.map((t) => t.key);
    if (section === "counters") return ["states", "inuse"];
    const groups = (section === "goroutines" ? this.userGroups : this.systemGroups).map((g) => `F${g}`);
    return section === "goroutines" ? [...groups, ...this.sets.sets.map((s) => s.key)] : groups;
  }

  /** Puts a row before (-1) or behind (+1) its neighbour of the same kind. */
  move(key: string, step: -1 | 1): void {
    const list = this.listOf(key);
    const target = list[list.indexOf(key) + step];
    if (target) this.moveTo(key, target);
  }

  /** Puts a row where another of its list stands. */
  moveTo(key: string, target: string): void {
    const list = this.listOf(key);
    const to = list.indexOf(target);
    if (to < 0 || key === target) return;
    list.splice(list.indexOf(key), 1);
    list.splice(to, 0, key);
    const row = this.rows.find((r) => r.key === key);
    const members = row?.kind !== "g" ? undefined : row.set === undefined ? this.open.get(row.group!)?.rows : this.sets.setOf(row.set)?.rows;
    if (isPinnedCopy(key)) this.pins = list.map(plain);
    else if (members) {
      const at = new Map(list.map((k, i) => [plain(k), i]));
      members.sort((a, b) => (at.get(`G${a.g}`) ?? Infinity) - (at.get(`G${b.g}`) ?? Infinity));
    } else this.ranks = [...this.ranks.filter((x) => !list.includes(x)), ...list];
    this.layout();
  }

  /** Keys of the rows that stand in one list with this one. */
  private listOf(key: string): string[] {
    if (isPinnedCopy(key)) return this.pins.map((k) => `pin/${k}`);
    const row = this.rows.find((r) => r.key === key);
    if (!row || !movable(row)) return [];
    const section = this.sectionOf(row);
    return this.rows.filter((r) => r.kind === row.kind && (row.kind === "g" ? r.group === row.group && r.set === row.set : this.sectionOf(r) === section)).map((r) => r.key);
  }

  private sectionOf(row: Row): SectionName | undefined {
    let found: SectionName | undefined;
    for (const r of this.rows) {
      if (r.kind === "section") found = r.section;
      if (r.key === row.key) return found;
    }
    return undefined;
  }

  /** The keyboard goes up or down; the row that it reaches. */
  moveFocus(step: -1 | 1): Row | undefined {
    const all = [...this.fixed, ...this.rows].filter((r) => r.kind !== "note");
    const at = all.findIndex((r) => r.key === this.focus);
    const seen = this.visible().find((r) => r.kind !== "note");
    const next = at < 0 ? seen : all[Math.min(all.length - 1, Math.max(0, at + step))];
    if (next) this.focus = next.key;
    this.changed();
    return next;
  }

  get focused(): Row | undefined {
    return this.fixed.find((r) => r.key === this.focus) ?? this.rows.find((r) => r.key === this.focus);
  }

  // ---- where they are

  /** The row of a lane; its pinned copy where there is one. */
  row(lane: string): Row | undefined {
    const is = (r: Row) => r.lane === lane && r.kind !== "span" && r.kind !== "count" && r.kind !== "states" && r.kind !== "inuse";
    return this.fixed.find(is) ?? this.rows.find(is);
  }

  /** px below the GC lane. */
  yOf(r: Row): number {
    return r.pinned ? r.top : this.fixedHeight + r.top - this.scroll;
  }

  /** px for what scrolls. */
  get room(): number {
    return Math.max(0, this.viewHeight - this.fixedHeight);
  }

  /** Rows that can be seen, and `beyond` px more on both sides. */
  visible(beyond = 0): Row[] {
    const a = this.scroll - beyond;
    const b = this.scroll + this.room + beyond;
    let lo = 0;
    let hi = this.rows.length;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      const r = this.rows[mid];
      if (r && r.top + r.height <= a) lo = mid + 1;
      else hi = mid;
    }
    const out: Row[] = [...this.fixed];
    for (let i = lo; i < this.rows.length; i++) {
      const r = this.rows[i];
      if (!r || r.top >= b) break;
      out.push(r);
    }
    return out;
  }

  at(y: number): Row | undefined {
    const among = y < this.fixedHeight ? this.fixed : this.visible().filter((r) => !r.pinned);
    return among.find((r) => y >= this.yOf(r) && y < this.yOf(r) + r.height);
  }

  scrollTo(px: number, tell = true): void {
    const max = Math.max(0, this.height - this.room);
    const to = Math.round(Math.min(max, Math.max(0, px)));
    if (to === this.scroll) return;
    this.scroll = to;
    if (!tell) return;
    this.scrolls++;
    this.changed();
  }

  /** Where to scroll so that the row is in sight; the present scroll where it is. */
  scrollFor(r: Row): number {
    if (r.pinned) return this.scroll;
    const margin = SIZES.lane * 2;
    if (r.top < this.scroll) return r.top - margin;
    if (r.top + r.height > this.scroll + this.room) return r.top + r.height - this.room + margin;
    return this.scroll;
  }
}
