// model/app.ts - the whole state of the page: which trace, which window, what is selected, what is on.
// Every change goes through here; the page subscribes to the parts that it shows.

import { Observable } from "../lib/observable";
import { MAX_LEVEL, type FigureBy, type Gap, type Goroutine, type Id, type Info, type Push, type TraceEntry, type TraceList } from "../net/protocol";
import type { Socket } from "../net/socket";
import { RequestError } from "../net/socket";
import { upload } from "../net/upload";
import { restore } from "./address";
import { Answers, type Tab } from "./answers";
import { Area, type Stretch } from "./area";
import { Asked } from "./asked";
import { lookOfGroup, lookOfTag, type GroupLook, type TagLook } from "./families";
import { Figures, type By } from "./figures";
import { Filter } from "./filter";
import { Filtered } from "./filtered";
import { Finder } from "./finder";
import { Guide } from "./guide";
import { Lanes, type Grouping, type Order, type Row } from "./lanes";
import type { Link } from "./link";
import { Marks } from "./marks";
import { LaneNotes } from "./notes";
import { isSum, nextShown, noteLane, SIZES } from "./rows";
import { Selection } from "./selection";
import { GoSets } from "./sets";
import { SpanLanes } from "./spans";
import { levelFor, Tiles, type Wish } from "./tiles";
import { Viewport } from "./viewport";

export type Screen = "connecting" | "start" | "opening" | "trace" | "failed";
export interface Upload {
  name: string;
  done: number;
  total: number;
}

const QUICK_BYS: readonly By[] = ["reason", "refined", "function", "stack"];

/** What the details are about where it is neither a slice nor a goroutine. */
export type Subject = { kind: "p"; p: Id } | { kind: "gc"; from: number; to: number };

/** Whose tiles the rows are drawn from: several rows may show the same. */
const shownLanes = (rows: Row[]): Set<string> => new Set(rows.map((r) => r.lane).filter(Boolean));

export class App extends Observable {
  screen: Screen = "connecting";
  connected = false;
  list: TraceList = { traces: [], recent: [], samples: [] };
  entry: TraceEntry | null = null;
  info: Info | null = null;
  tags: TagLook[] = [];
  groups: GroupLook[] = [];
  uploading: Upload | null = null;
  notice = ""; // one sentence about something that went wrong
  off = new Set<number>(); // classes that the legend switched off
  highlight: { key: string; tags: Set<number> } | null = null;
  cursor: number | null = null; // ns
  gap: Gap | null = null; // a lost stretch whose card is shown
  subject: Subject | null = null;
  tab: Tab = "waits";
  sort = "-total";
  theme: "light" | "dark" | null = null;
  width = 0; // px of the lanes
  overviewWidth = 0;
  scrollGoal: number | null = null;
  readonly view = new Viewport();
  readonly lanes: Lanes;
  readonly sets: GoSets;
  readonly area = new Area();
  readonly marks = new Marks();
  readonly spans: SpanLanes;
  readonly notes: LaneNotes;
  readonly tiles: Tiles;
  readonly figures: Figures;
  readonly selection: Selection;
  readonly answers: Answers;
  readonly finder: Finder;
  readonly asked: Asked;
  readonly filter: Filter;
  readonly filtered: Filtered;
  readonly guide = new Guide(this);
  private link: Link = {};
  private asking = 0;
  private untouched = false; // nobody has arranged the lanes yet

