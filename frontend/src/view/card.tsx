// view/card.tsx - the panel about one goroutine: its life in a sentence, its time by state, its waits in the window.

import { int, moment, plural, short, visible } from "../lib/format";
import type { App } from "../model/app";
import { FAMILIES } from "../model/families";
import type { Figure, Goroutine, State } from "../net/protocol";
import { useArea, useRows } from "./answer";
import { Section, Title } from "./details";
import { Dot } from "./icons";
import { Spark } from "./spark";

const STATES: [State, string, string][] = [
  ["running", "running", "running"],
  ["runnable", "ready", "runnable"],
  ["syscall", "in a syscall", "syscall"],
  ["waiting", "waiting", "net"],
];

export function GoroutineCard({ app, g }: { app: App; g: Goroutine }) {
  const [value, unit] = short(g.end - g.start).split(" ");
  return (
    <aside class="det" aria-label="Details">
      <section>
        <Title
          app={app}
          pill={<span class="pill plain">goroutine</span>}
          name={`G${g.g}`}
          value={value!}
          unit={unit!}
          fit={() => app.view.fit(g.start, g.end)}
          fitTitle="Zoom to its life (f)"
        />
        <Life app={app} g={g} />
      </section>
      <Times app={app} g={g} />
      <Own app={app} g={g} />
      <Children app={app} g={g} />
      <Regions app={app} g={g} />
    </aside>
  );
}

function Life({ app, g }: { app: App; g: Goroutine }) {
  const all = STATES.reduce((a, [s]) => a + g.state_ns[s], 0) || 1;
  return (
    <p class="why">
      Runs <b>{visible(g.func) || "a function that is not known"}</b>.{" "}
      {g.created ? (
        <>
          Created at <b class="q">{moment(g.start)}</b>
          {g.parent !== null && (
            <>
              {" by "}
              <button class="a" onClick={() => void app.guide.selectGoroutine(g.parent!)}>
                G{g.parent}
              </button>
            </>
          )}
          ,{" "}
        </>
      ) : (
        "It was there when the trace began, "
      )}
      {g.ended ? (
        <>
          ended at <b class="q">{moment(g.end)}</b>
        </>
      ) : (
        "and lived on"
      )}
      ; it waited <b>{Math.round((g.state_ns.waiting / all) * 100)} %</b> of that time, in {plural(g.slices, "slice")} all told.
    </p>
  );
}

const familyOf = (f: Figure): string => (f.state === "waiting" ? (FAMILIES.some((x) => x.token === f.family) ? f.family : "sys") : f.state);

/** All of its life as one bar, by state and reason; below it how long its waits were. */
function Times({ app, g }: { app: App; g: Goroutine }) {
  const t = useArea(app, { from: 0, to: Math.max(1, app.view.duration), lanes: [`G${g.g}`], by: "refined" });
  if (!t) return null;
  const order = (f: Figure) => STATES.findIndex(([s]) => s === f.state);
  const rows = [...t.rows].sort((a, b) => order(a) - order(b) || b.total - a.total);
  const name = (f: Figure) => (f.state === "waiting" ? visible(f.refined || f.reason) || "reason not recorded" : (STATES.find(([s]) => s === f.state)?.[1] ?? f.state));
  const hist = new Array<number>(48).fill(0);
  let waits = 0;
  for (const f of rows.filter((r) => r.state === "waiting")) {
    f.hist.forEach((n, b) => (hist[b]! += n));
    waits += f.count;
  }
  return (
    <>
      <Section title="Its time, by state and reason" right={plural(t.count, "slice")}>
        <div class="share tall" role="img" aria-label={rows.map((f) => `${name(f)} ${short(f.total)}`).join(", ")}>
          {rows.map((f) => (
            <i title={`${name(f)} ${short(f.total)}`} style={{ flexGrow: f.total / Math.max(1, t.total), background: `var(--${familyOf(f)}-s)` }} />
          ))}
        </div>
        {rows.slice(0, 12).map((f) => (
          <button class="fr go" title={`Go to the longest: ${short(f.max)} at ${moment(f.at)}`} onClick={() => void app.guide.goTo(f.g, f.at)}>
            <span>
              <Dot family={familyOf(f)} />
              {name(f)} <span class="mut">{int(f.count)} ×, longest {short(f.max)}</span>
            </span>
            <span class="sec">{short(f.total)}</span>
          </button>
        ))}
      </Section>
      {waits > 1 && (
        <Section title="How long its waits were" right={plural(waits, "wait")}>
          <Spark hist={hist} family="sys" width={0} height={40} axis />
        </Section>
      )}
    </>
  );
}

const CHILDREN = 50;

function Children({ app, g }: { app: App; g: Goroutine }) {
  const rows = useRows(app, `SELECT g, start_function, start_ns, lifetime_ns FROM goroutines WHERE parent_g = ${g.g} ORDER BY start_ns`, CHILDREN + 1);
  if (!rows || rows.length === 0) return null;
  return (
    <Section title="Goroutines that it created" right={rows.length > CHILDREN ? `the first ${CHILDREN}` : int(rows.length)}>
      {rows.slice(0, CHILDREN).map(([id, func, at, life]) => (
        <button class="fr go" title={`Created at ${moment(Number(at))}`} onClick={() => void app.guide.selectGoroutine(id!)}>
          <span>
            <span class="a">G{id}</span> {visible(String(func ?? ""))}
          </span>
          <span class="sec">{short(Number(life))}</span>
        </button>
      ))}
    </Section>
  );
}

const REGIONS = 40;

/** Its regions, and the tasks that it began, the longest first. */
function Regions({ app, g }: { app: App; g: Goroutine }) {
  const sql = `SELECT 'region' AS kind, type, start_ns, duration_ns FROM regions WHERE g = ${g.g}
    UNION ALL SELECT 'task', type, coalesce(start_ns, 0), coalesce(duration_ns, 0) FROM tasks WHERE g = ${g.g} ORDER BY 4 DESC`;
  const rows = useRows(app, sql, REGIONS + 1);
  if (!rows || rows.length === 0) return null;
  return (
    <Section title="Its regions and tasks" right={rows.length > REGIONS ? `the ${REGIONS} longest` : int(rows.length)}>
      {rows.slice(0, REGIONS).map(([kind, type, at, ns]) => (
        <button class="fr go" title={`At ${moment(Number(at))}`} onClick={() => app.view.fit(Number(at), Number(at) + Math.max(1000, Number(ns)))}>
          <span>
            {visible(String(type ?? ""))} <span class="mut">{kind}</span>
          </span>
          <span class="sec">{short(Number(ns))}</span>
        </button>
      ))}
    </Section>
  );
}

function Own({ app, g }: { app: App; g: Goroutine }) {
  const w = app.figures.own.value;
  return (
    <Section title="Its waits in this window" right={w ? `${int(w.count)} · ${short(w.total)}` : ""}>
      {w?.rows.length === 0 && <p class="mut none">G{g.g} did not wait in this window.</p>}
      {w?.rows.map((r) => (
        <div class="fr" title={visible(r.func)}>
          <span>
            <Dot family={FAMILIES.some((f) => f.token === r.family) ? r.family : "sys"} />
            {visible(r.key) || "reason not recorded"} <span class="mut">{int(r.count)} ×</span>
          </span>
          <span class="sec">{short(r.total)}</span>
        </div>
      ))}
    </Section>
  );
}
