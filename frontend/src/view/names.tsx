// view/names.tsx - the column left of the lanes: what each row is, and one figure about it in this window.

import { Component, type ComponentChildren } from "preact";
import { digits3, int, plural, short, tailFunc, visible } from "../lib/format";
import { pointAt } from "../draw/counter";
import { PINNED } from "../draw/timeline";
import { FAMILIES } from "../model/families";
import { movable, SIZES, type Row } from "../model/rows";
import { BUCKETS, eachPart, type Point } from "../net/protocol";
import { Chevron, Dot, Icon } from "./icons";
import { laneKey } from "./keys";
import type { Stage } from "./stage";
import { CALM_MS, useCalmly, useChanges } from "./use";

const MEGA = 1048576;

export function Names({ stage }: { stage: Stage }) {
  const { app } = stage;
  useChanges(app, app.lanes, app.selection, app.spans);
  const rows = app.lanes.visible();
  const { fixedHeight } = app.lanes;
  // Scrolling changes no row.
  const state = app.changes + app.lanes.changes - app.lanes.scrolls + app.selection.changes + app.spans.changes;
  return (
    <div
      class="names"
      role="tree"
      tabIndex={0}
      aria-label="Lanes"
      aria-activedescendant={rows.some((r) => r.key === app.lanes.focus) ? rowId(app.lanes.focus) : undefined}
      onWheel={(e) => wheel(e, stage)}
      onKeyDown={(e) => laneKey(app, e) && e.preventDefault()}
    >
      <div class="n-scroll" role="none" style={{ top: `${PINNED + fixedHeight}px` }}>
        <div class="n-all" role="none" style={{ transform: `translateY(${-app.lanes.scroll}px)` }}>
          {rows
            .filter((r) => !r.pinned)
            .map((r) => (
              <Name key={r.key} stage={stage} row={r} state={state} />
            ))}
        </div>
      </div>
      {fixedHeight > 0 && (
        <div class="n-fixed" role="none" style={{ top: `${PINNED}px`, height: `${fixedHeight}px` }}>
          {rows
            .filter((r) => r.pinned)
            .map((r) => (
              <Name key={r.key} stage={stage} row={r} state={state} />
            ))}
        </div>
      )}
      <div class="n base" role="none" style={{ top: "0", height: `${SIZES.ruler}px` }}>
        <span class="mut">Window</span>
        <span class="m">
          <Follows stage={stage} row={null} what={spanFigure} />
        </span>
      </div>
      <div class="n base" role="treeitem" style={{ top: `${SIZES.ruler}px`, height: `${SIZES.gc}px` }}>
        <span class="t">GC</span>
        <span class="m">
          <Follows stage={stage} row={null} what={gcFigure} />
        </span>
      </div>
    </div>
  );
}

/** A figure of the window: it follows by itself, so that nothing else is looked at while the window moves. */
function Follows<R>({ stage, what, row }: { stage: Stage; what: (stage: Stage, row: R) => ComponentChildren; row: R }) {
  const { app } = stage;
  useCalmly(CALM_MS, stage, app.view, app.figures, app.tiles);
  return <>{what(stage, row)}</>;
}

const spanFigure = ({ app }: Stage): ComponentChildren => (
  <>
    <b>{short(app.view.goal.to - app.view.goal.from)}</b> of {short(app.view.duration)}
  </>
);

const rowId = (key: string): string => `row-${key.replace(/[^\w]/g, "_")}`;

function wheel(e: WheelEvent, stage: Stage): void {
  e.preventDefault();
  stage.app.lanes.scrollTo(stage.app.lanes.scroll + e.deltaY);
}

function gcFigure(stage: Stage): string {
  const { from, to } = stage.app.view;
  const p = stage.phases();
  const touches = (r: { start: number; dur: number }) => r.start < to && r.start + r.dur > from;
  const marks = p.marks.filter(touches).length;
  const stopped = p.stops.filter(touches).reduce((a, r) => a + Math.min(to, r.start + r.dur) - Math.max(from, r.start), 0);
  if (marks === 0 && stopped === 0) return "none in this window";
  return `${plural(marks, "cycle")} · ${short(stopped)} stopped`;
}

