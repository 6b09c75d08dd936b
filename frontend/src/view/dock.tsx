// view/dock.tsx - tables of the window: wait reasons, goroutines, SQL.  Its height is dragged in whole rows.

import { useRef } from "preact/hooks";
import type { App, Tab } from "../model/app";
import { Goroutines } from "./goroutines";
import { Sql } from "./sql";
import { useChanges } from "./use";
import { Waits, WaitsNote } from "./waits";

const TABS: [Tab, string][] = [
  ["waits", "Wait reasons in this window"],
  ["goroutines", "Goroutines"],
  ["sql", "SQL"],
];
const ROW = 22;
const FIXED = 34 + 24 + 2; // tabs, table head, lines

export function Dock({ app }: { app: App }) {
  useChanges(app);
  const box = useRef<HTMLElement>(null);
  const grip = (e: PointerEvent) => {
    const el = e.currentTarget as HTMLElement;
    el.setPointerCapture(e.pointerId);
    const y0 = e.clientY;
    const h0 = box.current!.offsetHeight;
    el.onpointermove = (m) => {
      const rows = Math.max(2, Math.min(40, Math.round((h0 + y0 - m.clientY - FIXED) / ROW)));
      const h = Math.min(FIXED + rows * ROW, Math.floor(innerHeight * 0.6));
      document.documentElement.style.setProperty("--h-dock", `${h}px`);
    };
    el.onpointerup = () => (el.onpointermove = null);
  };
  return (
    <section class="dock" ref={box} aria-label="Tables">
      <div class="grip" onPointerDown={grip} role="separator" aria-orientation="horizontal" aria-label="Height of the tables" />
      <div class="tabs" role="tablist">
        {TABS.map(([id, name]) => (
          <button
            role="tab"
            aria-selected={app.tab === id}
            class={app.tab === id ? "on" : ""}
            onClick={() => {
              app.tab = id;
              app.changed();
            }}
          >
            {name}
          </button>
        ))}
        {app.tab === "waits" && <WaitsNote app={app} />}
      </div>
      {app.tab === "waits" && <Waits app={app} />}
      {app.tab === "goroutines" && <Goroutines app={app} />}
      {app.tab === "sql" && <Sql app={app} />}
    </section>
  );
}