  constructor(
    readonly socket: Socket,
    readonly search: string,
  ) {
    super();
    this.tiles = new Tiles(socket);
    this.sets = new GoSets(socket, this.tiles);
    this.lanes = new Lanes(this.sets);
    this.figures = new Figures(socket, this.lanes);
    this.selection = new Selection(socket);
    this.answers = new Answers(socket);
    this.finder = new Finder(socket);
    this.spans = new SpanLanes(socket);
    this.notes = new LaneNotes(socket);
    this.spans.onRows = () => {
      this.lanes.types = this.spans.types;
      this.lanes.layout();
    };
    this.asked = new Asked(socket);
    this.filter = new Filter(socket);
    this.filtered = new Filtered(socket);
    this.filter.subscribe(() => {
      this.lanes.only = this.filter.groups;
      this.lanes.layout();
      this.view.changed();
      this.changed();
    });
    // A key is answered at once, not with the next frame.
    let goal = this.view.goal;
    this.view.subscribe(() => {
      if (!this.view.moving || this.view.goal === goal) return;
      goal = this.view.goal;
      this.want();
    });
    socket.onPush = (p) => this.pushed(p);
    socket.onState = (c) => this.connection(c);
  }

  // ---- starting

  begin(link: Link): void {
    this.link = link;
    this.theme = link.theme ?? null;
    this.asked.text = link.sql ?? "";
    if (link.order) this.lanes.order = link.order;
    this.socket.connect();
  }

  private connection(connected: boolean): void {
    this.connected = connected;
    if (connected) void this.arrive();
    this.changed();
  }

  private async arrive(): Promise<void> {
    this.list.traces = []; // it may be another server
    await this.refreshList();
    if (this.entry) {
      const again = this.list.traces.find((t) => t.trace === this.entry?.trace && t.name === this.entry.name);
      if (again) {
        this.figures.refresh();
        this.spans.refresh();
        this.view.changed();
        return;
      }
    }
    const wanted = this.list.traces.find((t) => t.name === this.link.trace) ?? this.list.traces[0];
    if (wanted) await this.show(wanted);
    else {
      this.screen = "start";
      this.changed();
    }
  }

  async refreshList(): Promise<void> {
    const l = await this.ask<TraceList>("traces", {});
    // The end of an import may be told before an answer that was written earlier.
    const ended = (t: TraceEntry) => (t.state === "importing" ? this.list.traces.find((k) => k.trace === t.trace && k.state !== "importing") : undefined);
    if (l) this.list = { ...l, traces: l.traces.map((t) => ended(t) ?? t) };
    this.changed();
  }

  // ---- traces

  async show(entry: TraceEntry): Promise<void> {
    this.forget();
    this.entry = entry;
    if (entry.state === "failed") {
      this.screen = "failed";
      this.changed();
      return;
    }
    this.screen = "opening";
    this.changed();
    if (entry.state === "ready" || entry.progress.duration > 0) await this.askInfo(entry.trace);
  }

  private async askInfo(trace: number): Promise<void> {
    const info = await this.ask<Info>("info", { trace }, true);
    if (info && this.entry?.trace === trace) this.setInfo(info);
  }

  async open(what: { sample: string } | { recent: string }): Promise<void> {
    const t = await this.ask<{ trace: number }>("open", what);
    if (t) await this.showId(t.trace);
  }

  async upload(file: File): Promise<void> {
    this.uploading = { name: file.name, done: 0, total: file.size };
    this.notice = "";
    this.changed();
    try {
      const id = await upload(file, this.search, (done, total) => {
        this.uploading = { name: file.name, done, total };
        this.changed();
      });
      this.uploading = null;
      await this.showId(id);
    } catch (e) {
      this.uploading = null;
      this.say(`${file.name} was not opened. ${e instanceof Error ? e.message : ""}`);
    }
  }

  private async showId(trace: number): Promise<void> {
    await this.refreshList();
    const entry = this.list.traces.find((t) => t.trace === trace);
    if (entry) await this.show(entry);
  }

  stop(): void {
    if (this.entry) void this.ask("stop", { trace: this.entry.trace });
  }

  toStart(): void {
    this.forget();
    this.entry = null;
    this.screen = "start";
    void this.refreshList();
    this.changed();
  }

  private forget(): void {
    this.info = null;
    this.tags = [];
    this.groups = [];
    this.highlight = null;
    this.off.clear();
    this.cursor = null;
    this.gap = null;
    this.lanes.clear();
    this.lanes.setInfo(null, []);
    this.resetParts(-1, 1);
    this.area.set(null);
    this.subject = null;
    this.filter.clear();
    this.marks.set([]);
  }

