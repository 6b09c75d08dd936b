// view/overview.tsx - the strip of the whole trace and its brush: drag it, drag its edges, or draw a new one.

import { useEffect, useRef } from "preact/hooks";
import { brushOf } from "../draw/overview";
import { OverviewHits } from "./hits";
import type { Stage } from "./stage";
import { useChanges } from "./use";

type Grip = "move" | "left" | "right" | "new";
const EDGE = 5; // px around an edge that grasp it

export function Overview({ stage }: { stage: Stage }) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const drag = useRef<{ grip: Grip; t0: number; from: number; to: number } | null>(null);
  const { app } = stage;
  useChanges(stage);

  useEffect(() => {
    const el = box.current!;
    stage.attachStrip(canvas.current!);
    const measure = () => stage.resizeStrip(el.clientWidth, el.clientHeight);
    measure();
    const watch = new ResizeObserver(measure);
    watch.observe(el);
    return () => watch.disconnect();
  }, [stage]);

  const at = (e: PointerEvent) => {
    const b = box.current!.getBoundingClientRect();
    const px = Math.min(b.width, Math.max(0, e.clientX - b.left));
    return { px, t: (px / b.width) * app.view.duration, width: b.width };
  };
  const gripAt = (px: number, width: number): Grip => {
    const { a, b } = brushOf(app.view.goal, app.view.duration, width);
    const narrow = b - a < EDGE * 3;
    if (Math.abs(px - a) <= EDGE && (!narrow || px < a)) return "left";
    if (Math.abs(px - b) <= EDGE && (!narrow || px > b)) return "right";
    return px > a && px < b && !app.view.whole ? "move" : "new";
  };
  const down = (e: PointerEvent) => {
    if (e.button !== 0) return;
    const { px, t, width } = at(e);
    app.view.hold(true);
    drag.current = { grip: gripAt(px, width), t0: t, ...app.view.goal };
    box.current!.setPointerCapture(e.pointerId);
  };
  const move = (e: PointerEvent) => {
    const { px, t, width } = at(e);
    const d = drag.current;
    if (!d) {
      const g = gripAt(px, width);
      box.current!.style.cursor = g === "move" ? "grab" : g === "new" ? "crosshair" : "ew-resize";
      return;
    }
    if (d.grip === "move") app.view.set(d.from + t - d.t0, d.to + t - d.t0);
    else if (d.grip === "left") app.view.set(Math.min(t, d.to), Math.max(t, d.to));
    else if (d.grip === "right") app.view.set(Math.min(t, d.from), Math.max(t, d.from));
    else if (Math.abs(t - d.t0) > (app.view.duration / width) * 3) app.view.set(Math.min(t, d.t0), Math.max(t, d.t0));
  };
  const up = (e: PointerEvent) => {
    const d = drag.current;
    drag.current = null;
    app.view.hold(false);
    if (!d || d.grip !== "new") return;
    const { t, width } = at(e);
    if (Math.abs(t - d.t0) <= (app.view.duration / width) * 3 && !app.view.whole) {
      const half = (d.to - d.from) / 2;
      app.view.set(t - half, t + half, true);
    }
  };

  const cancel = () => {
    drag.current = null;
    app.view.hold(false);
  };

  const { ran, waited } = stage.overviewFigures;
  return (
    <div class="ov">
      <div class="lab">
        <div>
          <span class="sec">ran or ready</span>
          <span class="mut">0 to {upTo(ran)}</span>
        </div>
        <div>
          <span class="sec">waited</span>
          <span class="mut">0 to {upTo(waited)}</span>
        </div>
      </div>
      <div class="ovc" ref={box} role="img" aria-label="The whole trace; drag to choose the window" onPointerDown={down} onPointerMove={move} onPointerUp={up} onPointerCancel={cancel}>
        <canvas ref={canvas} />
        <OverviewHits stage={stage} />
      </div>
    </div>
  );
}

const upTo = (n: number): string => (n < 10 ? String(Math.round(n * 10) / 10) : String(Math.round(n)));
