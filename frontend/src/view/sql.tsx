// view/sql.tsx - a question in SQL and its table; cells that name a goroutine and a moment lead to the timeline.

import { useEffect, useRef, useState } from "preact/hooks";
import { digits3, int, visible } from "../lib/format";
import type { App } from "../model/app";
import type { Cell, QueryResult } from "../net/protocol";
import { RequestError, type Ticket } from "../net/socket";
import { SqlEditor, type Schema } from "./editor";

const LIMIT = 1000;
const FIRST = "-- the longest waits in code of your own\nSELECT g, start_ns, duration_ns, refined, user_function\nFROM waits\nWHERE user_function IS NOT NULL\nORDER BY duration_ns DESC\nLIMIT 100";
const TABLES = "SELECT table_name, name, meaning FROM columns";

export function Sql({ app }: { app: App }) {
  const text = useRef(app.sql || FIRST);
  const host = useRef<HTMLDivElement>(null);
  const [result, setResult] = useState<QueryResult | null>(null);
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const [tables, setTables] = useState<QueryResult | null>(null);
  const flying = useRef<Ticket<QueryResult> | null>(null);

  const run = async () => {
    app.sql = text.current;
    app.changed();
    flying.current?.cancel();
    const t = app.socket.request<QueryResult>("query", { trace: app.entry?.trace, sql: text.current, limit: LIMIT });
    flying.current = t;
    setBusy(true);
    try {
      setResult(await t.answer);
      setError("");
    } catch (e) {
      if (e instanceof RequestError && e.canceled) {
        if (flying.current === t) setBusy(false);
        return;
      }
      setResult(null);
      setError(e instanceof Error ? e.message : String(e));
    }
    if (flying.current === t) setBusy(false);
  };
  useEffect(() => {
    const editor = new SqlEditor(host.current!, text.current, () => void run(), (t) => (text.current = t));
    editor.focus();
    void app.ask<QueryResult>("query", { trace: app.entry?.trace, sql: TABLES, limit: 2000 }, true).then((r) => {
      if (!r) return;
      editor.setSchema(schemaOf(r));
      setTables(r);
    });
    if (app.sql) void run();
    return () => {
      flying.current?.cancel();
      editor.destroy();
    };
  }, []);

  return (
    <div class="sql">
      <div class="ask">
        <div class="editor" ref={host} />
        <div class="row">
          <button class="btn" onClick={() => void run()}>
            Run
          </button>
          <span class="mut">
            <kbd>Ctrl</kbd> <kbd>Enter</kbd>
          </span>
          <span class="grow" />
          {busy && (
            <>
              <span class="mut">running …</span>
              <button class="a" onClick={() => flying.current?.cancel()}>
                Stop
              </button>
            </>
          )}
          {!busy && (result || error) && (
            <button
              class="a"
              onClick={() => {
                setResult(null);
                setError("");
              }}
            >
              Tables
            </button>
          )}
          {!busy && result && (
            <span class="mut">
              {int(result.rows.length)}
              {result.truncated ? " rows, more were cut off" : result.rows.length === 1 ? " row" : " rows"} · {digits3(result.ms)} ms
            </span>
          )}
        </div>
      </div>
      <div class="tw">
        {error ? <p class="empty bad">{visible(error)}</p> : result ? <Table app={app} r={result} /> : <Reference r={tables} />}
      </div>
    </div>
  );
}

function schemaOf(r: QueryResult): Schema {
  const s: Schema = {};
  for (const [table, column] of r.rows) (s[String(table)] ??= []).push(String(column));
  return s;
}

/** What may be asked about: every table with its columns, from the store itself. */
function Reference({ r }: { r: QueryResult | null }) {
  if (!r) return <p class="empty mut">The answer stands here.</p>;
  const tables = new Map<string, [string, string][]>();
  for (const [table, column, meaning] of r.rows) {
    const of = tables.get(String(table)) ?? [];
    of.push([String(column), String(meaning ?? "")]);
    tables.set(String(table), of);
  }
  return (
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
    </dl>
  );
}

const TIME = /^(start|time|at|from|to|end|begin)(_ns)?$/i;
const GOROUTINE = /^(g|goroutine|waker_g|parent|parent_g|creator_g)$/i;

function Table({ app, r }: { app: App; r: QueryResult }) {
  const number = r.columns.map((_, i) => r.rows.every((row) => typeof row[i] === "number" || row[i] === null));
  const timeAt = r.columns.findIndex((c) => TIME.test(c));
  if (r.rows.length === 0) return <p class="empty mut">No rows.</p>;
  return (
    <table class="free">
      <thead>
        <tr>
          {r.columns.map((c, i) => (
            <th scope="col" class={number[i] ? "num" : "txt"}>
              {visible(c)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {r.rows.map((row) => (
          <tr>
            {row.map((v, i) => (
              <td class={number[i] ? "num" : "txt"}>
                <Value app={app} column={r.columns[i] ?? ""} v={v} time={timeAt >= 0 ? row[timeAt]! : null} />
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Value({ app, column, v, time }: { app: App; column: string; v: Cell; time: Cell }) {
  if (v === null) return <span class="mut">null</span>;
  if (typeof v === "number" && v >= 0 && TIME.test(column)) {
    const w = app.view.goal.to - app.view.goal.from;
    return (
      <button class="a" onClick={() => app.view.reveal(v, Math.min(app.view.duration, v + w / 10))}>
        {int(v)}
      </button>
    );
  }
  if (typeof v === "number" && v >= 0 && GOROUTINE.test(column)) {
    return (
      <button class="a" onClick={() => void (typeof time === "number" ? app.goTo(v, time) : app.showGoroutine(v))}>
        {String(v)}
      </button>
    );
  }
  return <>{typeof v === "number" ? (Number.isInteger(v) ? int(v) : String(v)) : visible(v)}</>;
}
