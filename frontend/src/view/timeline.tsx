// view/timeline.tsx - the lanes: two canvases, the names beside them, the pointer on them.

import { useEffect, useRef, useState } from "preact/hooks";
import { digits3, int, short, visible } from "../lib/format";
import { flagX, FLAG_W } from "../draw/ruler";
import { PINNED, yOf } from "../draw/timeline";
import { SIZES, type Order, type Row } from "../model/lanes";
import { FAMILIES, FIRST_WAIT } from "../model/families";
import type { Gap, Range } from "../net/protocol";
import { Names } from "./names";
import type { Stage, Under } from "./stage";
import { useChanges } from "./use";

interface Tip {
  x: number;
  y: number;
  row: Row | null; // null: the GC lane
  under: Under | null;
  phase?: Range;
}
interface Drag {
  kind: "pan" | "range" | "press";
  x0: number;
  y0: number;
  t0: number;
  from: number;
  to: number;
  scroll: number;
  id: number;
}
const SLOP = 4; // px before a press becomes a drag
const HIT_PX = 2;

export function Timeline({ stage }: { stage: Stage }) {
  const lanes = useRef<HTMLDivElement>(null);
  const base = useRef<HTMLCanvasElement>(null);
  const top = useRef<HTMLCanvasElement>(null);
  const [tip, setTip] = useState<Tip | null>(null);
  const [gap, setGap] = useState<{ gap: Gap; x: number } | null>(null);
  const drag = useRef<Drag | null>(null);
  const { app } = stage;

  useEffect(() => {
    const box = lanes.current!;
    stage.attach(base.current!, top.current!);
    const measure = () => stage.resize(box.clientWidth, box.clientHeight);
    measure();
    const watch = new ResizeObserver(measure);
    watch.observe(box);
    const wheel = (e: WheelEvent) => {
      setTip(null);
      onWheel(e, stage, box);
    };
    box.addEventListener("wheel", wheel, { passive: false });
    const still = app.view.subscribe(() => setTip(null));
    return () => {
      still();
      watch.disconnect();
      box.removeEventListener("wheel", wheel);
    };
  }, [stage]);

  const local = (e: MouseEvent) => {
    const b = lanes.current!.getBoundingClientRect();
    return { x: e.clientX - b.left, y: e.clientY - b.top };
  };

  const move = (e: PointerEvent) => {
    const p = local(e);
    const d = drag.current;
    if (d) {
      follow(d, p, e, stage);
      setTip(null);
    }
    stage.pointerX = p.x;
    stage.readPointer();
    const cursor = app.cursor ?? 0;
    const row = p.y >= PINNED ? app.lanes.at(p.y - PINNED) : undefined;
    stage.hover = row ?? null;
    stage.invalidateTop();
    stage.changed();
    const phase = p.y >= SIZES.ruler && p.y < PINNED ? phaseAt(stage, cursor) : undefined;
    if (!d && phase) setTip({ x: e.clientX, y: e.clientY, row: null, under: null, phase });
    else if (d || !row || !row.lane) setTip(null);
    else if (row.kind === "group" || row.kind === "count") setTip({ x: e.clientX, y: e.clientY, row, under: null });
    else setTip({ x: e.clientX, y: e.clientY, row, under: stage.under(row, cursor, HIT_PX) });
  };

  const down = (e: PointerEvent) => {
    if (e.button !== 0) return;
    const p = local(e);
    setGap(null);
    const flag = p.y < SIZES.ruler && app.info?.gaps.find((g) => Math.abs(flagX(g, stage.scale()) + FLAG_W / 2 - p.x) < FLAG_W);
    if (flag) {
      setGap({ gap: flag, x: p.x });
      return;
    }
    const { from, to } = app.view.goal;
    const range = e.shiftKey || p.y < SIZES.ruler;
    drag.current = { kind: range ? "range" : "press", x0: p.x, y0: p.y, t0: stage.scale().t(p.x), from, to, scroll: app.lanes.scroll, id: e.pointerId };
    lanes.current!.setPointerCapture(e.pointerId);
  };

  const up = (e: PointerEvent) => {
    const d = drag.current;
    drag.current = null;
    stage.brush = null;
    if (!d) return;
    const p = local(e);
    const s = stage.scale();
    if (d.kind === "range" && Math.abs(p.x - d.x0) > SLOP) {
      const t = s.t(p.x);
      app.view.set(Math.min(t, d.t0), Math.max(t, d.t0), true);
    } else if (d.kind === "press") click(p, stage);
    stage.invalidate();
  };

  const leave = () => {
    setTip(null);
    stage.hover = null;
    stage.pointerX = null;
    stage.readPointer();
    stage.invalidateTop();
    stage.changed();
  };

  return (
    <main class="tl" aria-label="Timeline">
      <Names stage={stage} />
      <div class="lanes" ref={lanes} onPointerMove={move} onPointerDown={down} onPointerUp={up} onPointerLeave={leave} onDblClick={() => fitSelected(stage)} onPointerCancel={() => (drag.current = null)}>
        <canvas ref={base} />
        <canvas ref={top} class="over" />
        <Controls stage={stage} />
        {gap && <GapCard gap={gap.gap} x={gap.x} close={() => setGap(null)} />}
      </div>
      <Scrollbar stage={stage} />
      {tip && <Tooltip stage={stage} tip={tip} />}
    </main>
  );
}

