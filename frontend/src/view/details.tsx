// view/details.tsx - the panel about the selected slice: a sentence, the facts, the stacks, the chain.

import type { ComponentChildren } from "preact";
import { exactParts, moment, plural, short, visible } from "../lib/format";
import type { App } from "../model/app";
import { FAMILIES, tagName } from "../model/families";
import type { Brief, Slice } from "../net/protocol";
import { GoroutineCard } from "./card";
import { copyText } from "./copy";
import { Dot, Icon } from "./icons";
import { GoLink, Sentence } from "./sentence";
import { Spark } from "./spark";
import { EditorChoice, Stack, place, stackText } from "./stack";
import { CycleCard, ProcCard } from "./subjects";
import { useChanges } from "./use";

export function Details({ app }: { app: App }) {
  useChanges(app, app.selection, app.figures, app.answers);
  const s = app.selection.slice;
  const subject = app.subject;
  if (subject?.kind === "p") return <ProcCard app={app} p={subject.p} />;
  if (subject?.kind === "gc") return <CycleCard app={app} from={subject.from} to={subject.to} />;
  if (!s) return app.selection.goroutine ? <GoroutineCard app={app} g={app.selection.goroutine} /> : null;
  return (
    <aside class="det" aria-label="Details">
      <Head app={app} s={s} />
      <Facts app={app} s={s} />
      {app.selection.chain.length > 1 || (app.selection.chain.length === 1 && app.selection.chain[0]?.waker) ? <Chain app={app} /> : null}
      <Section title={s.state === "waiting" ? "Stack where it waited" : "Stack at its start"} right={s.stack.length > 0 && (
            <>
              <EditorChoice />
              <Copy text={() => stackText(s.stack)} />
            </>
          )}>
        <Stack frames={s.stack} />
      </Section>
      {s.waker && s.waker.g !== null && <Waker app={app} s={s} />}
      <Same app={app} s={s} />
      <Around app={app} s={s} />
    </aside>
  );
}

export function Section({ title, right, children }: { title: string; right?: ComponentChildren; children: ComponentChildren }) {
  return (
    <section>
      <h3>
        {title}
        <span class="r">{right}</span>
      </h3>
      {children}
    </section>
  );
}

function Copy({ text }: { text: () => string }) {
  return (
    <button class="a" onClick={() => copyText(text())}>
      Copy
    </button>
  );
}

/** The row of buttons and the name that every panel begins with. */
export function Title({ app, pill, name, value, unit, fit, fitTitle }: { app: App; pill: ComponentChildren; name: string; value: string; unit: string; fit: () => void; fitTitle: string }) {
  return (
    <>
      <div class="hd">
        {pill}
        <span class="grow" />
        <button class="ib" title={fitTitle} aria-label={fitTitle} onClick={fit}>
          <Icon name="fit" />
        </button>
        <button class="ib" title="Copy a link to it" aria-label="Copy a link to it" onClick={() => copyText(location.href)}>
          <Icon name="link" />
        </button>
        <button class="ib" title="Close (Esc)" aria-label="Close" onClick={() => app.guide.deselect()}>
          <Icon name="close" />
        </button>
      </div>
      <div class="big">
        <b id="d-name">{name}</b>
        <em>
          {value}
          <small>{unit}</small>
        </em>
      </div>
    </>
  );
}

function Head({ app, s }: { app: App; s: Slice }) {
  const look = app.tags[s.tag];
  const family = FAMILIES[look?.cls ?? 9]!;
  const [value, unit] = exactParts(s.dur);
  const name = s.state === "waiting" ? look?.name ?? tagName({ state: s.state, family: s.family, reason: s.reason, refined: s.refined }) : s.state;
  return (
    <section>
      <Title
        app={app}
        pill={
          <span class="pill" style={{ background: `var(--${family.token}-f)` }}>
            <Dot family={family.token} />
            {s.state === "waiting" ? `waiting · ${family.legend}` : s.state}
          </span>
        }
        name={name}
        value={value}
        unit={unit}
        fit={() => app.view.fit(s.start, s.start + s.dur)}
        fitTitle="Zoom to it (f)"
      />
      <Sentence app={app} s={s} />
    </section>
  );
}

function Facts({ app, s }: { app: App; s: Slice }) {
  const waiting = s.state === "waiting";
  const ready = s.next?.state === "runnable" ? s.next.dur : null;
  const m = app.info?.threads_reliable === false ? null : s.m;
  return (
    <section>
      <dl>
        <dt>Goroutine</dt>
        <dd class="w" title={visible(s.func)}>
          <button class="a" onClick={() => void app.guide.selectGoroutine(s.g)}>
            G{s.g}
          </button>{" "}
          <span class="sec">{visible(s.func)}</span>
        </dd>
        <dt>Start</dt>
        <dd title={`${Math.round(s.start)} ns`}>{moment(s.start)}</dd>
        <dt>End</dt>
        <dd title={`${Math.round(s.start + s.dur)} ns`}>{s.open ? "not seen" : moment(s.start + s.dur)}</dd>
        {waiting && (
          <>
            <dt>In the trace</dt>
            <dd class={ready === null ? "w" : ""} title={visible(s.reason)}>
              {s.reason ? `“${visible(s.reason)}”` : "no reason given"}
            </dd>
            {ready !== null && (
              <>
                <dt>Ready for</dt>
                <dd>{short(ready)}</dd>
              </>
            )}
          </>
        )}
        <dt>{waiting || s.state === "runnable" ? "Left P, M" : "P, M"}</dt>
        <dd class="w">
          {s.p !== null && (
            <button class="a" title={`All about P${s.p}`} onClick={() => app.guide.showSubject({ kind: "p", p: s.p! })}>
              P{s.p}
            </button>
          )}
          {s.p !== null && m !== null ? ", " : ""}
          {m !== null ? `M${m}` : s.p === null ? "not known" : ""}
        </dd>
      </dl>
    </section>
  );
}

