// view/subjects.tsx - the panels about a processor, in the window, and about one cycle of the collector.

import { bytes, int, moment, plural, short, visible } from "../lib/format";
import type { App } from "../model/app";
import type { AreaFigures, Figure, Id, Point } from "../net/protocol";
import { useAnswer, useArea, useRows } from "./answer";
import { Section, Title } from "./details";
import { Dot } from "./icons";
import { Spark } from "./spark";
import { useChanges } from "./use";

const percent = (part: number, whole: number): string => `${((part / Math.max(1, whole)) * 100).toFixed(1)} %`;
const TOP = 12;

// ---- a processor

export function ProcCard({ app, p }: { app: App; p: Id }) {
  useChanges(app.view);
  const { from, to } = app.stretch();
  const of = { from, to, lanes: [`P${p}`] };
  const ran = useArea(app, { ...of, state: "running", by: "start" });
  const who = useArea(app, { ...of, state: "running", by: "goroutine" });
  const calls = useArea(app, { ...of, state: "syscall", by: "state" });
  const held = useRows(app, `SELECT count(*), sum(min(end_ns, ${to}) - max(start_ns, ${from})), count(DISTINCT m) FROM proc_slices WHERE p = ${p} AND start_ns < ${to} AND end_ns > ${from}`);
  const width = to - from;
  const busy = ran?.total ?? 0;
  const [times = 0, ns = 0, threads = 0] = (held?.[0] ?? []).map(Number);
  return (
    <aside class="det" aria-label="Details">
      <section>
        <Title
          app={app}
          pill={<span class="pill plain">processor</span>}
          name={`P${p}`}
          value={ran ? percent(busy, width).split(" ")[0]! : "…"}
          unit="% used"
          fit={() => app.view.everything()}
          fitTitle="Show the whole trace"
        />
        <p class="why">
          In this window of {short(width)} P{p} ran goroutines for <b class="q">{short(busy)}</b>
          {ran && <> in {plural(ran.count, "stretch", "stretches")}</>}
          {calls && calls.count > 0 && <>; {plural(calls.count, "system call")} began on it ({short(calls.total)})</>}. Held by{" "}
          {threads === 1 ? "one thread" : `${int(threads)} threads`} for {short(ns)}, taken {int(times)} times; without a thread <b class="q">{short(Math.max(0, width - ns))}</b>.
        </p>
        <div class="share tall" role="img" aria-label={`ran ${percent(busy, width)}, held by a thread without running a goroutine ${percent(Math.max(0, ns - busy), width)}`}>
          <i title={`ran goroutines ${short(busy)}`} style={{ flexGrow: busy / width, background: "var(--running-s)" }} />
          <i title={`held, looking for work or in the runtime ${short(Math.max(0, ns - busy))}`} style={{ flexGrow: Math.max(0, ns - busy) / width, background: "var(--runnable-s)" }} />
          <i title={`without a thread ${short(Math.max(0, width - Math.max(ns, busy)))}`} style={{ flexGrow: Math.max(0, width - Math.max(ns, busy)) / width, background: "var(--idle)" }} />
        </div>
      </section>
      <Ran app={app} title="What it ran, by start function" t={ran} name={(f) => visible(f.key) || "start function not known"} />
      <Ran app={app} title="Goroutines that used it most" t={who} name={(f) => `G${f.g}  ${visible(f.start_func)}`} />
      {ran && ran.count > 1 && (
        <Section title="How long it ran at a stretch" right={plural(ran.count, "stretch", "stretches")}>
          <Spark hist={sumOf(ran.rows)} family="running" width={0} height={40} axis />
        </Section>
      )}
    </aside>
  );
}

function sumOf(rows: Figure[]): number[] {
  const hist = new Array<number>(48).fill(0);
  for (const r of rows) r.hist.forEach((n, b) => (hist[b]! += n));
  return hist;
}

function Ran({ app, title, t, name }: { app: App; title: string; t: AreaFigures | null; name: (f: Figure) => string }) {
  if (!t) return null;
  return (
    <Section title={title} right={t.all > TOP ? `${TOP} of ${int(t.all)}` : int(t.all)}>
      {t.rows.length === 0 && <p class="mut none">None in this window.</p>}
      {t.rows.slice(0, TOP).map((f) => (
        <button class="fr go" title={`Go to the longest: ${short(f.max)} at ${moment(f.at)}`} onClick={() => void app.guide.goTo(f.g, f.at)}>
          <span>
            <Dot family={f.family === "gc" ? "gc" : f.family === "sys" ? "sys" : f.state === "runnable" ? "runnable" : "running"} />
            {name(f)} <span class="mut">{int(f.count)} ×</span>
          </span>
          <span class="sec">{short(f.total)}</span>
        </button>
      ))}
    </Section>
  );
}

