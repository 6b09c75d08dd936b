// model/address.ts - the part of the address that is about answers: table, order, area, filter, search, question in SQL,
// and what the details show.  Lanes and window: app.ts.

import type { FigureBy } from "../net/protocol";
import type { Tab } from "./answers";
import type { App } from "./app";
import type { Link } from "./link";

const TABS: readonly Tab[] = ["waits", "ready", "running", "syscalls", "goroutines", "gc", "found", "sql"];
const BYS: readonly FigureBy[] = ["reason", "refined", "function", "stack", "goroutine", "start"];
const LANE = /^[PGMF]\d{1,18}$/;

export function answersToLink(app: App, l: Link): void {
  if (app.tab !== "waits") l.tab = app.tab;
  if (app.sort !== "-total") l.sort = app.sort;
  const by = app.answers.by[app.tab];
  if (by) l.by = by;
  const a = app.area.value;
  if (a) l.area = [`${a.from}-${a.to}`, ...a.lanes].join(",");
  if (app.filter) l.filter = app.filter;
  if (app.finder.text) l.find = app.finder.text;
  if (app.asked.text) l.sql = app.asked.text;
  if (app.subject?.kind === "p") l.lane = `P${app.subject.p}`;
  if (app.subject?.kind === "gc") l.cycle = `${app.subject.from}-${app.subject.to}`;
}

/** What an address says about tables, once its trace is here; `again`: on the way back or forth. */
export function restoreAnswers(app: App, l: Link, again: boolean): void {
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
  if (a !== undefined) app.showSubject({ kind: "gc", from: Number(a), to: Number(b) });
  else if (l.lane?.startsWith("P") && l.at === undefined) app.showSubject({ kind: "p", p: Number(l.lane.slice(1)) });
  else if (app.subject) app.deselect();
}

/** What makes a step of its own for Back, beside the window. */
export const stepOf = (l: Link): string => JSON.stringify([l.trace, l.lane, l.at, l.cycle, l.tab, l.area, l.filter, l.sql]);