function Waker({ app, s }: { app: App; s: Slice }) {
  const w = s.waker!;
  return (
    <Section
      title="Stack of the waker"
      right={
        <>
          <button class="a" onClick={() => void app.guide.goTo(w.g!, s.start + s.dur)}>
            Go to G{w.g}
          </button>{" "}
          {w.stack.length > 0 && <Copy text={() => stackText(w.stack)} />}
        </>
      }
    >
      <Stack frames={w.stack} />
    </Section>
  );
}

function Chain({ app }: { app: App }) {
  const { chain, slice } = app.selection;
  return (
    <Section
      title="Wake chain"
      right={
        <>
          earlier <kbd>[</kbd> later <kbd>]</kbd>
        </>
      }
    >
      {chain.map((c, i) => (
        <Hop app={app} c={c} here={c.g === slice?.g && c.start === slice.start} last={i === chain.length - 1} first={i === 0} />
      ))}
    </Section>
  );
}

function Hop({ app, c, here, first, last }: { app: App; c: Slice; here: boolean; first: boolean; last: boolean }) {
  const look = app.tags[c.tag];
  const family = FAMILIES[look?.cls ?? 9]!.token;
  const w = c.waker;
  const leaf = w?.stack[0];
  const user = w?.stack.find((f) => !f.library);
  return (
    <>
      <div class={`hop ${here ? "here" : ""}`}>
        <span class="rail" style={{ "--c": `var(--${family}-s)` }} />
        <span>
          <GoLink app={app} g={c.g} at={c.start} /> {visible(c.func)}
          <small>
            {first ? "waited for" : "had itself waited for"} {look?.name ?? c.refined}
          </small>
        </span>
        <span class="sec">{short(c.dur)}</span>
      </div>
      {w && w.g !== null ? (
        <div class="hop">
          <span class="rail" style={{ "--c": "var(--running-s)" }} />
          <span>
            woken by <GoLink app={app} g={w.g} at={c.start + c.dur} />
            {w.p !== null ? ` on P${w.p}` : ""}
            {leaf && (
              <small>
                {visible(leaf.func)}
                {user ? ` at ${place(user)}` : ""}
              </small>
            )}
          </span>
          <span class="sec">{moment(c.start + c.dur)}</span>
        </div>
      ) : (
        last && (
          <div class="hop">
            <span class="rail" />
            <span>woken by the runtime</span>
            <span class="sec">{moment(c.start + c.dur)}</span>
          </div>
        )
      )}
    </>
  );
}

/** Where this wait stands among those of the same reason in the window. */
function Same({ app, s }: { app: App; s: Slice }) {
  if (s.state !== "waiting") return null;
  const row = app.answers.same.value?.rows.find((r) => (s.refined ? r.refined === s.refined : r.reason === s.reason));
  if (!row || row.count < 2) return null;
  const at = Math.floor(Math.log2(Math.max(1, s.dur)));
  const alike = row.hist[at] ?? 0;
  const shorter = row.hist.slice(0, at).reduce((a, n) => a + n, 0);
  const rank = s.dur >= row.max ? "the longest of them" : s.dur > row.p999 ? "longer than 99.9 % of them" : s.dur > row.p99 ? "longer than 99 % of them" : "";
  const rough = alike > row.count / 2 ? "as long as most of them" : shorter > 0 ? `longer than at least ${Math.floor((shorter / row.count) * 100)} % of them` : "among the shortest of them";
  return (
    <Section title="Same reason in this window" right={plural(row.count, "wait")}>
      <Spark hist={row.hist} family={row.family} width={0} height={40} mark={s.dur} axis />
      <p class="under sec">{rank || rough}</p>
      <dl class="four">
        <dt>Total</dt>
        <dd>{short(row.total)}</dd>
        <dt>Mean</dt>
        <dd>{short(row.mean)}</dd>
        <dt>p50</dt>
        <dd>{short(row.p50)}</dd>
        <dt>p99</dt>
        <dd>{short(row.p99)}</dd>
        <dt>p99.9</dt>
        <dd>{short(row.p999)}</dd>
        <dt>Longest</dt>
        <dd>
          <button class="a" onClick={() => void app.guide.goTo(row.g, row.at)}>
            {short(row.max)}
          </button>
        </dd>
      </dl>
    </Section>
  );
}

function Around({ app, s }: { app: App; s: Slice }) {
  const row = (b: Brief, step: -1 | 1) => {
    const look = app.tags[b.tag];
    return (
      <button class="fr go" onClick={() => void app.guide.stepTo(step)}>
        <span>
          <Dot family={FAMILIES[look?.cls ?? 9]!.token} /> {look?.name ?? b.state}
          {b.state === "running" && b.p !== null ? ` on P${b.p}` : ""}
        </span>
        <span class="sec">{short(b.dur)}</span>
      </button>
    );
  };
  const look = app.tags[s.tag];
  return (
    <Section
      title="Before and after"
      right={
        <>
          <kbd>,</kbd> <kbd>.</kbd>
        </>
      }
    >
      {s.prev && row(s.prev, -1)}
      <div class="fr now">
        <span>
          <Dot family={FAMILIES[look?.cls ?? 9]!.token} /> {look?.name ?? s.state}
        </span>
        <span class="sec">{short(s.dur)}</span>
      </div>
      {s.next && row(s.next, 1)}
    </Section>
  );
}