  private resetParts(trace: number, duration: number): void {
    this.tiles.reset(trace, duration);
    this.answers.reset();
    for (const part of [this.figures, this.selection, this.finder, this.spans, this.sets, this.notes, this.asked]) part.reset(trace);
  }

  private setInfo(info: Info): void {
    const first = this.info === null;
    const grown = this.info !== null && (info.duration !== this.info.duration || info.complete !== this.info.complete);
    const trace = this.entry?.trace ?? -1;
    this.info = info;
    this.tags = info.tags.map(lookOfTag);
    this.groups = info.groups.map(lookOfGroup);
    this.filter.read(this.tags);
    if (first) {
      this.resetParts(trace, info.duration);
      this.screen = "trace";
      this.lanes.setInfo(info, this.groups);
      this.view.reset(info.duration);
      this.restore();
    } else {
      this.lanes.setInfo(info, this.groups);
      if (grown) this.grow(info);
    }
    if (first || grown) this.figures.askOverview(info.duration);
    this.changed();
  }

  private grow(info: Info): void {
    this.tiles.grow(info.duration, this.tiles.growing);
    this.figures.refresh();
    this.spans.refresh();
    this.notes.refresh();
    this.filtered.refresh();
    this.sets.grow(info.groups, info.duration, info.complete);
    this.view.grow(info.duration);
    this.view.changed();
  }

  /** What the address asked for, once its trace is here. */
  private restore(): void {
    const l = this.link;
    this.link = {};
    const own = l.trace === undefined || l.trace === this.entry?.name;
    if (own) restore(this, l);
    this.untouched = !own || (l.open === undefined && l.from === undefined);
  }

  /** Unfolds the first groups where the screen has room for them: lanes in which waiting is named say more than sums. */
  private unfoldFirst(): void {
    if (!this.untouched || this.lanes.viewHeight < 1 || this.entry?.state !== "ready") return;
    this.untouched = false;
    let room = this.lanes.room - this.lanes.height;
    for (const group of this.lanes.userGroups) {
      const rows = Math.min(nextShown(0) + 1, this.info?.groups[group]?.n ?? 0);
      room -= rows * SIZES.lane;
      if (room < 0) return;
      if (!this.lanes.open.has(group)) this.toggleGroup(group);
    }
  }

  // ---- what the server says by itself

  private pushed(p: Push): void {
    if (p.push === "trace") {
      const at = this.list.traces.findIndex((t) => t.trace === p.trace.trace);
      if (at >= 0) this.list.traces[at] = p.trace;
      else this.list.traces.push(p.trace);
      if (this.entry?.trace === p.trace.trace) this.progressed(p.trace);
      // A new one opens by itself; of one that failed at once its own request has told.
      else if (this.screen === "start" && !this.uploading && at < 0 && p.trace.state !== "failed") void this.show(p.trace);
      this.changed();
    } else if (this.entry?.trace === p.trace) this.setInfo(p.info);
  }

  private progressed(t: TraceEntry): void {
    const before = this.entry?.state;
    this.entry = t;
    if (t.state === "failed" && !this.info) this.screen = "failed";
    else if (t.state === "ready" && (before !== "ready" || !this.info)) void this.askInfo(t.trace);
    else if (!this.info && t.progress.duration > 0 && this.asking === 0) void this.askInfo(t.trace);
  }

  // ---- what the reader does

  say(sentence: string): void {
    this.notice = sentence;
    this.changed();
  }

  setOrder(o: Order): void {
    this.lanes.order = o;
    for (const g of this.lanes.open.keys()) this.askMembers(g, true);
    this.changed();
  }

  setBy(by: FigureBy): void {
    this.answers.setBy(this.tab, by);
    const quick = QUICK_BYS.find((b) => b === by);
    if (this.tab === "waits" && quick) this.figures.by = quick;
    this.figures.refresh();
    this.view.changed();
    this.changed();
  }

