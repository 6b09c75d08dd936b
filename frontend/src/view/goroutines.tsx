// view/goroutines.tsx - start functions of the trace: how many goroutines, and where their time went.

import { useState } from "preact/hooks";
import { int, short, tailFunc } from "../lib/format";
import type { App } from "../model/app";
import type { Group, State } from "../net/protocol";
import { useChanges } from "./use";

type Column = State | "n";
const STATES: State[] = ["running", "runnable", "syscall", "waiting"];
const TITLE: Record<State, string> = { running: "Running", runnable: "Ready", syscall: "Syscall", waiting: "Waiting" };
const COLOUR: Record<State, string> = { running: "running", runnable: "runnable", syscall: "syscall", waiting: "net" };

export function Goroutines({ app }: { app: App }) {
  useChanges(app, app.lanes);
  const [sort, setSort] = useState<Column>("waiting");
  const value = (i: number) => {
    const g = app.info!.groups[i]!;
    return sort === "n" ? g.n : g.state_ns[sort];
  };
  const ids = [...app.lanes.userGroups, ...app.lanes.systemGroups].sort((a, b) => value(b) - value(a));
  const head = (c: Column, text: string) => (
    <th scope="col" class={sort === c ? "on" : ""} aria-sort={sort === c ? "descending" : "none"}>
      <button onClick={() => setSort(c)}>
        {text}
        {sort === c ? " ↓" : ""}
      </button>
    </th>
  );
  if (ids.length === 0) return <p class="empty mut">No goroutine in this trace yet.</p>;
  return (
    <div class="tw">
      <table class="gos">
        <colgroup>
          <col />
          <col class="c-count" />
          <col class="c-share" />
          {STATES.map(() => (
            <col class="c-num" />
          ))}
        </colgroup>
        <thead>
          <tr>
            <th scope="col">Start function, whole trace</th>
            {head("n", "Goroutines")}
            <th scope="col">Share of its time</th>
            {STATES.map((s) => head(s, TITLE[s]))}
          </tr>
        </thead>
        <tbody>
          {ids.map((i) => (
            <Line key={i} app={app} i={i} g={app.info!.groups[i]!} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Line({ app, i, g }: { app: App; i: number; g: Group }) {
  const [pkg, name] = tailFunc(app.groups[i]!.name);
  const all = STATES.reduce((a, s) => a + g.state_ns[s], 0) || 1;
  return (
    <tr onClick={() => app.showGroup(i)} title={app.groups[i]!.name}>
      <td>
        <div class="rs">
          <button class="name">
            <span class="pk">{pkg}</span>
            {name}
          </button>
          {g.kind !== "user" && <span class="mut">{g.kind === "gc" ? "collector" : "runtime"}</span>}
        </div>
      </td>
      <td>{int(g.n)}</td>
      <td>
        <div class="share">
          {STATES.map((s) => (
            <i style={{ flexGrow: g.state_ns[s] / all, background: s === "waiting" ? "var(--line-2)" : `var(--${COLOUR[s]}-s)` }} />
          ))}
        </div>
      </td>
      {STATES.map((s) => (
        <td>{short(g.state_ns[s])}</td>
      ))}
    </tr>
  );
}
