// view/sql.tsx - a question in SQL, its answer as a table or a chart; rows that name a moment are marks on the timeline.
// The editor and the charts are loaded when they are first wanted.

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { functions, questions } from "sql-manual";
import { digits3, int, visible } from "../lib/format";
import type { App } from "../model/app";
import { isPerson, isTime, shapeOf, type Shape } from "../model/asked";
import type { Cell, QueryResult } from "../net/protocol";
import { copyText } from "./copy";
import type { SqlEditor } from "./editor";
import { quote } from "./figures";
import { useChanges } from "./use";

const FIRST = "-- the longest waits in code of your own\nSELECT g, start_ns, duration_ns, refined, user_function\nFROM waits\nWHERE user_function IS NOT NULL\nORDER BY duration_ns DESC\nLIMIT 100";
const SHOWN = 1000; // rows of the table at first

export function Sql({ app }: { app: App }) {
  const { asked } = app;
  useChanges(asked);
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<SqlEditor | null>(null);
  const [list, setList] = useState<"" | "examples" | "history">("");
  const [chart, setChart] = useState(false);
  const shape = asked.result ? shapeOf(asked.result) : null;

  useLayoutEffect(() => {
    let gone = false;
    if (!asked.draft) asked.draft = asked.text || FIRST;
    void asked.readTables();
    if (asked.text && !asked.result && !asked.error) void app.askSql(asked.text);
    void app.during(import("./editor")).then(({ SqlEditor }) => {
      if (gone) return;
      editor.current = new SqlEditor(host.current!, asked.draft, (t) => void app.askSql(t), (t) => (asked.draft = t));
      editor.current.setSchema(asked.tables, functions);
      editor.current.focus();
    });
    return () => {
      gone = true;
      editor.current?.destroy();
      editor.current = null;
    };
  }, []);
  useLayoutEffect(() => editor.current?.setSchema(asked.tables, functions), [asked.tables]);

  // A question may come from elsewhere: the palette, the address.
  useLayoutEffect(() => {
    if (editor.current && editor.current.text.trim() !== asked.draft.trim()) editor.current.setText(asked.draft);
  });

  const put = (sql: string) => {
    setList("");
    asked.draft = sql;
    void app.askSql(sql);
    editor.current?.focus();
  };
  const r = asked.result;
  return (
    <div class="sql">
      <div class="ask">
        <div class="editor" ref={host} />
        <div class="row">
          <button class="btn" title="Run the question (Ctrl+Enter)" onClick={() => void app.askSql(asked.draft)}>
            Run
          </button>
          <button class="a" aria-expanded={list === "examples"} onClick={() => setList(list === "examples" ? "" : "examples")}>
            Examples
          </button>
          <button class="a" aria-expanded={list === "history"} onClick={() => setList(list === "history" ? "" : "history")}>
            History
          </button>
          <span class="grow" />
          {asked.busy ? (
            <>
              <span class="mut">running …</span>
              <button class="a" onClick={() => asked.stop()}>
                Stop
              </button>
            </>
          ) : (
            <span class="mut w14">
              <kbd>Ctrl</kbd> <kbd>Enter</kbd>
            </span>
          )}
        </div>
      </div>
      <div class="out">
        {(r || asked.error || list) && (
          <div class="row">
            {list && <b>{list === "examples" ? "Worked questions" : "Asked before, in this browser"}</b>}
            {!list && r && (
              <span class="mut" id="sql-sum">
                {int(r.rows.length)}
                {r.truncated ? " rows, more were cut off" : r.rows.length === 1 ? " row" : " rows"} · {digits3(r.ms)} ms
                {asked.moments.length > 0 && ` · ${int(asked.moments.length)} marked on the timeline`}
              </span>
            )}
            <span class="grow" />
            {!list && r && shape && (
              <button class="a" aria-pressed={chart} onClick={() => setChart(!chart)}>
                {chart ? "Table" : "Chart"}
              </button>
            )}
            {!list && r && (
              <button class="a" onClick={() => copyText(csv(r))}>
                Copy CSV
              </button>
            )}
            <button
              class="a"
              onClick={() => {
                if (list) setList("");
                else asked.clear();
              }}
            >
              {list ? "Close" : "Tables"}
            </button>
          </div>
        )}
        {list ? (
          <Questions rows={list === "examples" ? questions : asked.history.map((sql) => ({ title: "", sql }))} put={put} />
        ) : asked.error ? (
          <p class="empty bad">{visible(asked.error)}</p>
        ) : r && chart && shape ? (
          <Drawn app={app} r={r} shape={shape} />
        ) : r ? (
          <Table app={app} r={r} />
        ) : (
          <Reference rows={asked.tables} />
        )}
      </div>
    </div>
  );
}

function csv(r: QueryResult): string {
  return [r.columns, ...r.rows].map((row) => row.map((v) => (v === null ? "" : quote(String(v)))).join(",")).join("\n");
}