  setTab(tab: Tab): void {
    this.tab = tab;
    this.view.changed();
    this.changed();
  }

  /** What the tables are about: the chosen area, else the window. */
  stretch(): Stretch {
    if (this.area.value) return this.area.value;
    const { from, to } = this.view.goal;
    return { from: Math.max(0, Math.floor(from)), to: Math.min(this.view.duration, Math.ceil(to)), lanes: [] };
  }

  setFilter(text: string): void {
    if (text !== this.filter.text) void this.filter.set(text, this.entry?.trace ?? -1, this.view.duration, this.tags);
  }

  /** Looks for what was typed; `listed` opens the list of hits. */
  async lookFor(text: string, listed: boolean): Promise<void> {
    if (listed && text.trim()) this.setTab("found");
    await this.finder.find(text, this.view.duration, this.tags);
    this.changed();
  }

  /** Asks in SQL; the question stands in the address. */
  async askSql(sql: string): Promise<void> {
    const done = this.asked.run(sql);
    this.changed();
    await done;
    this.view.changed();
  }

  setSort(column: string): void {
    this.sort = this.sort === `-${column}` ? `+${column}` : `-${column}`;
    this.changed();
  }

  toggleFamily(cls: number): void {
    if (!this.off.delete(cls)) this.off.add(cls);
    this.changed();
  }

  toggleHighlight(key: string, match: (t: TagLook) => boolean): void {
    if (this.highlight?.key === key) this.highlight = null;
    else this.highlight = { key, tags: new Set(this.tags.flatMap((t, i) => (match(t) ? [i] : []))) };
    this.changed();
  }

  toggleGroup(group: number): void {
    if (this.lanes.open.has(group)) this.lanes.closeGroup(group);
    else {
      this.lanes.openGroup(group);
      this.askMembers(group, false);
    }
    this.changed();
  }

  /** Goroutines by their start function, or by creator, task or label. */
  setGrouping(by: Grouping): void {
    if (by !== this.sets.by) this.sets.group(by, this.info?.groups ?? [], this.view.duration);
    this.changed();
  }

  toggleType(key: string): void {
    this.spans.toggle(key);
  }

  /** More rows below those of a group or type: only what is not there yet is fetched. */
  showMore(row: Row): void {
    if (row.type !== undefined) this.spans.more(row.type);
    if (row.set !== undefined) this.sets.more(row.set);
    else if (row.group !== undefined) this.moreMembers(row.group);
  }

  private moreMembers(group: number): void {
    const offset = this.lanes.open.get(group)?.rows.length ?? 0;
    this.lanes.showMore(group);
    this.askMembers(group, false, offset);
  }

  askMembers(group: number, reorder: boolean, offset = 0): void {
    const { from, to } = this.view.goal;
    this.figures.askMembers(group, { from: Math.floor(from), to: Math.ceil(to) }, 0, reorder, offset);
  }

  /** Facts of goroutines that stand above although their group is closed. */
  async meet(ids: Id[]): Promise<void> {
    const unknown = [...new Set(ids)].filter((g) => !this.lanes.knows(g));
    const found = await Promise.all(unknown.map((g) => this.ask<Goroutine>("goroutine", { trace: this.entry?.trace, g }, true)));
    const people = found.filter((p): p is Goroutine => p !== null);
    if (people.length > 0) this.lanes.know(people);
  }

  togglePin(row: Row): void {
    this.lanes.togglePin(row.key, row.member);
  }

  setArea(a: Stretch | null): void {
    this.area.set(a);
  }

  /** A mark for what is chosen: the area, the selected slice, else the moment under the pointer. */
  mark(): void {
    const s = this.selection.slice;
    const a = this.area.value;
    const { from, to } = this.view.goal;
    const at = this.cursor ?? (from + to) / 2;
    if (a) this.marks.toggle(a.from, a.to);
    else if (s && this.cursor === null) this.marks.toggle(s.start, s.start + s.dur);
    else this.marks.toggle(at, at);
  }

