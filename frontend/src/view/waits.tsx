// view/waits.tsx - time spent waiting in the window.  Total is inside the window; count, mean, percentiles and the
// distribution are of the whole waits that touch it.

import { int, plural, short, visible } from "../lib/format";
import type { App } from "../model/app";
import { FAMILIES } from "../model/families";
import type { By } from "../model/figures";
import type { Span } from "../model/viewport";
import type { Wait } from "../net/protocol";
import { copyText } from "./copy";
import { Dot } from "./icons";
import { Spark, SPARK_RANGE } from "./spark";
import { useChanges } from "./use";

type Column = "key" | "count" | "total" | "mean" | "p50" | "p99" | "max";
const NUMBERS: [Column, string][] = [
  ["mean", "Mean"],
  ["p50", "p50"],
  ["p99", "p99"],
  ["max", "Max"],
];
const BYS: [By, string][] = [
  ["refined", "refined reason"],
  ["reason", "reason in the trace"],
  ["function", "function"],
  ["stack", "stack"],
];
const HEAD: Record<By, string> = { refined: "Reason", reason: "Reason", function: "Function", stack: "Stack" };

export function WaitsNote({ app }: { app: App }) {
  useChanges(app.figures, app);
  const w = app.figures.waits.value;
  return (
    <div class="r">
      {w && !app.figures.waits.error && (
        <span id="waits-sum">
          {plural(w.count, "wait")} · {short(w.total)} in {short(w.of.to - w.of.from)}
          {lost(app, w.of) > 0 && <b class="warnt"> · without {short(lost(app, w.of))} lost</b>}
        </span>
      )}
      <label class="w14">
        by{" "}
        <select value={app.figures.by} onChange={(e) => app.setBy(e.currentTarget.value as By)}>
          {BYS.map(([v, text]) => (
            <option value={v}>{text}</option>
          ))}
        </select>
      </label>
      {w && (
        <button class="a w14" onClick={() => copyText(csv(sortWaits(w.rows, app.sort)))}>
          Copy CSV
        </button>
      )}
    </div>
  );
}

const quote = (s: string): string => (/[",\n]/.test(s) ? `"${s.replace(/"/g, '""')}"` : s);

/** As the command prints it: times in nanoseconds. */
function csv(rows: Wait[]): string {
  const head = "key,reason,refined,function,count,total_ns,mean_ns,p50_ns,p99_ns,max_ns";
  const line = (w: Wait) =>
    [keyOf(w), visible(w.reason), visible(w.refined), visible(w.func)].map(quote).concat([w.count, w.total, w.mean, w.p50, w.p99, w.max].map(String)).join(",");
  return [head, ...rows.map(line)].join("\n");
}

function lost(app: App, { from, to }: Span): number {
  return (app.info?.gaps ?? []).reduce((a, g) => a + Math.max(0, Math.min(g.to, to) - Math.max(g.from, from)), 0);
}

const keyOf = (w: Wait): string => visible(w.key || w.refined || w.reason) || "reason not recorded";

export function sortWaits(rows: Wait[], sort: string): Wait[] {
  const column = sort.slice(1) as Column;
  const dir = sort[0] === "+" ? 1 : -1;
  const value = (w: Wait) => (column === "key" ? keyOf(w) : w[column]);
  return [...rows].sort((a, b) => {
    const x = value(a);
    const y = value(b);
    return dir * (typeof x === "string" ? x.localeCompare(y as string) : x - (y as number));
  });
}

export function Waits({ app }: { app: App }) {
  useChanges(app, app.figures, app.selection);
  const { waits, by } = app.figures;
  const w = waits.value;
  if (waits.error) return <p class="empty bad">{waits.error}</p>;
  if (!w) return <p class="empty mut">Counting …</p>;
  if (w.rows.length === 0) return <Nothing app={app} />;
  const most = Math.max(...w.rows.map((r) => r.total), 1);
  const selected = app.selection.slice;
  return (
    <div class="tw">
      <table class="waits">
        <colgroup>
          <col />
          <col class="c-spark" />
          <col class="c-count" />
          <col class="c-total" />
          {NUMBERS.map(() => (
            <col class="c-num" />
          ))}
        </colgroup>
        <thead>
          <tr>
            <Head app={app} column="key" text={HEAD[by]} />
            <th scope="col">{SPARK_RANGE}</th>
            <Head app={app} column="count" text="Count" />
            <Head app={app} column="total" text="Total" />
            {NUMBERS.map(([c, text]) => (
              <Head app={app} column={c} text={text} />
            ))}
          </tr>
        </thead>
        <tbody>
          {sortWaits(w.rows, app.sort).map((r) => (
            <Line key={`${r.key}/${r.stack}`} app={app} w={r} most={most} same={by === "refined" && selected?.state === "waiting" && selected.refined === r.key} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Nothing({ app }: { app: App }) {
  return (
    <p class="empty mut">
      {app.info?.waits === 0 ? (
        "No goroutine waited in this trace."
      ) : (
        <>
          No goroutine waited in this window. Zoom out: <kbd>S</kbd>
        </>
      )}
    </p>
  );
}

function Head({ app, column, text }: { app: App; column: Column; text: string }) {
  const on = app.sort.slice(1) === column;
  const up = app.sort[0] === "+";
  return (
    <th scope="col" class={on ? "on" : ""} aria-sort={on ? (up ? "ascending" : "descending") : "none"}>
      <button onClick={() => app.setSort(column)}>
        {text}
        {on ? (up ? " ↑" : " ↓") : ""}
      </button>
    </th>
  );
}

function Line({ app, w, most, same }: { app: App; w: Wait; most: number; same: boolean }) {
  const key = keyOf(w);
  const lit = app.highlight?.key === key;
  const { by } = app.figures;
  const second = by === "refined" ? visible(w.func) : by === "function" || by === "stack" ? visible(w.refined) : "";
  const family = FAMILIES.some((f) => f.token === w.family) ? w.family : "sys";
  const toggle = () => app.toggleHighlight(key, (t) => t.tag.state === "waiting" && (by === "reason" ? t.tag.reason === w.reason : t.tag.refined === w.refined));
  return (
    <tr class={lit ? "lit" : same ? "sel" : ""} onClick={toggle} title={lit ? "Click to show all again" : "Click to see only these on the lanes"}>
      <td>
        <div class="rs">
          <Dot family={family} />
          <button class="name" aria-pressed={lit}>
            {key}
          </button>
          <span class="mut">{second}</span>
        </div>
      </td>
      <td>
        <Spark hist={w.hist} family={family} width={0} height={15} />
      </td>
      <td>{int(w.count)}</td>
      <td>
        <div class="sb">
          <u>
            <i style={{ width: `${Math.max(1, (w.total / most) * 100)}%`, background: `var(--${family}-s)` }} />
          </u>
          <span>{short(w.total)}</span>
        </div>
      </td>
      {NUMBERS.map(([c]) => (
        <td>{short(w[c] as number)}</td>
      ))}
    </tr>
  );
}