function follow(d: Drag, p: { x: number; y: number }, e: PointerEvent, stage: Stage): void {
  const { app } = stage;
  if (d.kind === "press" && Math.hypot(p.x - d.x0, p.y - d.y0) > SLOP) d.kind = e.shiftKey ? "range" : "pan";
  if (d.kind === "pan") {
    const dt = ((d.x0 - p.x) / Math.max(1, app.width)) * (d.to - d.from);
    app.view.set(d.from + dt, d.to + dt);
    app.lanes.scrollTo(d.scroll + d.y0 - p.y);
  } else if (d.kind === "range") {
    const t = stage.scale().t(p.x);
    stage.brush = { x0: stage.scale().x(d.t0), x1: p.x, text: short(Math.abs(t - d.t0)) };
  }
}

function fitSelected(stage: Stage): void {
  const s = stage.app.selection.slice;
  if (s) stage.app.view.fit(s.start, s.start + s.dur);
}

const GRASP_PX = 3;

/** The pause under the pointer, else the mark phase. */
function phaseAt(stage: Stage, t: number): Range | undefined {
  const near = stage.scale().nsPerPx * GRASP_PX;
  const { stops, marks } = stage.phases();
  const at = (r: Range) => t >= r.start - near && t <= r.start + r.dur + near;
  return stops.find(at) ?? marks.find(at);
}

function click(p: { x: number; y: number }, stage: Stage): void {
  const { app } = stage;
  if (p.y < PINNED) {
    const r = phaseAt(stage, stage.scale().t(p.x));
    if (r) app.view.fit(r.start, r.start + r.dur);
    return;
  }
  const row = app.lanes.at(p.y - PINNED);
  if (!row) return;
  if (row.kind === "group") app.toggleGroup(row.group!);
  else if (row.kind === "p" || row.kind === "m" || row.kind === "g") void app.select(row.lane, stage.scale().t(p.x));
}

function onWheel(e: WheelEvent, stage: Stage, box: HTMLElement): void {
  e.preventDefault();
  const { app } = stage;
  const unit = e.deltaMode === 1 ? 16 : e.deltaMode === 2 ? 400 : 1;
  const dx = e.deltaX * unit;
  const dy = e.deltaY * unit;
  if (e.ctrlKey || e.metaKey) {
    const at = stage.scale().t(e.clientX - box.getBoundingClientRect().left);
    app.view.zoom(Math.exp(Math.max(-200, Math.min(200, dy)) * 0.004), at);
  } else if (e.shiftKey || Math.abs(dx) > Math.abs(dy)) {
    app.view.pan(((e.shiftKey ? dx + dy : dx) / Math.max(1, app.width)) * (app.view.goal.to - app.view.goal.from));
  } else {
    app.scrollGoal = null;
    app.lanes.scrollTo(app.lanes.scroll + dy);
  }
}

/** What stands inside section bars: the key to P lanes, the order and the filter of goroutines. */
function Controls({ stage }: { stage: Stage }) {
  const { app } = stage;
  useChanges(app, app.lanes);
  return (
    <div class="ctl" style={{ top: `${PINNED}px` }}>
      {app.lanes
        .visible()
        .filter((r) => r.kind === "section" && r.open)
        .map((r) => (
          <div key={r.key} class="c" style={{ top: `${yOf(r, app.lanes.scroll) - PINNED}px`, height: `${r.height}px` }}>
            {(r.section === "processors" || r.section === "threads") && <ProcKey />}
            {r.section === "goroutines" && <GoroutineControls stage={stage} />}
          </div>
        ))}
    </div>
  );
}

function ProcKey() {
  return (
    <>
      <span>
        <i class="dot" style={{ background: "var(--running-s)" }} />
        your code
      </span>
      <span>
        <i class="dot" style={{ background: "var(--gc-s)" }} />
        GC workers
      </span>
      <span>
        <i class="dot" style={{ background: "var(--sys-s)" }} />
        other runtime
      </span>
      <span>
        <i class="dot low" style={{ background: "var(--syscall-s)" }} />
        in a syscall
      </span>
    </>
  );
}

const ORDERS: [Order, string][] = [
  ["wait", "most waiting"],
  ["running", "most running"],
  ["start", "first start"],
  ["id", "number"],
];

