// view/goroutines.tsx - goroutines of the window, one by one or by start function: where their time in it went.

import { int, moment, short, splitFunc, visible } from "../lib/format";
import type { App } from "../model/app";
import type { Figure, FigureBy, State } from "../net/protocol";
import { copyText } from "./copy";
import { Head, quote } from "./figures";
import { useFirst } from "./more";
import { useChanges } from "./use";

export const STATES: State[] = ["running", "runnable", "syscall", "waiting"];
const TITLE: Record<State, string> = { running: "Running", runnable: "Ready", syscall: "Syscall", waiting: "Waiting" };
export const colourOf = (s: State): string => (s === "waiting" ? "var(--line-3)" : `var(--${s}-s)`);

const nameOf = (by: FigureBy, f: Figure): string => (by === "goroutine" ? `G${f.g}` : visible(f.start_func) || "start function not known");

function sort(rows: Figure[], by: FigureBy, order: string): Figure[] {
  const column = order.slice(1);
  const dir = order[0] === "+" ? 1 : -1;
  const value = (f: Figure): number => (column in f.state_ns ? f.state_ns[column as State] : column === "count" ? f.count : column === "max" ? f.max : f.state_ns.waiting);
  if (column === "key") return [...rows].sort((a, b) => dir * nameOf(by, a).localeCompare(nameOf(by, b), undefined, { numeric: true }));
  return [...rows].sort((a, b) => dir * (value(a) - value(b)));
}

export function GoroutinesNote({ app }: { app: App }) {
  useChanges(app, app.answers);
  const by = app.answers.byOf("goroutines");
  const t = app.answers.of("goroutines");
  const csv = () => {
    const head = "key,start_function,slices,running_ns,runnable_ns,syscall_ns,waiting_ns,longest_ns,longest_g,longest_start_ns";
    const line = (f: Figure) => [...[nameOf(by, f), visible(f.start_func)].map(quote), f.count, ...STATES.map((s) => f.state_ns[s]), f.max, f.g, f.at].join(",");
    return [head, ...sort(t!.rows, by, app.sort).map(line)].join("\n");
  };
  return (
    <div class="r">
      {t && (
        <span>
          {int(t.all)} {by === "goroutine" ? "goroutines" : "start functions"} in {short(t.of.to - t.of.from)}
        </span>
      )}
      <label>
        by{" "}
        <select aria-label="Rows by" value={by} onChange={(e) => app.setBy(e.currentTarget.value as FigureBy)}>
          <option value="start">start function</option>
          <option value="goroutine">goroutine</option>
        </select>
      </label>
      {t && (
        <button class="a" onClick={() => copyText(csv())}>
          Copy CSV
        </button>
      )}
    </div>
  );
}

export function Goroutines({ app }: { app: App }) {
  useChanges(app, app.answers, app.selection);
  const by = app.answers.byOf("goroutines");
  const t = app.answers.of("goroutines");
  const [shown, More] = useFirst(t ? sort(t.rows, by, app.sort) : []);
  if (app.answers.figures.error) return <p class="empty bad">{visible(app.answers.figures.error)}</p>;
  if (!t) return <p class="empty mut">Counting …</p>;
  if (t.rows.length === 0) return <p class="empty mut">No goroutine lived in this window.</p>;
  return (
    <div class="tw" tabIndex={-1}>
      <table class="gos">
        <colgroup>
          <col />
          <col class="c-count" />
          <col class="c-share" />
          {STATES.map(() => (
            <col class="c-num" />
          ))}
          <col class="c-num last" />
        </colgroup>
        <thead>
          <tr>
            <Head app={app} column="key" text={by === "goroutine" ? "Goroutine" : "Start function"} />
            <Head app={app} column="count" text="Slices" title="Stretches in one state that touch the window" />
            <th scope="col">Its time in the window</th>
            {STATES.map((s) => (
              <Head app={app} column={s} text={TITLE[s]} title="Time inside the window" first={s === "waiting"} />
            ))}
            <Head app={app} column="max" text="Longest" title="The longest slice, whatever its state; a click leads to it" />
          </tr>
        </thead>
        <tbody>
          {shown.map((f) => (
            <Row key={by === "goroutine" ? f.g : f.group} app={app} f={f} by={by} />
          ))}
        </tbody>
      </table>
      {More()}
    </div>
  );
}

function Row({ app, f, by }: { app: App; f: Figure; by: FigureBy }) {
  const all = Math.max(1, f.total);
  const [pkg, name] = by === "goroutine" ? ["", nameOf(by, f)] : splitFunc(nameOf(by, f));
  const kind = app.info?.groups[f.group]?.kind;
  const here = by === "goroutine" && (app.selection.goroutine?.g ?? app.selection.slice?.g) === f.g;
  return (
    <tr class={here ? "sel" : ""} onClick={() => (by === "goroutine" ? void app.guide.selectGoroutine(f.g) : app.guide.showGroup(f.group))} title="Click to go there">
      <td>
        <div class="rs">
          <button class="name">
            <span class="pk">{pkg}</span>
            {name}
          </button>
          <span class="mut">{by === "goroutine" ? visible(f.start_func) : kind === "gc" ? "collector" : kind === "runtime" ? "runtime" : ""}</span>
        </div>
      </td>
      <td>{int(f.count)}</td>
      <td>
        <div class="share">
          {STATES.map((s) => (
            <i style={{ flexGrow: f.state_ns[s] / all, background: colourOf(s) }} />
          ))}
        </div>
      </td>
      {STATES.map((s) => (
        <td>{short(f.state_ns[s])}</td>
      ))}
      <td>
        <button
          class="a worst"
          title={`Go to it: G${f.g} at ${moment(f.at)}`}
          onClick={(e) => {
            e.stopPropagation();
            void app.guide.goTo(f.g, f.at);
          }}
        >
          {short(f.max)}
        </button>
      </td>
    </tr>
  );
}
