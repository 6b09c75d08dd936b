// model/address.ts - the whole view as an address says it, and back: window and lanes; and what is asked: table, order, area,
// filter, search, question in SQL, and what the details show.

import type { FigureBy } from "../net/protocol";
import type { Tab } from "./answers";
import type { App } from "./app";
import type { Link } from "./link";
import { OPEN_SECTIONS, SECTIONS, type SectionName } from "./rows";

const TABS: readonly Tab[] = ["waits", "ready", "running", "syscalls", "goroutines", "gc", "found", "sql"];
const BYS: readonly FigureBy[] = ["reason", "refined", "function", "stack", "goroutine", "start"];
const LANE = /^[PGMFS]\d{1,18}$/;

function answersToLink(app: App, l: Link): void {
  if (app.tab !== "waits") l.tab = app.tab;
  if (app.sort !== "-total") l.sort = app.sort;
  const by = app.answers.by[app.tab];
  if (by) l.by = by;
  const a = app.area.value;
  if (a) l.area = [`${a.from}-${a.to}`, ...a.lanes].join(",");
  if (app.filter.text) l.filter = app.filter.text;
  if (app.finder.text) l.find = app.finder.text;
  if (app.asked.text) l.sql = app.asked.text;
  if (app.subject?.kind === "p") l.lane = `P${app.subject.p}`;
  if (app.subject?.kind === "gc") l.cycle = `${app.subject.from}-${app.subject.to}`;
}

/** What an address says about tables, once its trace is here; `again`: on the way back or forth. */
function restoreAnswers(app: App, l: Link, again: boolean): void {
  app.setTab(TABS.find((t) => t === l.tab) ?? "waits");
  app.sort = /^[-+]\w{1,20}$/.test(l.sort ?? "") ? l.sort! : "-total";
  const by = BYS.find((b) => b === l.by);
  if (by) app.setBy(by);
  const [span, ...lanes] = (l.area ?? "").split(",");
  const [, from, to] = /^(\d{1,16})-(\d{1,16})$/.exec(span ?? "") ?? [];
  app.area.set(from !== undefined ? { from: Number(from), to: Number(to), lanes: lanes.filter((x) => LANE.test(x)) } : null);
  app.setFilter(l.filter ?? "");
  void app.lookFor(l.find ?? "", false);
  const sql = l.sql ?? "";
  if (again && sql !== app.asked.text) {
    app.asked.text = app.asked.draft = sql;
    app.asked.clear();
    if (sql) void app.askSql(sql);
  }
  const [, a, b] = /^(\d{1,16})-(\d{1,16})$/.exec(l.cycle ?? "") ?? [];
  if (a !== undefined) app.guide.showSubject({ kind: "gc", from: Number(a), to: Number(b) });
  else if (l.lane?.startsWith("P") && l.at === undefined) app.guide.showSubject({ kind: "p", p: Number(l.lane.slice(1)) });
  else if (app.subject) app.guide.deselect();
}

/** What makes a step of its own for Back, beside the window. */
export const stepOf = (l: Link): string => JSON.stringify([l.trace, l.lane, l.at, l.cycle, l.tab, l.area, l.filter, l.sql]);

/** What the address asked for, once its trace is here. */
export function restore(app: App, l: Link): void {
  restoreLanes(app, l);
  restoreAnswers(app, l, false);
  if (l.from !== undefined && l.to !== undefined) app.view.reset(app.view.duration, { from: l.from, to: l.to });
  if (l.scroll !== undefined) app.lanes.scroll = l.scroll;
  if (l.lane !== undefined && l.at !== undefined) void app.selection.pick(l.lane, l.at);
  else if (l.lane?.startsWith("G")) void app.guide.selectGoroutine(Number(l.lane.slice(1)));
}

function restoreLanes(app: App, l: Link): void {
  const { lanes } = app;
  lanes.sections = new Set(SECTIONS.filter((x) => (OPEN_SECTIONS.includes(x) ? !l.closed?.includes(x) : l.sections?.includes(x))));
  lanes.hidden = new Set(l.hidden ?? []);
  lanes.ranks = l.ranks ?? [];
  lanes.pins = l.pins ?? [];
  lanes.open.clear();
  for (const g of l.open ?? []) if (g < app.groups.length) lanes.openGroup(g);
  for (const key of app.spans.open) if (!l.types?.includes(key)) app.spans.toggle(key);
  for (const key of l.types ?? []) if (!app.spans.open.includes(key)) app.spans.toggle(key);
  app.marks.set(l.marks ?? []);
  lanes.openCreators = new Set(l.creators ?? []);
  app.setGrouping(l.grouping ?? "function");
  for (const key of app.sets.open) if (!l.sets?.includes(key)) app.sets.toggle(key);
  for (const key of l.sets ?? []) if (!app.sets.open.includes(key)) app.sets.toggle(key);
  lanes.layout();
  void app.meet(lanes.pins.filter((k) => /^G\d/.test(k)).map((k) => Number(k.slice(1))));
}

/** Back and Forward: the view that an address names, without opening the trace anew. */
export function travel(app: App, l: Link): void {
  if (app.screen !== "trace" || (l.trace !== undefined && l.trace !== app.entry?.name)) {
    location.reload();
    return;
  }
  restoreLanes(app, l);
  for (const g of app.lanes.open.keys()) app.askMembers(g, true);
  app.view.set(l.from ?? 0, l.to ?? app.view.duration, true);
  app.view.stay();
  if (l.scroll !== undefined) app.scrollGoal = l.scroll;
  if (l.lane !== undefined && l.at !== undefined) void app.guide.select(l.lane, l.at);
  else if (l.lane?.startsWith("G")) void app.guide.selectGoroutine(Number(l.lane.slice(1)));
  else if (app.selection.slice || app.selection.goroutine) app.guide.deselect();
  restoreAnswers(app, l, true);
  app.changed();
}

export function toLink(app: App): Link {
  const v = app.view;
  const l: Link = {};
  if (app.theme) l.theme = app.theme;
  if (app.screen !== "trace" || !app.entry) return l;
  l.trace = app.entry.name;
  if (!v.whole) Object.assign(l, { from: v.goal.from, to: v.goal.to });
  const s = app.selection.slice;
  if (s) Object.assign(l, { lane: app.selection.lane || `G${s.g}`, at: s.start });
  else if (app.selection.goroutine) l.lane = `G${app.selection.goroutine.g}`;
  if (app.lanes.open.size > 0) l.open = [...app.lanes.open.keys()];
  const { lanes } = app;
  const open = (x: SectionName) => lanes.sections.has(x);
  const closed = OPEN_SECTIONS.filter((x) => !open(x));
  const opened = SECTIONS.filter((x) => open(x) && !OPEN_SECTIONS.includes(x));
  if (closed.length) l.closed = closed;
  if (opened.length) l.sections = opened;
  if (app.sets.by !== "function") l.grouping = app.sets.by;
  if (app.sets.open.length) l.sets = app.sets.open;
  if (lanes.openCreators.size) l.creators = [...lanes.openCreators];
  if (lanes.pins.length) l.pins = lanes.pins;
  if (lanes.hidden.size) l.hidden = [...lanes.hidden];
  if (lanes.ranks.length) l.ranks = lanes.ranks;
  if (app.spans.open.length) l.types = app.spans.open;
  if (app.marks.list.length) l.marks = app.marks.list;
  l.scroll = app.lanes.scroll;
  if (app.lanes.order !== "wait") l.order = app.lanes.order;
  answersToLink(app, l);
  return l;
}
