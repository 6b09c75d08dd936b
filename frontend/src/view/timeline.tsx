// view/timeline.tsx - the lanes: two canvases, the names beside them, the pointer on them.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { PINNED } from "../draw/timeline";
import { int, moment, short, visible } from "../lib/format";
import type { Gap } from "../net/protocol";
import { SIZES, type Grouping, type Order } from "../model/lanes";
import type { Mark } from "../model/marks";
import { Gestures, phaseAt } from "./gestures";
import { LaneHits } from "./hits";
import { Names } from "./names";
import type { Stage } from "./stage";
import { Tooltip, type Tip } from "./tip";
import { useChanges } from "./use";

const HIT_PX = 2;

export function Timeline({ stage }: { stage: Stage }) {
  const lanes = useRef<HTMLDivElement>(null);
  const base = useRef<HTMLCanvasElement>(null);
  const top = useRef<HTMLCanvasElement>(null);
  const ruler = useRef<HTMLCanvasElement>(null);
  const line = useRef<HTMLDivElement>(null);
  const [tip, setTip] = useState<Tip | null>(null);
  const [hands] = useState(() => new Gestures(stage, () => lanes.current!));
  const { app } = stage;

  useEffect(() => {
    const box = lanes.current!;
    stage.attach({ base: base.current!, top: top.current!, ruler: ruler.current!, line: line.current! });
    const measure = () => {
      stage.resize(box.clientWidth, box.clientHeight);
      setTip(null);
    };
    measure();
    const watch = new ResizeObserver(measure);
    watch.observe(box);
    const wheel = (e: WheelEvent) => {
      setTip(null);
      hands.wheel(e);
    };
    box.addEventListener("wheel", wheel, { passive: false });
    // Also told when the window comes to rest: only one that moved takes the tip away.
    let seen = app.view.from;
    const still = app.view.subscribe(() => {
      if (app.view.from !== seen) setTip(null);
      seen = app.view.from;
    });
    return () => {
      still();
      watch.disconnect();
      box.removeEventListener("wheel", wheel);
    };
  }, [stage]);

  const move = (e: PointerEvent) => {
    const p = hands.local(e);
    hands.move(e);
    stage.pointerX = e.pointerType === "touch" ? null : p.x;
    stage.readPointer();
    stage.hover = (p.y >= PINNED && app.lanes.at(p.y - PINNED)) || null;
    stage.invalidateTop();
    stage.changed();
    setTip(hands.drag || e.pointerType === "touch" ? null : tipAt(stage, e, p.y));
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
      <div
        class="lanes"
        ref={lanes}
        onPointerMove={move}
        onPointerDown={(e) => hands.down(e)}
        onPointerUp={(e) => hands.up(e)}
        onPointerLeave={leave}
        onPointerCancel={(e) => hands.cancel(e)}
        onDblClick={() => fitSelected(stage)}
        onAuxClick={(e) => e.preventDefault()}
      >
        <canvas ref={base} />
        <div class="cursor" ref={line} />
        <canvas ref={top} class="over" />
        <canvas ref={ruler} class="over" />
        <LaneHits stage={stage} />
        <Controls stage={stage} />
        <Cards stage={stage} />
      </div>
      <Scrollbar stage={stage} />
      {tip && <Tooltip stage={stage} tip={tip} />}
    </main>
  );
}

function tipAt(stage: Stage, e: PointerEvent, y: number): Tip | null {
  const { app, hover: row } = stage;
  const at = { x: e.clientX, y: e.clientY };
  const cursor = app.cursor ?? 0;
  const phase = y >= SIZES.ruler && y < PINNED ? phaseAt(stage, cursor) : undefined;
  if (phase) return { ...at, row: null, under: null, notes: [], phase };
  if (!row || (!row.lane && row.kind !== "type" && row.kind !== "creator" && row.kind !== "set")) return null;
  const single = row.kind === "p" || row.kind === "m" || row.kind === "g" || row.kind === "span";
  const inside = row.kind !== "span" || (cursor >= row.span!.start && cursor < row.span!.start + row.span!.dur);
  return { ...at, row, under: single && inside ? stage.under(row, cursor, HIT_PX) : null, notes: single ? stage.notesAt(row, cursor) : [] };
}

function fitSelected(stage: Stage): void {
  const s = stage.app.selection.slice;
  if (s) stage.app.view.fit(s.start, s.start + s.dur);
}

