// view/card.tsx - the panel about one goroutine: its life in a sentence, its time by state, its waits in the window.

import { int, moment, plural, short, visible } from "../lib/format";
import type { App } from "../model/app";
import { FAMILIES } from "../model/families";
import type { Goroutine, State } from "../net/protocol";
import { Section } from "./details";
import { Dot, Icon } from "./icons";

const STATES: [State, string, string][] = [
  ["running", "running", "running"],
  ["runnable", "ready", "runnable"],
  ["syscall", "in a syscall", "syscall"],
  ["waiting", "waiting", "net"],
];

export function GoroutineCard({ app, g }: { app: App; g: Goroutine }) {
  return (
    <aside class="det" aria-label="Details">
      <section>
        <div class="hd">
          <span class="pill plain">goroutine</span>
          <span class="grow" />
          <button class="ib" title="Zoom to its life" aria-label="Zoom to its life" onClick={() => app.view.fit(g.start, g.end)}>
            <Icon name="fit" />
          </button>
          <button class="ib" title="Close (Esc)" aria-label="Close" onClick={() => app.deselect()}>
            <Icon name="close" />
          </button>
        </div>
        <div class="big">
          <b id="d-name">G{g.g}</b>
          <em>
            {short(g.end - g.start).split(" ")[0]}
            <small>{short(g.end - g.start).split(" ")[1]}</small>
          </em>
        </div>
        <Life app={app} g={g} />
      </section>
      <Times g={g} />
      <Own app={app} g={g} />
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
          Created at <b>{moment(g.start)}</b>
          {g.parent !== null && (
            <>
              {" by "}
              <button class="a" onClick={() => void app.selectGoroutine(g.parent!)}>
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
          ended at <b>{moment(g.end)}</b>
        </>
      ) : (
        "and lived on"
      )}
      ; it waited <b>{Math.round((g.state_ns.waiting / all) * 100)} %</b> of that time, in {plural(g.slices, "slice")} all told.
    </p>
  );
}

function Times({ g }: { g: Goroutine }) {
  const all = STATES.reduce((a, [s]) => a + g.state_ns[s], 0) || 1;
  return (
    <section>
      <div class="share tall">
        {STATES.map(([s, , token]) => (
          <i style={{ flexGrow: g.state_ns[s] / all, background: s === "waiting" ? "var(--line-2)" : `var(--${token}-s)` }} />
        ))}
      </div>
      {STATES.map(([s, name, token]) => (
        <div class="fr">
          <span>
            <i class="dot" style={{ background: s === "waiting" ? "var(--line-2)" : `var(--${token}-s)` }} />
            {name}
          </span>
          <span class="sec">{short(g.state_ns[s])}</span>
        </div>
      ))}
    </section>
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
