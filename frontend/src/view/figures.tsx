// view/figures.tsx - what the goroutines of the window, or of the chosen area, did: by reason, function, stack or goroutine.
// Total is inside the window; count, mean, percentiles and the distribution are of the whole slices that touch it. While
// the exact figures are on their way, waits are shown from the store's sums, whose percentiles are up to 1/32 too high.

import { int, moment, plural, short, splitFunc, visible } from "../lib/format";
import { STATE_OF, type Tab } from "../model/answers";
import type { App } from "../model/app";
import type { Stretch } from "../model/area";
import { FAMILIES } from "../model/families";
import type { Figure, FigureBy, Wait } from "../net/protocol";
import { copyText } from "./copy";
import { Dot } from "./icons";
import { useFirst } from "./more";
import { Spark, SPARK_RANGE } from "./spark";
import { useChanges } from "./use";

type Column = "key" | "count" | "total" | "mean" | "p50" | "p99" | "p999" | "max";
const NUMBERS: [Column, string, string][] = [
  ["mean", "Mean", "Mean length of the whole slices that touch the window"],
  ["p50", "p50", "Half of them are this long or shorter (nearest rank)"],
  ["p99", "p99", "99 of 100 are this long or shorter (nearest rank)"],
  ["p999", "p99.9", "999 of 1000 are this long or shorter (nearest rank)"],
  ["max", "Longest", "The longest; a click leads to it"],
];
const WAIT_BYS: FigureBy[] = ["refined", "reason", "function", "stack", "goroutine", "start"];
const OTHER_BYS: FigureBy[] = ["start", "goroutine", "function", "stack"];
const NAME: Record<FigureBy, string> = {
  refined: "refined reason",
  reason: "reason in the trace",
  function: "function",
  stack: "stack",
  goroutine: "goroutine",
  start: "start function",
  state: "state",
};
const HEAD: Record<FigureBy, string> = { refined: "Reason", reason: "Reason", function: "Function", stack: "Stack", goroutine: "Goroutine", start: "Start function", state: "State" };
const THING: Partial<Record<Tab, string>> = { waits: "wait", ready: "time ready", running: "run", syscalls: "system call" };
const NOTHING: Partial<Record<Tab, string>> = {
  waits: "No goroutine waited in this window.",
  ready: "No goroutine stood ready in this window: each ran as soon as it could.",
  running: "No goroutine ran in this window.",
  syscalls: "No goroutine was in a system call in this window.",
};

export interface Line {
  key: string; // of the list
  name: string;
  second: string;
  family: string;
  f: Figure | null; // exact
  w: Wait | null; // or from the sums
}

/** The rows of a table, exact or, until that is there, quick. */
export function linesOf(app: App, tab: Tab): { lines: Line[]; count: number; total: number; of: Stretch; exact: boolean; all: number } | null {
  const by = app.answers.byOf(tab);
  const exact = app.answers.of(tab);
  const quick = tab === "waits" && !app.area.value && !app.filter.text && app.figures.by === by ? app.figures.waits.value : null;
  const current = app.stretch();
  const fits = (of: { from: number; to: number }) => of.from === current.from && of.to === current.to;
  if (quick && !(exact && fits(exact.of) && exact.of.lanes.length === 0)) {
    const lines = quick.rows.map((w) => ({ key: `${w.key}/${w.stack}`, name: waitName(w), second: secondOf(by, w), family: familyOf(w.family), f: null, w }));
    return { lines, count: quick.count, total: quick.total, of: { ...quick.of, lanes: [] }, exact: false, all: lines.length };
  }
  if (!exact) return null;
  const lines = exact.rows.map((f) => lineOf(tab, by, f));
  return { lines, count: exact.count, total: exact.total, of: exact.of, exact: true, all: exact.all };
}

const familyOf = (token: string): string => (FAMILIES.some((f) => f.token === token) ? token : "sys");
const waitName = (w: { key: string; refined: string; reason: string }): string => visible(w.key || w.refined || w.reason) || "reason not recorded";

function secondOf(by: FigureBy, w: { func: string; refined: string }): string {
  if (by === "refined") return visible(w.func);
  return by === "function" || by === "stack" ? visible(w.refined) : "";
}

function lineOf(tab: Tab, by: FigureBy, f: Figure): Line {
  const waiting = tab === "waits";
  const family = waiting ? familyOf(f.family) : f.state === "runnable" ? "runnable" : f.state === "syscall" ? "syscall" : familyOf(f.family);
  const common = { family, f, w: null };
  if (by === "goroutine") return { key: `G${f.g}`, name: `G${f.g}`, second: visible(f.start_func), ...common };
  if (by === "start") return { key: `F${f.group}`, name: visible(f.key) || "start function not known", second: "", ...common };
  const none = by === "function" ? "no function of your own" : by === "stack" ? "no stack" : "reason not recorded";
  return { key: `${by}/${f.key}/${f.stack}/${f.tag}`, name: visible(f.key) || none, second: waiting ? secondOf(by, f) : "", ...common };
}