// ---- a cycle of the collector

const NEAR_NS = 5e6; // pauses this near to the mark phase belong to its cycle

export function CycleCard({ app, from, to }: { app: App; from: number; to: number }) {
  const phases = useRows(
    app,
    `SELECT name, start_ns, duration_ns FROM ranges WHERE start_ns < ${to + NEAR_NS} AND end_ns > ${from - NEAR_NS} AND
      (name LIKE 'stop-the-world (GC%' OR name = 'GC concurrent mark phase') ORDER BY start_ns`,
  );
  const assists = useRows(app, `SELECT count(*), coalesce(sum(min(end_ns, ${to}) - max(start_ns, ${from})), 0), count(DISTINCT scope_id), coalesce(max(duration_ns), 0) FROM ranges WHERE name = 'GC mark assist' AND start_ns < ${to} AND end_ns > ${from}`);
  const late = useArea(app, { from, to, state: "runnable", by: "start" });
  const ran = useArea(app, { from, to, state: "running", by: "start" });
  const heap = useAnswer<{ points: Point[] }>(app, "counter", { name: "/memory/classes/heap/objects:bytes", from: Math.max(0, from - NEAR_NS), to: to + NEAR_NS, px: 200 });
  const own = (phases ?? []).filter(([name, at, ns]) => belongs(String(name), Number(at), Number(ns), from, to));
  const paused = own.filter(([name]) => String(name).startsWith("stop")).reduce((a, [, , ns]) => a + Number(ns), 0);
  const workers = (ran?.rows ?? []).filter((f) => app.info?.groups[f.group]?.kind === "gc").reduce((a, f) => a + f.total, 0);
  const procs = app.info?.procs.length ?? 1;
  const [value, unit] = short(to - from).split(" ");
  const [n = 0, ns = 0, gs = 0, longest = 0] = (assists?.[0] ?? []).map(Number);
  return (
    <aside class="det" aria-label="Details">
      <section>
        <Title app={app} pill={<span class="pill plain">GC cycle</span>} name="Mark phase" value={value!} unit={unit!} fit={() => app.view.fit(from, to)} fitTitle="Zoom to it" />
        <p class="why">
          From <b class="q">{moment(from)}</b> to <b class="q">{moment(to)}</b>; the world stood still for <b class="q">{short(paused)}</b>. GC workers took <b class="q">{percent(workers, (to - from) * procs)}</b> of {procs} processors
          {n > 0 ? (
            <>
              , and {plural(gs, "goroutine")} had to help: {plural(n, "assist")}, {short(ns)} together, the longest {short(longest)}
            </>
          ) : (
            ", and no goroutine had to help"
          )}
          .<HeapChange points={heap?.points ?? []} from={from} to={to} />
        </p>
      </section>
      <Section title="Phases" right={own.length > 0 ? `paused ${short(paused)}` : ""}>
        {own.map(([name, at, dur]) => (
          <button class="fr go" title={`At ${moment(Number(at))}; click to zoom`} onClick={() => app.view.fit(Number(at), Number(at) + Number(dur))}>
            <span>
              <i class="dot" style={{ background: String(name).startsWith("stop") ? "var(--stw)" : "var(--gc-s)" }} />
              {visible(String(name))}
            </span>
            <span class="sec">{short(Number(dur))}</span>
          </button>
        ))}
      </Section>
      <Ran app={app} title="What stood ready meanwhile, and for how long" t={late} name={(f) => visible(f.key) || "start function not known"} />
      <Ran app={app} title="What ran meanwhile" t={ran} name={(f) => visible(f.key) || "start function not known"} />
    </aside>
  );
}

/** Sweep termination comes before the mark phase, mark termination at its end. */
function belongs(name: string, at: number, ns: number, from: number, to: number): boolean {
  if (name === "GC concurrent mark phase") return at === from;
  if (name.includes("mark termination")) return at >= from && at <= to + NEAR_NS;
  return at + ns >= from - NEAR_NS && at < to;
}

function HeapChange({ points, from, to }: { points: Point[]; from: number; to: number }) {
  const before = points.filter(([t]) => t <= from).pop();
  const after = points.filter(([t]) => t <= to + NEAR_NS).pop();
  if (!before || !after || before === after) return null;
  return (
    <>
      {" "}
      The heap went from <b class="q">{bytes(before[3])}</b> to <b class="q">{bytes(after[3])}</b>.
    </>
  );
}