interface RowProps {
  stage: Stage;
  row: Row;
}

type NameProps = RowProps & { state: number };

/** One row, looked at again when `state` is another.  (useMemo would keep the whole column of which its result was once a part.) */
class Name extends Component<NameProps> {
  override shouldComponentUpdate({ row, state }: NameProps): boolean {
    return row !== this.props.row || state !== this.props.state;
  }
  override render(props: NameProps) {
    return named(props);
  }
}

/** Its place, what it is to a screen reader, and, where it can be moved, the handle for that. */
function named({ stage, row }: RowProps) {
  const { lanes } = stage.app;
  const focused = lanes.focus === row.key;
  const open = row.open === undefined ? {} : { "aria-expanded": row.open };
  const cls = `n ${CLASS[row.kind]} ${row.open ? "open" : ""} ${row.nested && !row.pinned ? "in" : ""} ${focused ? "focus" : ""} ${isSelected(stage, row) ? "sel" : ""}`;
  return (
    <div
      class={cls}
      id={rowId(row.key)}
      role="treeitem"
      aria-level={(row.kind === "g" || row.kind === "span" || row.kind === "more" ? 2 : 1) + (row.nested && !row.pinned ? 1 : 0)}
      aria-selected={focused}
      {...open}
      style={{ top: `${row.top}px`, height: `${row.height}px` }}
      title={row.kind === "group" || row.kind === "set" ? row.name : undefined}
      onPointerDown={(e) => beginMove(stage, row, e)}
    >
      <NameText stage={stage} row={row} />
      {movable(row) && <Tools stage={stage} row={row} />}
    </div>
  );
}

const CLASS: Record<Row["kind"], string> = { heap: "c", count: "c", states: "c", inuse: "c", section: "s", p: "l", m: "l", group: "g", g: "l", more: "l", note: "", type: "g", creator: "g", set: "g", span: "l" };

function isSelected(stage: Stage, row: Row): boolean {
  const s = stage.app.selection.slice ?? stage.app.selection.goroutine;
  return row.kind === "g" && s !== null && s.g === row.id;
}

function Tools({ stage, row }: RowProps) {
  const { app } = stage;
  const pinned = app.lanes.isPinned(row.key);
  return (
    <span class={`acts ${pinned ? "on" : ""}`} onPointerDown={(e) => e.stopPropagation()}>
      <button tabIndex={-1} class={pinned ? "on" : ""} title={pinned ? "Let it go (P)" : "Keep it in sight, above the others (P)"} aria-label={`${pinned ? "Unpin" : "Pin"} ${row.name}`} aria-pressed={pinned} onClick={() => app.togglePin(row)}>
        <Icon name="pin" size={14} />
      </button>
      {row.kind !== "heap" && row.kind !== "count" && !row.pinned && (
        <button tabIndex={-1} title="Hide it (H)" aria-label={`Hide ${row.name}`} onClick={() => app.lanes.hide(row.key)}>
          <Icon name="hide" size={14} />
        </button>
      )}
    </span>
  );
}

const SLOP = 5;