const value = (l: Line, c: Column): number | string => {
  if (c === "key") return l.name;
  if (l.f) return l.f[c];
  return c === "p999" ? l.w!.max : l.w![c];
};

export function sorted(lines: Line[], sort: string): Line[] {
  const column = sort.slice(1) as Column;
  const dir = sort[0] === "+" ? 1 : -1;
  const known = column === "key" || column === "count" || column === "total" || NUMBERS.some(([c]) => c === column) ? column : "total";
  return [...lines].sort((a, b) => {
    const x = value(a, known);
    const y = value(b, known);
    return dir * (typeof x === "string" ? x.localeCompare(String(y), undefined, { numeric: true }) : x - Number(y));
  });
}

// ---- the line above the table

export function FiguresNote({ app, tab }: { app: App; tab: Tab }) {
  useChanges(app.figures.counted, app.answers, app.area, app);
  const by = app.answers.byOf(tab);
  const t = linesOf(app, tab);
  return (
    <div class="r">
      {t && (
        <span id="waits-sum" title={t.exact ? "Exact: every slice was looked at" : "Counts and totals are exact, percentiles up to 1/32 too high; exact ones follow"}>
          {plural(t.count, THING[tab] ?? "slice", tab === "ready" ? "times ready" : undefined)} · {short(t.total)} in {short(t.of.to - t.of.from)}
          {lost(app, t.of) > 0 && <b class="warnt"> · without {short(lost(app, t.of))} lost</b>}
        </span>
      )}
      <label>
        by{" "}
        <select aria-label="Rows by" value={by} onChange={(e) => app.setBy(e.currentTarget.value as FigureBy)}>
          {(tab === "waits" ? WAIT_BYS : OTHER_BYS).map((v) => (
            <option value={v}>{NAME[v]}</option>
          ))}
        </select>
      </label>
      {t && (
        <button class="a" title="Copy the table as comma-separated values, times in nanoseconds" onClick={() => copyText(csv(tab, by, sorted(t.lines, app.sort)))}>
          Copy CSV
        </button>
      )}
    </div>
  );
}

