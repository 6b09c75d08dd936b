// view/dock.tsx - tables of the window: wait reasons, goroutines, SQL.  Its height is dragged in whole rows.

import { useRef } from "preact/hooks";
import { short, tailFunc, visible } from "../lib/format";
import { STATE_OF, type Tab } from "../model/answers";
import type { App } from "../model/app";
import { Figures, FiguresNote } from "./figures";
import { Found, FoundNote } from "./found";
import { GcNote, GcTable } from "./gctable";
import { Goroutines, GoroutinesNote } from "./goroutines";
import { Sql } from "./sql";
import { useChanges } from "./use";

const TABS: [Tab, string, string][] = [
  ["waits", "Waiting", "What was waited for in the window (1)"],
  ["ready", "Ready", "Scheduling latency: ready to run, but no processor took it (2)"],
  ["running", "Running", "Who used the processors (3)"],
  ["syscalls", "Syscalls", "Time in system calls (4)"],
  ["gc", "GC", "Collections, pauses and assists (5)"],
  ["goroutines", "Goroutines", "Where the time of each goroutine went (6)"],
  ["found", "Found", "What the search found (7)"],
  ["sql", "SQL", "Ask anything (8, or `)"],
];
const ROW = 22;
const FIXED = 34 + 24 + 2; // tabs, table head, lines

/** The nearest height in whole rows. */
function setHeight(px: number): void {
  const rows = Math.max(2, Math.min(40, Math.round((px - FIXED) / ROW)));
  document.documentElement.style.setProperty("--h-dock", `${Math.min(FIXED + rows * ROW, Math.floor(innerHeight * 0.6))}px`);
}

export function Dock({ app }: { app: App }) {
  useChanges(app, app.area, app.filtered);
  const box = useRef<HTMLElement>(null);
  const grip = (e: PointerEvent) => {
    const el = e.currentTarget as HTMLElement;
    el.setPointerCapture(e.pointerId);
    const y0 = e.clientY;
    const h0 = box.current!.offsetHeight;
    el.onpointermove = (m) => setHeight(h0 + y0 - m.clientY);
    el.onpointerup = () => (el.onpointermove = null);
  };
  const gripKey = (e: KeyboardEvent) => {
    if (e.key !== "ArrowUp" && e.key !== "ArrowDown") return;
    setHeight(box.current!.offsetHeight + (e.key === "ArrowUp" ? ROW : -ROW));
    e.preventDefault();
    e.stopPropagation();
  };
  return (
    <section class="dock" ref={box} aria-label="Tables">
      <div class="grip" tabIndex={0} onPointerDown={grip} onKeyDown={gripKey} role="separator" aria-orientation="horizontal" aria-label="Height of the tables" title="Drag, or the arrow keys" aria-valuenow={box.current?.offsetHeight ?? 0} />
      <div class="tabs">
        <div class="tablist" role="tablist" aria-label="Tables">
        {TABS.map(([id, name, title]) => (
          <button role="tab" id={`tab-${id}`} aria-selected={app.tab === id} aria-controls="table" class={app.tab === id ? "on" : ""} title={title} onClick={() => app.setTab(id)}>
            {name}
          </button>
        ))}
        </div>
        <Chips app={app} />
        {STATE_OF[app.tab] && <FiguresNote app={app} tab={app.tab} />}
        {app.tab === "goroutines" && <GoroutinesNote app={app} />}
        {app.tab === "gc" && <GcNote app={app} />}
        {app.tab === "found" && <FoundNote app={app} />}
      </div>
      <div class="tabbed" role="tabpanel" id="table" aria-labelledby={`tab-${app.tab}`}>
      {STATE_OF[app.tab] && <Figures app={app} tab={app.tab} />}
      {app.tab === "goroutines" && <Goroutines app={app} />}
      {app.tab === "gc" && <GcTable app={app} />}
      {app.tab === "found" && <Found app={app} />}
      {app.tab === "sql" && <Sql app={app} />}
      </div>
    </section>
  );
}

/** A lane as it is named on the page: a group by its function. */
function laneName(app: App, lane: string): string {
  const group = lane.startsWith("F") ? app.info?.groups[Number(lane.slice(1))] : undefined;
  if (group) return tailFunc(visible(group.func)).join("") || "start function not known";
  return visible(app.lanes.row(lane)?.name ?? "") || lane;
}

/** What narrows the tables beside the window: an area, a filter. */
function Chips({ app }: { app: App }) {
  const a = app.area.value;
  if (!a && !app.filter.text) return null;
  const names = a?.lanes.map((l) => laneName(app, l)) ?? [];
  return (
    <span class="narrowed">
      {a && (
        <button class="chip" title={`The tables are about this area${names.length > 0 ? ` of ${names.join(", ")}` : ""}; click for the whole window (Esc)`} onClick={() => app.area.set(null)}>
          area {short(a.to - a.from)}
          {names.length > 0 ? ` · ${names.length === 1 ? names[0] : `${names.length} lanes`}` : ""} ×
        </button>
      )}
      {app.filter.text && (
        <button class="chip" title="Only what matches is counted; click to drop the filter" onClick={() => app.setFilter("")}>
          {app.filter.text} ×
        </button>
      )}
      {app.filtered.tooMany && (
        <span class="mut w14" title="More than 5,000 slices on these lanes match: they are not told apart from the others">
          zoom in to see which slices
        </span>
      )}
    </span>
  );
}
