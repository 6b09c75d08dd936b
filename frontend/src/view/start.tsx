// view/start.tsx - no trace yet: where to get one.  And the pages between: opening, failed.

import { useState } from "preact/hooks";
import { bytes, int, visible, whenText } from "../lib/format";
import type { App } from "../model/app";
import { chooseFile, type Ui } from "./commands";
import { copyText } from "./copy";
import { percent } from "./status";
import { useChanges } from "./use";

const RECENT = 5;

export function Start({ app, ui }: { app: App; ui: Ui }) {
  useChanges(app);
  const { traces, recent, samples } = app.list;
  const [all, setAll] = useState(false);
  return (
    <main class="start">
      <h1>Why was it waiting?</h1>
      <p class="lead">Open an execution trace and see every goroutine, what it waited for, and who woke it.</p>
      <div>
        <Drop app={app} />
        {traces.length > 0 && (
          <div class="list">
            <h2>Open now</h2>
            {traces.map((t) => (
              <button class="row" onClick={() => void app.show(t)}>
                <b>{visible(t.name)}</b>
                <span class="m">{t.state === "importing" ? `reading ${percent(t.progress.done, t.progress.total)}` : t.state === "failed" ? "failed" : ""}</span>
                <span class="m">{bytes(t.bytes)}</span>
                <span class="m" />
              </button>
            ))}
          </div>
        )}
        {recent.length > 0 && (
          <div class="list">
            <h2>Recent</h2>
            {recent.slice(0, all ? recent.length : RECENT).map((r) => (
              <button class="row" onClick={() => void app.open({ recent: r.store })}>
                <b>{visible(r.name)}</b>
                <span class="m" />
                <span class="m">{bytes(r.bytes)}</span>
                <span class="m">{whenText(r.when_unix, Date.now())}</span>
              </button>
            ))}
            {recent.length > RECENT && !all && (
              <button class="a more" onClick={() => setAll(true)}>
                {int(recent.length - RECENT)} more
              </button>
            )}
          </div>
        )}
        {samples.length > 0 && (
          <div class="list">
            <h2>
              Samples <span>each is one waiting problem</span>
              <button class="a" onClick={() => ui.set("tour", true)}>
                New to traces? A tour of two minutes
              </button>
            </h2>
            {samples.map((s) => (
              <button class="row s" onClick={() => void app.open({ sample: s.name })}>
                <span>
                  <b>{visible(s.title)}</b>
                  <small>{visible(s.text)}</small>
                </span>
                <span class="m">{visible(s.kind)}</span>
              </button>
            ))}
          </div>
        )}
      </div>
      <Record />
    </main>
  );
}

function Drop({ app }: { app: App }) {
  const up = app.uploading;
  return (
    <div class="drop">
      {up ? (
        <>
          <strong>Taking in {visible(up.name)}</strong>
          <p>
            {bytes(up.done)} of {bytes(up.total)} · {percent(up.done, up.total)}
          </p>
          <progress max={Math.max(1, up.total)} value={up.done} />
        </>
      ) : (
        <>
          <strong>Drop a trace anywhere on this page</strong>
          <p>A Go trace (since Go 1.11), a ring file of libparkview, or a store that Parkview wrote.</p>
          <p>Plain, gzip or zstd, any size.</p>
          <button class="btn" onClick={() => chooseFile(app)}>
            Choose a file
          </button>
        </>
      )}
    </div>
  );
}

const STEPS: { who: string; rest: string; lines: string[] }[] = [
  {
    who: "From a running server",
    rest: " that imports net/http/pprof:",
    lines: ["$ curl -o trace.out \\", "    'http://HOST/debug/pprof/trace?seconds=5'", "$ parkview open trace.out"],
  },
  { who: "From a test", rest: " or a benchmark:", lines: ["$ go test -trace trace.out ./pkg"] },
  {
    who: "Around a part of a program",
    rest: ", with runtime/trace:",
    lines: ["f, _ := os.Create(\"trace.out\")", "trace.Start(f)", "defer trace.Stop()"],
  },
  {
    who: "The last seconds before a fault",
    rest: ", from Go 1.25:",
    lines: ["fr := trace.NewFlightRecorder(", "    trace.FlightRecorderConfig{})", "fr.Start()", "// when it goes wrong", "fr.WriteTo(file)"],
  },
  {
    who: "A program in C",
    rest: " with goroutines, fibers or tasks of its own:",
    lines: ["pv_start(&(struct pv_options){.path = \"app.ring\"});", "$ parkview open app.ring"],
  },
];

