// view/status.tsx - the legend that filters, the cursor, the window, events, progress.

import { int, moment, short, visible } from "../lib/format";
import { FAMILIES, FIRST_WAIT } from "../model/families";
import { Glyph } from "./icons";
import type { Stage } from "./stage";
import { CALM_MS, useCalmly, useChanges } from "./use";

export function Status({ stage }: { stage: Stage }) {
  const { app } = stage;
  useChanges(app);
  const importing = app.entry?.state === "importing" ? app.entry.progress : null;
  return (
    <footer class="stat">
      {FAMILIES.map((f, i) => (
        <>
          {i === FIRST_WAIT && <span class="sep" />}
          <button class={`lg ${app.off.has(i) ? "off" : ""}`} aria-pressed={!app.off.has(i)} aria-label={f.legend} title={`${app.off.has(i) ? "Show" : "Fade"} ${f.legend}`} onClick={() => app.toggleFamily(i)}>
            <Glyph token={f.token} />
            <span class="word">{f.legend}</span>
          </button>
        </>
      ))}
      <span class="sep last" />
      <span class="lg still">
        <svg width="14" height="12" aria-hidden="true">
          <rect width="14" height="12" fill="var(--gc-f)" />
          <rect x="0" width="3" height="12" fill="var(--stw)" />
          <rect x="11" width="3" height="12" fill="var(--stw)" />
        </svg>
        GC, stop the world
      </span>
      <div class="r">
        {!app.connected && <span class="bad">connection lost, trying again</span>}
        {app.entry?.state === "failed" && (
          <span class="bad" title={visible(app.entry.fault?.text ?? "")}>
            only the first {short(app.view.duration)} were read
          </span>
        )}
        {importing ? (
          <>
            <span>
              reading <b>{percent(importing.done, importing.total)}</b> · {int(importing.events)} events
              {importing.eta_s > 1 ? ` · ${Math.round(importing.eta_s)} s to go` : ""}
            </span>
            <button class="a" onClick={() => app.stop()}>
              Stop
            </button>
          </>
        ) : (
          <>
            <Where stage={stage} />
            <span>
              <b>{int(app.info?.events ?? 0)}</b> events
            </span>
          </>
        )}
      </div>
    </footer>
  );
}

function Where({ stage }: { stage: Stage }) {
  const { app } = stage;
  useCalmly(CALM_MS, app.view, stage);
  return (
    <>
      <span class="cur">
        {app.cursor !== null && (
          <>
            cursor <b>{moment(app.cursor)}</b>
          </>
        )}
      </span>
      <span class="w19">
        window <b>{moment(app.view.goal.from)}</b> to <b>{moment(app.view.goal.to)}</b>
      </span>
      <span class="w15">
        <b>{short(app.view.goal.to - app.view.goal.from)}</b>
      </span>
    </>
  );
}

export function percent(done: number, total: number): string {
  return total > 0 ? `${Math.min(100, Math.floor((done / total) * 100))} %` : "…";
}
