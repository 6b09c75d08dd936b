// view/probe.ts - window.parkview: what a test may ask of the page.

import { PINNED } from "../draw/timeline";
import { SIZES } from "../model/lanes";
import type { Stage } from "./stage";
import { pending } from "./use";

export interface LaneSeen {
  kind: string;
  id: string | number | null;
  name: string;
  top: number; // px on the page
  height: number;
}

export interface Probe {
  view(): { from: number; to: number };
  setView(from: number, to: number): void;
  /** Resolves when everything visible is drawn and the tables are of this window. */
  idle(): Promise<void>;
  /** Resolves when the address says it, too, and the window counts as a place to come back to. */
  addressed(): Promise<void>;
  lanes(): LaneSeen[];
  /** The pixel to click for the slice of a lane ("P0", "G17") at a time; scrolls and opens what it must. */
  sliceAt(lane: string, t: number): Promise<{ x: number; y: number }>;
  /** Milliseconds that painting took when the lanes were last drawn. */
  frameMs(): number;
  /** Since when the picture is sharp (performance.now()); null while it is stretched or on its way. */
  sharpAt(): number | null;
}

declare global {
  interface Window {
    parkview: Probe;
  }
}

/** written: whether the address says what is shown. */
export function makeProbe(stage: Stage, written: () => boolean): Probe {
  const { app } = stage;
  const frame = () => new Promise<void>((done) => requestAnimationFrame(() => done()));
  const idle = async () => {
    for (let calm = 0; calm < 3; ) {
      await frame();
      calm = stage.settled && pending.count === 0 ? calm + 1 : 0;
    }
  };
  const addressed = async () => {
    for (;;) {
      await idle();
      if (written()) return;
    }
  };
  return {
    view: () => ({ from: Math.round(app.view.goal.from), to: Math.round(app.view.goal.to) }),
    setView: (from, to) => app.view.set(from, to),
    idle,
    addressed,
    lanes: () => {
      const box = document.querySelector(".lanes")?.getBoundingClientRect();
      const y0 = box?.top ?? 0;
      const gc: LaneSeen = { kind: "gc", id: null, name: "GC", top: y0 + SIZES.ruler, height: SIZES.gc };
      const rows = app.lanes.visible().map((r) => ({
        kind: r.kind,
        id: r.id ?? r.group ?? null,
        name: r.name,
        top: y0 + stage.yOf(r),
        height: r.height,
      }));
      return app.info ? [gc, ...rows.filter((r) => r.top + r.height > y0 + PINNED)] : [];
    },
    sliceAt: async (lane, t) => {
      if (!app.lanes.row(lane) && lane.startsWith("G")) await app.guide.showGoroutine(Number(lane.slice(1)));
      const row = app.lanes.row(lane);
      if (!row) throw new Error(`no lane ${lane}`);
      app.lanes.scrollTo(app.lanes.scrollFor(row));
      await idle();
      const now = app.lanes.row(lane) ?? row;
      return { x: Math.round(stage.xOnPage(t)), y: Math.round(stage.middleOf(now)) };
    },
    frameMs: () => stage.lastFrameMs,
    sharpAt: () => stage.sharpAt,
  };
}
