// view/page.tsx - the frame around everything: which screen, notices, files dropped on the window.

import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import type { App } from "../model/app";
import type { Ui } from "./commands";
import { Details } from "./details";
import { Dock } from "./dock";
import { Help } from "./help";
import { Icon } from "./icons";
import { listenToKeys } from "./keys";
import { Overview } from "./overview";
import { Palette } from "./palette";
import type { Stage } from "./stage";
import { Between, Start, StartFoot } from "./start";
import { Status, percent } from "./status";
import { Timeline } from "./timeline";
import { Topbar } from "./topbar";
import { Tour } from "./tour";
import { useChanges } from "./use";

export function Page({ app, stage }: { app: App; stage: Stage }) {
  const [shown, setShown] = useState({ help: false, palette: false, tour: false });
  useChanges(app, app.selection);
  const ui: Ui = { ...shown, set: (what, on) => setShown((s) => ({ ...s, [what]: on })) };
  useKeys(app, ui);
  const dropping = useDrop(app);
  const trace = app.screen === "trace" && app.info !== null;
  const importing = app.entry?.state === "importing" && trace ? app.entry.progress : app.uploading;
  return (
    <div class={`page ${trace ? (app.selection.slice || app.selection.goroutine || app.subject ? "with-det" : "") : "plain"}`}>
      <Topbar app={app} ui={ui} />
      {importing && <Progress done={importing.done} total={importing.total} />}
      {trace ? (
        <>
          <Overview stage={stage} />
          <Timeline stage={stage} />
          <Details app={app} />
          <Dock app={app} />
          <Status stage={stage} />
        </>
      ) : app.screen === "start" ? (
        <>
          <Start app={app} ui={ui} />
          <StartFoot />
        </>
      ) : (
        <>
          <Between app={app} />
          <StartFoot />
        </>
      )}
      {app.notice && <Notice app={app} />}
      {dropping && (
        <div class="dropping">
          <strong>Drop it to open it</strong>
        </div>
      )}
      {ui.help && <Help ui={ui} close={() => ui.set("help", false)} />}
      {ui.palette && <Palette app={app} ui={ui} close={() => ui.set("palette", false)} />}
      {ui.tour && <Tour app={app} close={() => ui.set("tour", false)} />}
    </div>
  );
}

function Progress({ done, total }: { done: number; total: number }) {
  return (
    <div class="progress" role="progressbar" aria-label="Reading the trace" aria-valuetext={percent(done, total)}>
      <i style={{ width: `${total > 0 ? (done / total) * 100 : 100}%` }} />
    </div>
  );
}

function Notice({ app }: { app: App }) {
  return (
    <div class="notice" role="status">
      <Icon name="warn" />
      <span>{app.notice}</span>
      <button class="ib" aria-label="Close" onClick={() => app.say("")}>
        <Icon name="close" />
      </button>
    </div>
  );
}

let latest: Ui;
function useKeys(app: App, ui: Ui): void {
  latest = ui;
  useLayoutEffect(() => listenToKeys(app, () => latest), [app]);
}

function useDrop(app: App): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const has = (e: DragEvent) => !!e.dataTransfer?.types.includes("Files");
    const drag = (e: DragEvent) => {
      if (!has(e)) return;
      e.preventDefault();
      setOver(true);
    };
    const leave = (e: DragEvent) => {
      if (!e.relatedTarget) setOver(false);
    };
    const drop = (e: DragEvent) => {
      if (!has(e)) return;
      e.preventDefault();
      setOver(false);
      const f = e.dataTransfer?.files[0];
      if (f) void app.upload(f);
    };
    addEventListener("dragenter", drag);
    addEventListener("dragover", drag);
    addEventListener("dragleave", leave);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragenter", drag);
      removeEventListener("dragover", drag);
      removeEventListener("dragleave", leave);
      removeEventListener("drop", drop);
    };
  }, [app]);
  return over;
}