function Record() {
  return (
    <div class="rec">
      <h2>Record a trace</h2>
      {STEPS.map((s) => (
        <div class="step">
          <p>
            <b>{s.who}</b>
            {s.rest}
          </p>
          <pre>
            {s.lines.map((l) => (
              <>
                {l.startsWith("$ ") ? (
                  <>
                    <span class="k">$</span>
                    {l.slice(1)}
                  </>
                ) : l.startsWith("//") ? (
                  <span class="k">{l}</span>
                ) : (
                  l
                )}
                {"\n"}
              </>
            ))}
            <button class="a" onClick={() => copyText(s.lines.map((l) => l.replace(/^\$ /, "")).join("\n"))}>
              Copy
            </button>
          </pre>
        </div>
      ))}
      <Reading />
    </div>
  );
}

/** How to read a lane, drawn the way lanes are. */
function Reading() {
  return (
    <div class="read">
      <svg viewBox="0 0 408 66" width="100%" role="img" aria-label="A goroutine runs, waits for a lock, is woken, stands ready, and runs again">
        <g font-size="10.5" font-weight="500" dominant-baseline="central">
          <text x="0" y="14" fill="var(--text-3)">G12</text>
          <rect x="34" y="4" width="70" height="20" fill="var(--running-s)" />
          <text x="41" y="14" fill="var(--running-on)">running</text>
          <rect x="105" y="4" width="157" height="20" fill="var(--sync-f)" />
          <rect x="105" y="22" width="157" height="2" fill="var(--sync-s)" />
          <text x="112" y="14" fill="var(--text)">waiting: Mutex.Lock</text>
          <rect x="263" y="7" width="49" height="14" fill="var(--runnable-f)" />
          <rect x="263" y="7" width="49" height="2" fill="var(--runnable-s)" />
          <rect x="263" y="19" width="49" height="2" fill="var(--runnable-s)" />
          <text x="274" y="14" fill="var(--text)">ready</text>
          <rect x="313" y="4" width="95" height="20" fill="var(--running-s)" />
          <text x="320" y="14" fill="var(--running-on)">running</text>
          <text x="0" y="50" fill="var(--text-3)">G7</text>
          <rect x="34" y="40" width="228" height="20" fill="var(--running-s)" />
          <text x="41" y="50" fill="var(--running-on)">running, then calls Unlock</text>
          <rect x="263" y="40" width="145" height="20" fill="var(--net-f)" />
          <rect x="263" y="58" width="145" height="2" fill="var(--net-s)" />
          <text x="290" y="50" fill="var(--text)">waiting: net read</text>
          <path d="M262 50 C280 50 283 36 270.5 27" fill="none" stroke="var(--select-halo)" stroke-width="4.5" />
          <path d="M262 50 C280 50 283 36 270.5 27" fill="none" stroke="var(--select)" stroke-width="1.75" />
          <path d="m263 23 9.5 1.2-5.4 6.6z" fill="var(--select)" stroke="var(--select-halo)" stroke-width="1" />
          <circle cx="262" cy="50" r="4" fill="var(--select)" />
        </g>
      </svg>
      <p>Full bars run, tinted bars wait, arrows show who woke whom.</p>
    </div>
  );
}

export function StartFoot() {
  return (
    <footer class="stat">
      <span>
        <kbd>?</kbd> keys
      </span>
      <div class="r">Traces stay on this machine. The page makes no outside request.</div>
    </footer>
  );
}

export function Between({ app }: { app: App }) {
  useChanges(app);
  const e = app.entry;
  if (app.screen === "failed" && e) {
    const at = e.fault?.offset;
    return (
      <main class="between">
        <h1>{visible(e.name)} could not be opened</h1>
        <p class="lead">
          {e.fault ? visible(e.fault.text) : "No reason was given."}
          {typeof at === "number" && at > 0 && !/byte/.test(e.fault?.text ?? "") ? ` (at byte ${int(at)})` : ""}
        </p>
        <button class="btn" onClick={() => app.toStart()}>
          Open another trace
        </button>
      </main>
    );
  }
  if (!e) return <main class="between">{app.screen === "connecting" && !app.connected ? <p class="lead late">Waiting for parkview to answer …</p> : null}</main>;
  const p = e.progress;
  return (
    <main class="between">
      <h1>Reading {visible(e.name)}</h1>
      <p class="lead">
        {p.total > 0 ? `${bytes(p.done)} of ${bytes(p.total)}` : bytes(p.done)} · {int(p.events)} events
      </p>
      <progress max={Math.max(1, p.total)} value={p.done} />
      <button class="btn" onClick={() => app.stop()}>
        Stop
      </button>
    </main>
  );
}