/** What stands inside section bars: the key to P lanes, the order and the filter of goroutines. */
function Controls({ stage }: { stage: Stage }) {
  const { app } = stage;
  useChanges(app, app.lanes);
  return (
    <div class="ctl" style={{ top: `${PINNED + app.lanes.fixedHeight}px` }}>
      {app.lanes
        .visible()
        .filter((r) => r.kind === "section" && r.open && !r.pinned)
        .map((r) => (
          <div key={r.key} class="c" style={{ top: `${r.top - app.lanes.scroll}px`, height: `${r.height}px` }}>
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
        By{" "}
        <select value={app.sets.by} onChange={(e) => app.setGrouping(e.currentTarget.value as Grouping)}>
          <option value="function">start function</option>
          <option value="creator">creator</option>
          <option value="task">task</option>
          <option value="label">label</option>
        </select>
      </label>
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

function Cards({ stage }: { stage: Stage }) {
  const { app } = stage;
  useChanges(app, app.marks);
  return (
    <>
      {app.gap && <GapCard stage={stage} gap={app.gap} />}
      {app.marks.card && <MarkCard stage={stage} mark={app.marks.card} />}
    </>
  );
}

/** What was lost, and why. */
function GapCard({ stage, gap }: { stage: Stage; gap: Gap }) {
  const { app } = stage;
  useChanges(app, app.view);
  const button = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => button.current?.focus(), [gap]);
  const all = app.info?.gaps ?? [];
  const x = Math.round(stage.scale().x(gap.from));
  return (
    <div class="gapcard" role="alertdialog" aria-label="Damage" style={{ left: `max(8px, min(${x}px, 100% - 340px))` }} onPointerDown={(e) => e.stopPropagation()}>
      <b>{gap.to > gap.from ? `${short(gap.to - gap.from)} of the trace are lost here` : "The trace breaks off here"}</b>
      <p>{visible(gap.text)}</p>
      {gap.offset >= 0 && <p class="mut">at byte {int(gap.offset)} of the file</p>}
      <p class="acts">
        {all.length > 1 && (
          <button class="a" onClick={() => app.guide.gapTo(1)}>
            Next ({all.indexOf(gap) + 1} of {int(all.length)})
          </button>
        )}
        <button ref={button} class="a" title="Close (Esc)" onClick={() => app.guide.showGap(null)}>
          Close
        </button>
      </p>
    </div>
  );
}

/** A mark's note, and what can be done with it. */
function MarkCard({ stage, mark: m }: { stage: Stage; mark: Mark }) {
  const { app } = stage;
  useChanges(app.marks, app.view);
  const x = Math.round(stage.scale().x(m.from));
  return (
    <div class="gapcard markcard" role="dialog" aria-label={`Mark ${app.marks.letter(m)}`} style={{ left: `max(8px, min(${x}px, 100% - 300px))` }} onPointerDown={(e) => e.stopPropagation()}>
      <p>
        <b>{app.marks.letter(m)}</b> <span class="sec">{m.to > m.from ? `${moment(m.from)} to ${moment(m.to)} · ${short(m.to - m.from)}` : moment(m.from, 6)}</span>
      </p>
      <MarkNote key={m.from} stage={stage} mark={m} />
      <p class="acts">
        <button class="a" onClick={() => goToMark(stage, m)}>
          {m.to > m.from ? "Zoom to it" : "Centre"}
        </button>
        <button class="a" onClick={() => app.marks.remove(m)}>
          Remove
        </button>
        <button class="a" onClick={() => app.marks.show(null)}>
          Close
        </button>
      </p>
    </div>
  );
}

function MarkNote({ stage, mark }: { stage: Stage; mark: Mark }) {
  const { marks } = stage.app;
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => field.current?.focus(), []);
  return (
    <input
      ref={field}
      type="text"
      maxLength={60}
      placeholder="A note, kept in the link"
      aria-label="Note"
      value={mark.text}
      onInput={(e) => marks.write(mark, e.currentTarget.value)}
      onKeyDown={(e) => {
        if (e.key === "Enter" || e.key === "Escape") marks.show(null);
        e.stopPropagation();
      }}
    />
  );
}

function goToMark(stage: Stage, m: Mark): void {
  const { view } = stage.app;
  const w = view.goal.to - view.goal.from;
  if (m.to > m.from) view.fit(m.from, m.to);
  else view.set(m.from - w / 2, m.from + w / 2, true);
}

function Scrollbar({ stage }: { stage: Stage }) {
  const { app } = stage;
  useChanges(app.lanes, stage);
  const { height, room: viewHeight, scroll, fixedHeight } = app.lanes;
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
    <div class="bar" style={{ top: `${PINNED + fixedHeight}px` }} aria-hidden="true">
      <div class="thumb" style={{ height: `${size}px`, transform: `translateY(${at}px)` }} onPointerDown={down} />
    </div>
  );
}