  // ---- pictures

  /** Asks for the tiles of what can be seen; called once a frame when something changed. */
  want(): void {
    if (!this.info || this.width < 1) return;
    this.unfoldFirst();
    const wishes: Wish[] = [];
    const early: Wish[] = [];
    const { from, to } = this.view.goal;
    const level = levelFor((to - from) / this.width);
    const [a, b] = this.tiles.range(level, from, to);
    for (const lane of shownLanes(this.lanes.visible())) wishes.push({ lane, level, from: a, to: b });
    if (this.overviewWidth > 0) {
      const l = levelFor(this.view.duration / this.overviewWidth);
      const [oa, ob] = this.tiles.range(l, 0, this.view.duration);
      wishes.push({ lane: "ALL", level: l, from: oa, to: ob });
    }
    // Where the next key leads: beside, nearer, farther.
    const half = (to - from) / 2;
    const near = shownLanes(this.lanes.visible(200));
    for (const [l, beyond] of [[level, half], [level - 1, 0], [level + 1, half]] as const) {
      if (l < 0 || l > MAX_LEVEL) continue;
      const [ea, eb] = this.tiles.range(l, from - beyond, to + beyond);
      for (const lane of near) early.push({ lane, level: l, from: ea, to: eb });
    }
    this.tiles.want(wishes, this.view.moving ? [] : early, this.view.moving);
    if (this.view.moving) this.leave();
    else this.follow();
  }

  /** What the last rest asked for is not waited for any more. */
  private leave(): void {
    for (const part of [this.figures, this.sets, this.spans, this.notes]) part.leave();
    if (!this.area.value) this.answers.leave();
  }

  /** Tables of the window that rests. */
  private follow(): void {
    this.figures.follow(this.view.goal, this.view.duration, this.width);
    const trace = this.entry?.trace ?? -1;
    const of = this.stretch();
    if (of.lanes.length === 0) of.lanes = this.filter.lanes;
    this.answers.follow(trace, of, this.tab, this.filter.conditions, this.entry?.state === "importing", (group) => this.info?.groups[group]?.func ?? "");
    this.answers.followSame(trace, of, this.selection.slice);
    this.sets.follow(this.view.goal, this.view.duration, this.lanes.order);
    this.spans.follow(this.view.goal, this.view.duration, this.width);
    const rows = this.lanes.visible();
    const sums = rows.filter(isSum).map((r) => r.lane);
    this.filtered.follow(trace, this.filter, rows.map((r) => r.lane).filter((l) => /^[GPM]\d/.test(l)), sums, this.view.goal, this.view.duration);
    const seen = rows.map(noteLane).filter((l) => /^[GPMT]\d/.test(l));
    this.notes.follow([...new Set(seen)], this.view.goal, this.view.duration, this.width);
  }

  /** True while something that can be seen is not yet what it will be. */
  get busy(): boolean {
    if (this.screen === "connecting" || this.screen === "opening") return true;
    const parts = [this.tiles.loading, ...[this.figures, this.spans, this.sets, this.notes, this.selection, this.answers, this.finder, this.asked, this.filter, this.filtered].map((part) => part.busy)];
    return this.view.moving || this.scrollGoal !== null || this.asking > 0 || parts.some(Boolean);
  }

  /** Something that is waited for, so that the page counts as busy. */
  async during<T>(work: Promise<T>): Promise<T> {
    this.asking++;
    try {
      return await work;
    } finally {
      this.asking--;
      this.changed();
    }
  }

  /** A request whose failure is a notice (or nobody's business), not an exception. */
  async ask<T>(op: string, fields: Record<string, unknown>, quiet = false): Promise<T | null> {
    this.asking++;
    try {
      return await this.socket.request<T>(op, fields).answer;
    } catch (e) {
      if (!quiet && e instanceof RequestError && !e.canceled) this.say(e.message);
      return null;
    } finally {
      this.asking--;
      this.changed();
    }
  }
}