function Questions({ rows, put }: { rows: { title: string; sql: string }[]; put: (sql: string) => void }) {
  if (rows.length === 0) return <p class="empty mut">Nothing was asked yet.</p>;
  return (
    <div class="tw questions" tabIndex={-1}>
      {rows.map(({ title, sql }) => (
        <button onClick={() => put(sql)} title={visible(sql)}>
          {title && <b>{visible(title)}</b>}
          <code>{visible(sql.replace(/\s+/g, " "))}</code>
        </button>
      ))}
    </div>
  );
}

function Drawn({ app, r, shape }: { app: App; r: QueryResult; shape: Shape }) {
  useChanges(app);
  const host = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    let chart: { destroy: () => void } | null = null;
    let gone = false;
    void app.during(import("./chart")).then(({ Chart }) => {
      if (!gone) chart = new Chart(host.current!, r, shape, (row) => void app.guide.goToMoment(app.asked.moments.find((m) => m.row === row)));
    });
    return () => {
      gone = true;
      chart?.destroy();
    };
  }, [r, app.theme]);
  return <div class="tw chart" ref={host} role="img" aria-label={`Chart of ${r.columns.map(visible).join(", ")}`} />;
}

/** What may be asked about: every table with its columns, from the store itself. */
function Reference({ rows }: { rows: Cell[][] }) {
  if (rows.length === 0) return <p class="empty mut">The answer stands here.</p>;
  const tables = new Map<string, [string, string][]>();
  for (const [table, column, meaning] of rows) {
    const of = tables.get(String(table)) ?? [];
    of.push([String(column), String(meaning ?? "")]);
    tables.set(String(table), of);
  }
  return (
    <div class="tw" tabIndex={0} role="region" aria-label="Tables and columns">
      <dl class="ref">
        {[...tables].map(([table, columns]) => (
          <>
            <dt>{visible(table)}</dt>
            <dd>
              {columns.map(([c, meaning]) => (
                <span title={visible(meaning)}>{visible(c)}</span>
              ))}
            </dd>
          </>
        ))}
        <dt class="sec">functions</dt>
        <dd>
          {functions.map((f) => (
            <span title={f.meaning}>{f.call}</span>
          ))}
        </dd>
      </dl>
    </div>
  );
}

type Order = { column: number; down: boolean } | null;

function ordered(r: QueryResult, o: Order): number[] {
  const rows = r.rows.map((_, i) => i);
  if (!o) return rows;
  const of = (i: number) => r.rows[i]![o.column] ?? null;
  const compare = (x: Cell, y: Cell): number => {
    if (x === null || y === null) return Number(y === null) - Number(x === null);
    return typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), undefined, { numeric: true });
  };
  return rows.sort((a, b) => (o.down ? -1 : 1) * compare(of(a), of(b)));
}

function Table({ app, r }: { app: App; r: QueryResult }) {
  const [order, setOrder] = useState<Order>(null);
  const [shown, setShown] = useState(SHOWN);
  useLayoutEffect(() => setOrder(null), [r]);
  if (r.rows.length === 0) return <p class="empty mut">No rows.</p>;
  const number = r.columns.map((_, i) => r.rows.every((row) => typeof row[i] === "number" || row[i] === null));
  const rows = ordered(r, order).slice(0, shown);
  const on = (i: number) => order?.column === i;
  const next = (i: number): Order => (!on(i) ? { column: i, down: number[i]! } : order!.down === number[i] ? { column: i, down: !number[i] } : null);
  return (
    <div class="tw" tabIndex={-1}>
      <table class="free">
        <thead>
          <tr>
            {r.columns.map((c, i) => (
              <th scope="col" class={`${number[i] ? "num" : "txt"} ${on(i) ? "on" : ""}`} aria-sort={on(i) ? (order!.down ? "descending" : "ascending") : "none"}>
                <button onClick={() => setOrder(next(i))}>
                  {visible(c)}
                  {on(i) ? (order!.down ? " ↓" : " ↑") : ""}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((i) => (
            <tr key={i}>
              {r.rows[i]!.map((v, k) => (
                <td class={number[k] ? "num" : "txt"}>
                  <Value app={app} column={r.columns[k] ?? ""} v={v} row={i} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {shown < r.rows.length && (
        <p class="empty">
          <button class="a" onClick={() => setShown(shown + 4 * SHOWN)}>
            Show more of the {int(r.rows.length)} rows
          </button>
        </p>
      )}
    </div>
  );
}

function Value({ app, column, v, row }: { app: App; column: string; v: Cell; row: number }) {
  if (v === null) return <span class="mut">null</span>;
  if (typeof v === "number" && v >= 0 && isTime(column)) {
    const m = app.asked.moments.find((x) => x.row === row);
    return (
      <button class="a" title="Go to this moment" onClick={() => (m && m.at === v ? void app.guide.goToMoment(m) : app.view.reveal(v, v))}>
        {int(v)}
      </button>
    );
  }
  if (typeof v === "number" && v >= 0 && isPerson(column)) {
    const m = app.asked.moments.find((x) => x.row === row);
    return (
      <button class="a" title={`Go to G${v}`} onClick={() => void (m ? app.guide.goTo(v, m.at) : app.guide.selectGoroutine(v))}>
        {String(v)}
      </button>
    );
  }
  return <>{typeof v === "number" ? (Number.isInteger(v) ? int(v) : String(v)) : visible(v)}</>;
}