function GoroutineControls({ stage }: { stage: Stage }) {
  const { app } = stage;
  return (
    <div class="inputs" onPointerDown={(e) => e.stopPropagation()}>
      <label>
        Order{" "}
        <select value={app.lanes.order} onChange={(e) => app.setOrder(e.currentTarget.value as Order)}>
          {ORDERS.map(([v, text]) => (
            <option value={v}>{text}</option>
          ))}
        </select>
      </label>
      <input
        type="search"
        placeholder="Filter functions"
        aria-label="Filter start functions"
        value={app.lanes.filter}
        onInput={(e) => {
          app.lanes.filter = e.currentTarget.value;
          app.lanes.layout();
        }}
      />
    </div>
  );
}

function GapCard({ gap, x, close }: { gap: Gap; x: number; close: () => void }) {
  return (
    <div class="gapcard" role="alertdialog" aria-label="Damage" style={{ left: `max(8px, min(${Math.round(x)}px, 100% - 340px))` }} onPointerDown={(e) => e.stopPropagation()}>
      <b>{gap.to > gap.from ? `${short(gap.to - gap.from)} of the trace are lost here` : "The trace breaks off here"}</b>
      <p>{visible(gap.text)}</p>
      <p class="mut">at byte {int(gap.offset)} of the file</p>
      <button class="a" onClick={close}>
        Close
      </button>
    </div>
  );
}

function Scrollbar({ stage }: { stage: Stage }) {
  const { app } = stage;
  useChanges(app.lanes, stage);
  const { height, viewHeight, scroll } = app.lanes;
  if (height <= viewHeight) return null;
  const size = Math.max(28, (viewHeight / height) * viewHeight);
  const at = (scroll / (height - viewHeight)) * (viewHeight - size);
  const down = (e: PointerEvent) => {
    const bar = e.currentTarget as HTMLElement;
    bar.setPointerCapture(e.pointerId);
    const y0 = e.clientY;
    const s0 = scroll;
    bar.onpointermove = (m) => app.lanes.scrollTo(s0 + ((m.clientY - y0) / (viewHeight - size)) * (height - viewHeight));
    bar.onpointerup = () => (bar.onpointermove = null);
  };
  return (
    <div class="bar" style={{ top: `${PINNED}px` }} aria-hidden="true">
      <div class="thumb" style={{ height: `${size}px`, transform: `translateY(${at}px)` }} onPointerDown={down} />
    </div>
  );
}

function Tooltip({ stage, tip }: { stage: Stage; tip: Tip }) {
  const { app } = stage;
  const { under, row } = tip;
  const place = { left: `${Math.min(tip.x + 14, innerWidth - 300)}px`, top: `${Math.min(tip.y + 16, innerHeight - 70)}px` };
  if (tip.phase)
    return (
      <div class="tip" style={place} role="tooltip">
        <b>{visible(tip.phase.name)}</b> <span class="sec">{short(tip.phase.dur)}</span>
      </div>
    );
  if (!row) return null;
  if (!under) return <Mixture stage={stage} row={row} place={place} />;
  const tag = app.tags[under.tag];
  const group = app.groups[row.kind === "g" ? row.group! : under.group];
  if (!tag) return null;
  const on = row.kind === "g" ? (under.who >= 0 ? ` · P${under.who}` : "") : "";
  const g = row.kind === "g" ? row.name : under.who >= 0 ? `G${under.who}` : "";
  return (
    <div class="tip" style={place} role="tooltip">
      <i class="dot" style={{ background: `var(--${FAMILIES[tag.cls]!.token}-s)` }} /> <b>{tag.name}</b> <span class="sec">{short(under.dur)}</span>
      <br />
      <span class="mut">
        {g} {group?.name}
        {on}
      </span>
    </div>
  );
}

/** What one pixel stands for where slices are too short to be drawn, or where many goroutines are one picture. */
function Mixture({ stage, row, place }: { stage: Stage; row: Row; place: { left: string; top: string } }) {
  const single = row.kind === "g" || row.kind === "p" || row.kind === "m";
  const mix = stage.mixAt(row, stage.app.cursor ?? 0).filter((m) => row.kind !== "count" || m.cls < FIRST_WAIT);
  if (mix.length === 0) return null;
  return (
    <div class="tip" style={place} role="tooltip">
      <b>{row.name}</b> <span class="mut">{single ? "short slices, by share" : "goroutines"}</span>
      {mix.slice(0, 5).map((m) => (
        <div class="mixrow">
          <i class="dot" style={{ background: `var(--${FAMILIES[m.cls]!.token}-s)` }} />
          {FAMILIES[m.cls]!.legend}
          <span class="sec">{single ? `${Math.round(m.amount * 100)} %` : digits3(m.amount)}</span>
        </div>
      ))}
    </div>
  );
}
