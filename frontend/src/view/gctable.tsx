// view/gctable.tsx - what the collector and stopping the world took of the window.

import { int, moment, short, visible } from "../lib/format";
import type { RangeFigure } from "../model/answers";
import type { App } from "../model/app";
import { copyText } from "./copy";
import { Head, quote } from "./figures";
import { useChanges } from "./use";

const NUMBERS: [keyof RangeFigure, string][] = [
  ["mean", "Mean"],
  ["p50", "p50"],
  ["p99", "p99"],
  ["p999", "p99.9"],
  ["max", "Longest"],
];
const colour = (name: string): string => (name.startsWith("stop-the-world") ? "stw" : "gc-s");
const share = (part: number, whole: number): string => `${((part / Math.max(1, whole)) * 100).toFixed(part / whole < 0.1 ? 2 : 1)} %`;

function sort(rows: RangeFigure[], by: string): RangeFigure[] {
  const column = by.slice(1) === "key" ? "name" : (by.slice(1) as keyof RangeFigure);
  const dir = by[0] === "+" ? 1 : -1;
  return [...rows].sort((a, b) => {
    const [x, y] = [a[column] ?? a.total, b[column] ?? b.total];
    return dir * (typeof x === "string" ? x.localeCompare(String(y)) : x - Number(y));
  });
}

export function GcNote({ app }: { app: App }) {
  useChanges(app.answers);
  const v = app.answers.ranges.value;
  if (!v || v.rows.length === 0) return <div class="r" />;
  const head = "name,count,total_ns,mean_ns,p50_ns,p99_ns,p999_ns,max_ns,longest_start_ns";
  const csv = () => [head, ...sort(v.rows, app.sort).map((r) => [quote(r.name), r.count, r.total, Math.round(r.mean), r.p50, r.p99, r.p999, r.max, r.at].join(","))].join("\n");
  return (
    <div class="r">
      <span>{sentence(v.rows, v.of.to - v.of.from)}</span>
      <button class="a" onClick={() => copyText(csv())}>
        Copy CSV
      </button>
    </div>
  );
}

function sentence(rows: RangeFigure[], width: number): string {
  const sum = (match: (name: string) => boolean) => rows.filter((r) => match(r.name)).reduce((a, r) => ({ n: a.n + r.count, ns: a.ns + r.total }), { n: 0, ns: 0 });
  const mark = sum((n) => n === "GC concurrent mark phase");
  const stop = sum((n) => n.startsWith("stop-the-world"));
  const assist = sum((n) => n === "GC mark assist");
  const pauses = stop.n === 1 ? "1 pause" : `${int(stop.n)} pauses`;
  return `marking ${share(mark.ns, width)} of ${short(width)} · ${pauses}, ${short(stop.ns)} · assists ${short(assist.ns)}`;
}

export function GcTable({ app }: { app: App }) {
  useChanges(app, app.answers);
  const { value, error } = app.answers.ranges;
  if (error) return <p class="empty bad">{visible(error)}</p>;
  if (!value) return <p class="empty mut">Counting …</p>;
  if (value.rows.length === 0)
    return (
      <p class="empty mut">
        The collector did nothing in this window. Zoom out: <kbd>S</kbd>
      </p>
    );
  const width = value.of.to - value.of.from;
  const most = Math.max(1, ...value.rows.map((r) => r.total));
  return (
    <div class="tw" tabIndex={-1}>
      <table class="waits">
        <colgroup>
          <col />
          <col class="c-count" />
          <col class="c-total" />
          <col class="c-num" />
          {NUMBERS.map(([c]) => (
            <col class={c === "max" ? "c-num last" : "c-num"} />
          ))}
        </colgroup>
        <thead>
          <tr>
            <Head app={app} column="key" text="Range" />
            <Head app={app} column="count" text="Count" title="Ranges that touch the window" />
            <Head app={app} column="total" text="Total" title="Time inside the window; that of assists and sweeps is summed over goroutines and processors" />
            <th scope="col" title="Of the window's length; more than 100 % where several go on at once">
              Share
            </th>
            {NUMBERS.map(([c, text]) => (
              <Head app={app} column={c} text={text} title="Of the whole ranges; percentiles by nearest rank" />
            ))}
          </tr>
        </thead>
        <tbody>
          {sort(value.rows, app.sort).map((r) => (
            <tr onClick={() => app.guide.goToRange(r.name, r.at, r.max)} title="Click to go to the longest">
              <td>
                <div class="rs">
                  <i class="dot" style={{ background: `var(--${colour(r.name)})` }} />
                  <button class="name">{visible(r.name)}</button>
                </div>
              </td>
              <td>{int(r.count)}</td>
              <td>
                <div class="sb">
                  <u>
                    <i style={{ width: `${Math.max(1, (r.total / most) * 100)}%`, background: `var(--${colour(r.name)})` }} />
                  </u>
                  <span>{short(r.total)}</span>
                </div>
              </td>
              <td>{share(r.total, width)}</td>
              {NUMBERS.slice(0, -1).map(([c]) => (
                <td>{short(r[c] as number)}</td>
              ))}
              <td>
                <button
                  class="a worst"
                  title={`Go to the longest, at ${moment(r.at)}`}
                  onClick={(e) => {
                    e.stopPropagation();
                    app.guide.goToRange(r.name, r.at, r.max);
                  }}
                >
                  {short(r.max)}
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