export const quote = (s: string): string => (/[",\n]/.test(s) ? `"${s.replace(/"/g, '""')}"` : s);

/** As the command prints it: times in nanoseconds. */
function csv(tab: Tab, by: FigureBy, lines: Line[]): string {
  const head = "key,reason,refined,function,start_function,count,total_ns,mean_ns,p50_ns,p99_ns,p999_ns,max_ns,longest_g,longest_start_ns";
  const wait = tab === "waits" && by !== "goroutine" && by !== "start";
  const line = ({ name, f, w }: Line) => {
    const v = f ?? w!;
    const texts = [name, wait ? visible(v.reason) : "", wait ? visible(v.refined) : "", visible(v.func), f ? visible(f.start_func) : ""];
    return [...texts.map(quote), v.count, v.total, v.mean, v.p50, v.p99, f ? f.p999 : "", v.max, f ? f.g : "", f ? f.at : ""].join(",");
  };
  return [head, ...lines.map(line)].join("\n");
}

function lost(app: App, { from, to }: Stretch): number {
  return (app.info?.gaps ?? []).reduce((a, g) => a + Math.max(0, Math.min(g.to, to) - Math.max(g.from, from)), 0);
}

// ---- the table

export function Figures({ app, tab }: { app: App; tab: Tab }) {
  useChanges(app, app.figures.counted, app.answers, app.selection, app.area);
  const by = app.answers.byOf(tab);
  const error = app.answers.figures.error || (tab === "waits" ? app.figures.waits.error : "");
  const t = linesOf(app, tab);
  const all = t ? sorted(t.lines, app.sort) : [];
  const [shown, More] = useFirst(all);
  if (error) return <p class="empty bad">{visible(error)}</p>;
  if (!t) return <p class="empty mut">Counting …</p>;
  if (t.lines.length === 0) return <Nothing app={app} tab={tab} />;
  const most = t.lines.reduce((m, l) => Math.max(m, Number(value(l, "total"))), 1);
  const s = app.selection.slice;
  const same = (l: Line) => !!s && s.state === STATE_OF[tab] && (by === "refined" ? l.name === visible(s.refined) : by === "goroutine" ? l.f?.g === s.g : by === "start" ? l.f?.group === s.group : false);
  return (
    <div class="tw" tabIndex={-1}>
      <table class="waits" aria-busy={!t.exact}>
        <colgroup>
          <col />
          <col class="c-spark" />
          <col class="c-count" />
          <col class="c-total" />
          {NUMBERS.map(([c]) => (
            <col class={c === "max" ? "c-num last" : "c-num"} />
          ))}
        </colgroup>
        <thead>
          <tr>
            <Head app={app} column="key" text={HEAD[by]} />
            <th scope="col" title="How their lengths are distributed, one bar for each power of two; heights by square root">
              {SPARK_RANGE}
            </th>
            <Head app={app} column="count" text="Count" title="Slices that touch the window, whole or in part" />
            <Head app={app} column="total" text="Total" title="Time inside the window" />
            {NUMBERS.map(([c, text, title]) => (
              <Head app={app} column={c} text={text} title={t.exact || c === "mean" || c === "max" ? title : `${title}; up to 1/32 too high until it is counted exactly`} />
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((l) => (
            <Row key={l.key} app={app} tab={tab} by={by} l={l} most={most} same={same(l)} />
          ))}
        </tbody>
      </table>
      {More()}
      {t.all > all.length && <p class="rest mut">The {int(all.length)} with the largest totals, of {int(t.all)}.</p>}
    </div>
  );
}

function Nothing({ app, tab }: { app: App; tab: Tab }) {
  const none = tab === "waits" && app.info?.waits === 0;
  const narrowed = app.area.value ? "area" : app.filter.text ? "filter" : "";
  return (
    <p class="empty mut">
      {none ? "No goroutine waited in this trace." : NOTHING[tab]}{" "}
      {!none &&
        (narrowed === "area" ? (
          <button class="a" onClick={() => app.area.set(null)}>
            Drop the area
          </button>
        ) : narrowed === "filter" ? (
          <button class="a" onClick={() => app.setFilter("")}>
            Drop the filter
          </button>
        ) : (
          <>
            Zoom out: <kbd>S</kbd>
          </>
        ))}
    </p>
  );
}

export function Head({ app, column, text, title, first }: { app: App; column: string; text: string; title?: string; first?: boolean }) {
  // Where a table has no totals, its first column of figures stands for them.
  const on = app.sort.slice(1) === column || (first === true && app.sort.slice(1) === "total");
  const up = app.sort[0] === "+";
  return (
    <th scope="col" class={on ? "on" : ""} aria-sort={on ? (up ? "ascending" : "descending") : "none"} title={title}>
      <button onClick={() => app.setSort(column)}>
        {text}
        {on ? (up ? " ↑" : " ↓") : ""}
      </button>
    </th>
  );
}

function Row({ app, tab, by, l, most, same }: { app: App; tab: Tab; by: FigureBy; l: Line; most: number; same: boolean }) {
  const v = (l.f ?? l.w)!;
  const person = by === "goroutine" || by === "start";
  const light = tab === "waits" && !person;
  const lit = light && app.highlight?.key === l.name;
  const act = () => {
    if (light) app.toggleHighlight(l.name, (t) => t.tag.state === "waiting" && (by === "reason" ? t.tag.reason === v.reason : t.tag.refined === v.refined));
    else if (by === "goroutine" && l.f) void app.guide.selectGoroutine(l.f.g);
    else if (by === "start" && l.f) app.guide.showGroup(l.f.group);
    else if (l.f) void app.guide.goTo(l.f.g, l.f.at);
  };
  const title = light ? (lit ? "Click to show all again" : "Click to see only these on the lanes") : person ? "Click to go there" : "Click to go to the longest";
  const [pkg, fn] = by === "start" ? splitFunc(l.name) : ["", l.name];
  const total = value(l, "total") as number;
  return (
    <tr class={lit ? "lit" : same ? "sel" : ""} onClick={act} title={title}>
      <td>
        <div class="rs">
          <Dot family={l.family} />
          <button class="name" aria-pressed={light ? lit : undefined}>
            {pkg && <span class="pk">{pkg}</span>}
            {fn}
          </button>
          <span class="mut">{l.second}</span>
        </div>
      </td>
      <td>
        <Spark hist={v.hist} family={l.family} width={0} height={15} />
      </td>
      <td>{int(v.count)}</td>
      <td>
        <div class="sb">
          <u>
            <i style={{ width: `${Math.max(1, (total / most) * 100)}%`, background: `var(--${l.family}-s)` }} />
          </u>
          <span>{short(total)}</span>
        </div>
      </td>
      <td>{short(v.mean)}</td>
      <td title={`${v.p50} ns`}>{short(v.p50)}</td>
      <td title={`${v.p99} ns`}>{short(v.p99)}</td>
      <td title={l.f ? `${l.f.p999} ns` : undefined}>{l.f ? short(l.f.p999) : "…"}</td>
      <td>
        {l.f ? (
          <button
            class="a worst"
            title={`Go to the longest: G${l.f.g} at ${moment(l.f.at)}`}
            onClick={(e) => {
              e.stopPropagation();
              void app.guide.goTo(l.f!.g, l.f!.at);
            }}
          >
            {short(v.max)}
          </button>
        ) : (
          short(v.max)
        )}
      </td>
    </tr>
  );
}