/** A drag on a name moves the row among its like. */
function beginMove(stage: Stage, row: Row, e: PointerEvent): void {
  if (e.button !== 0 || !movable(row)) return;
  const { lanes } = stage.app;
  const y0 = e.clientY;
  let moving = false;
  const top = stage.middleOf(row) - row.height / 2;
  const shift = top - PINNED - lanes.yOf(row); // of the canvas on the page
  const move = (m: PointerEvent) => {
    if (!moving && Math.abs(m.clientY - y0) < SLOP) return;
    moving = true;
    document.body.classList.add("moving");
    const over = lanes.at(m.clientY - shift - PINNED);
    if (over && over.key !== row.key) lanes.moveTo(row.key, over.key);
  };
  const end = (u: Event) => {
    removeEventListener("pointermove", move);
    removeEventListener("pointerup", end);
    removeEventListener("pointercancel", end);
    document.body.classList.remove("moving");
    if (!moving || u.type !== "pointerup") return;
    // The click that ends a drag is no click.
    const swallow = (c: Event) => c.stopPropagation();
    addEventListener("click", swallow, { capture: true, once: true });
    setTimeout(() => removeEventListener("click", swallow, { capture: true }), 0);
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", end);
  addEventListener("pointercancel", end);
}

function NameText({ stage, row }: RowProps) {
  const { app } = stage;
  switch (row.kind) {
    case "heap":
      return (
        <>
          <span>Heap</span>
          <Follows stage={stage} row={row} what={heapFigure} />
        </>
      );
    case "count":
    case "states":
    case "inuse":
      return (
        <>
          <span>{row.name}</span>
          <Follows stage={stage} row={row} what={peakFigure} />
        </>
      );
    case "section":
      return <SectionName stage={stage} row={row} />;
    case "p":
      return (
        <>
          <button class="t" tabIndex={-1} title={`What ${row.name} did in this window`} onClick={() => stage.app.guide.showSubject({ kind: "p", p: row.id! })}>
            {row.name}
          </button>
          <span class="m">
            <Follows stage={stage} row={row} what={busyFigure} />
          </span>
        </>
      );
    case "m":
      return (
        <>
          <span class="t">{row.name}</span>
          <span class="m">
            <Follows stage={stage} row={row} what={busyFigure} />
          </span>
        </>
      );
    case "group":
      return <GroupName stage={stage} row={row} />;
    case "creator":
      return <CreatorName stage={stage} row={row} />;
    case "set":
      return <SetName stage={stage} row={row} />;
    case "g":
      return <MemberName stage={stage} row={row} />;
    case "type":
      return <TypeName stage={stage} row={row} />;
    case "span":
      return <SpanName stage={stage} row={row} />;
    case "more":
      return (
        <button tabIndex={-1} class="a" onClick={() => app.showMore(row)}>
          {int(row.left ?? 0)} more
        </button>
      );
    case "note":
      return (
        <span class="mut" title="Before Go 1.22 a trace does not say for certain which thread ran what.">
          No thread lanes: before Go 1.22
        </span>
      );
  }
}

function peakFigure(stage: Stage, row: Row): ComponentChildren {
  const { peaks } = stage;
  const px = short(Math.max(1, Math.round(stage.scale().nsPerPx)));
  return (
    <span class="m" title={`The highest mean over a pixel of this window, that is ${px}: for less than that there may have been more`}>
      peak about {row.kind === "count" ? int(peaks.notWaiting) : row.kind === "states" ? int(peaks.states) : `${int(peaks.inUse)}${gomaxprocs(stage)}`}
    </span>
  );
}

function gomaxprocs(stage: Stage): string {
  const { app } = stage;
  const points = app.figures.procs.value?.points;
  const now = points?.[pointAt(points, app.cursor ?? app.view.to)]?.[3];
  return now === undefined ? "" : ` · GOMAXPROCS ${int(now)}`;
}

function SectionName({ stage, row }: RowProps) {
  const { lanes } = stage.app;
  return (
    <>
      <button tabIndex={-1} class="fill" onClick={() => lanes.toggleSection(row.section!)}>
        <Chevron />
        <span class="t">{row.name}</span>
      </button>
      <span class="m">
        {row.hidden ? (
          <button tabIndex={-1} class="a" title="Show them again" onClick={() => lanes.unhide(row.section)}>
            {int(row.hidden)} hidden
          </button>
        ) : (
          sectionFigure(stage, row)
        )}
      </span>
    </>
  );
}

function TypeName({ stage, row }: RowProps) {
  const { app } = stage;
  const t = app.spans.types.find((x) => x.key === row.type);
  if (!t) return null;
  return (
    <>
      <button tabIndex={-1} class="fill" onClick={() => app.toggleType(t.key)}>
        <Chevron />
        <span class="t">
          <span class="fn">{t.name}</span> <span class="pk">{t.region ? "region" : "task"}</span>
        </span>
      </button>
      <span class="m">
        <span class="cnt">{int(t.count)}</span>
      </span>
    </>
  );
}

function SpanName({ stage, row }: RowProps) {
  const { app } = stage;
  const s = row.span!;
  const go = () => {
    app.view.fit(s.start, s.start + s.dur);
    if (s.g !== null) void app.guide.select(`G${s.g}`, s.start);
  };
  return (
    <>
      <button tabIndex={-1} class="t fill" title="Zoom to it" onClick={go}>
        {visible(s.label)}
        {s.g !== null && row.type?.startsWith("task/") && <span class="pk">{visible(`G${s.g}`)}</span>}
      </button>
      <span class="m" title={s.ended ? "" : "Did not end in this trace"}>
        {s.ended ? "" : "> "}
        {short(s.dur)}
      </span>
    </>
  );
}

function heapFigure(stage: Stage): ComponentChildren {
  const { app } = stage;
  const at = app.cursor ?? app.view.to;
  const value = (p: Point[] | undefined) => (p ? p[pointAt(p, at)]?.[3] : undefined);
  const live = value(app.figures.heap.value?.points);
  const goal = value(app.figures.goal.value?.points);
  if (live === undefined) return <span class="m">{app.figures.heap.busy ? "" : "no reading in this window"}</span>;
  return (
    <span class="m">
      <i class="dot round" style={{ background: "var(--net-s)" }} />
      live {digits3(live / MEGA)} MB
      {goal !== undefined && goal < 1e15 && (
        <>
          <i class="dashed" />
          goal {digits3(goal / MEGA)} MB
        </>
      )}
    </span>
  );
}

function sectionFigure(stage: Stage, row: Row): string {
  const { app } = stage;
  if (row.section === "processors") return plural(app.info?.procs.length ?? 0, "P", "P");
  if (row.section === "counters") return "goroutines, threads";
  if (row.section === "tasks") return plural(app.spans.types.length, "type");
  if (row.section === "threads") return plural(app.info?.threads.length ?? 0, "thread");
  const ids = row.section === "goroutines" ? app.lanes.userGroups : app.lanes.systemGroups;
  if (row.section === "goroutines") return app.sets.note || `by ${app.sets.by === "function" ? "start function" : app.sets.by}`;
  return plural(ids.length, "function");
}

const busyKept = new Map<string, { of: string; text: string }>(); // by lane: the pointer moves more often than the window

function busyFigure(stage: Stage, row: Row): string {
  const { view, tiles, entry } = stage.app;
  const of = `${entry?.trace} ${view.from} ${view.to} ${tiles.version}`;
  const kept = busyKept.get(row.lane);
  if (kept?.of === of) return kept.text;
  const text = busyShare(stage, row);
  busyKept.set(row.lane, { of, text });
  return text;
}

/** Share of the window in which somebody ran here, from the tiles on the screen. */
function busyShare(stage: Stage, row: Row): string {
  const { from, to } = stage.app.view;
  let ns = 0;
  for (const seg of stage.segments(row.lane)) {
    const t = seg.tile;
    const lo = Math.max(seg.from, from);
    const hi = Math.min(seg.to, to);
    const running = (tag: number) => stage.app.tags[tag]?.tag.state === "running";
    for (let i = 0; i < t.start.length; i++) {
      if (running(t.tag[i]!)) ns += Math.max(0, Math.min(hi, t.start[i]! + t.dur[i]!) - Math.max(lo, t.start[i]!));
    }
    const w = 2 ** (t.level + t.shift);
    const base = t.index * BUCKETS * 2 ** t.level;
    eachPart(t, (bucket, n, tag, cover) => {
      const a = base + bucket * w;
      if (running(tag)) ns += Math.max(0, Math.min(hi, a + n * w) - Math.max(lo, a)) * cover;
    });
  }
  const share = (ns / (to - from)) * 100;
  return share > 0 && share < 0.5 ? "< 1 %" : `${Math.min(100, Math.round(share))} %`;
}

function GroupName({ stage, row }: RowProps) {
  const { app } = stage;
  const [pkg, name] = tailFunc(row.name);
  const o = app.lanes.open.get(row.group!);
  const shown = o?.rows.length ?? 0;
  const n = app.info?.groups[row.group!]?.n ?? 0;
  return (
    <>
      <button tabIndex={-1} class="fill" onClick={() => app.toggleGroup(row.group!)}>
        <Chevron />
        <span class="t">
          <span class="pk">{pkg}</span>
          <span class="fn">{name}</span>
        </span>
      </button>
      <span class="m">
        {o && o.all > shown && shown > 0 ? (
          <button tabIndex={-1} class="a" onClick={() => app.showMore(row)} title="Show more of them">
            {int(shown)} of {int(o.all)}
          </button>
        ) : (
          <span class="cnt">{int(o && shown ? o.all : n)}</span>
        )}
      </span>
    </>
  );
}

function CreatorName({ stage, row }: RowProps) {
  const { app } = stage;
  const [pkg, name] = tailFunc(row.name);
  return (
    <>
      <button tabIndex={-1} class="fill" title={row.name ? `Goroutines that ${row.name} created, directly` : "Who created them did so before the trace began"} onClick={() => app.lanes.toggleCreator(row.key)}>
        <Chevron />
        <span class="t">
          <span class="pk">{row.name ? `by ${pkg}` : "made "}</span>
          <span class="fn">{name || "before the trace"}</span>
        </span>
      </button>
      <span class="m">
        <span class="cnt">{int(row.count ?? 0)}</span>
      </span>
    </>
  );
}

/** Goroutines of a task, of a label, or those of a function that one of its creators made. */
function SetName({ stage, row }: RowProps) {
  const { app } = stage;
  const s = app.sets.setOf(row.set!);
  if (!s) return null;
  const created = row.set!.startsWith("by:");
  const [pkg, name] = created ? tailFunc(s.name) : ["", s.name];
  const many = s.rows && s.all > s.rows.length && s.rows.length > 0;
  return (
    <>
      <button tabIndex={-1} class="fill" onClick={() => app.sets.toggle(s.key)}>
        <Chevron />
        <span class="t">
          {pkg && <span class="pk">{pkg}</span>}
          <span class="fn">{visible(name) || "(no name)"}</span> {!created && <span class="pk">{app.sets.by}</span>}
        </span>
      </button>
      <span class="m">
        {many ? (
          <button tabIndex={-1} class="a" onClick={() => app.sets.more(s.key)} title="Show more of them">
            {int(s.rows!.length)} of {int(s.all)}
          </button>
        ) : (
          <span class="cnt">{int(s.n)}</span>
        )}
      </span>
    </>
  );
}

function MemberName({ stage, row }: RowProps) {
  const { app } = stage;
  const m = row.member!;
  const tag = app.tags[m.wait_window_tag];
  return (
    <>
      <button tabIndex={-1} class="t fill" title={`${row.name}: its life and its waits`} onClick={() => void app.guide.selectGoroutine(m.g)}>
        {row.name}
        {row.pinned && <span class="pk">{app.groups[m.group]?.bare}</span>}
      </button>
      {app.lanes.order === "running" ? (
        <span class="m" title="ran in this window">
          {short(m.run_window)}
          <Dot family="running" />
        </span>
      ) : (
        m.wait_window > 0 && (
          <span class="m" title={tag ? `waited in this window, mostly for ${tag.name}` : ""}>
            {short(m.wait_window)}
            {tag && <Dot family={FAMILIES[tag.cls]!.token} />}
          </span>
        )
      )}
    </>
  );
}
