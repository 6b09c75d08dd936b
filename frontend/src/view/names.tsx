// view/names.tsx - the column left of the lanes: what each row is, and one figure about it in this window.

import { digits3, int, plural, short, tailFunc } from "../lib/format";
import { pointAt } from "../draw/counter";
import { PINNED, yOf } from "../draw/timeline";
import { FAMILIES } from "../model/families";
import { SIZES, type Row } from "../model/lanes";
import type { Point } from "../net/protocol";
import { Chevron, Dot } from "./icons";
import type { Stage } from "./stage";
import { useChanges } from "./use";

const MEGA = 1048576;

export function Names({ stage }: { stage: Stage }) {
  const { app } = stage;
  useChanges(stage, app, app.lanes, app.view, app.figures, app.selection, app.tiles);
  const rows = app.lanes.visible();
  return (
    <div class="names" onWheel={(e) => wheel(e, stage)}>
      <div class="n-scroll" style={{ top: `${PINNED}px` }}>
        {rows.map((r) => (
          <Name key={r.key} stage={stage} row={r} top={yOf(r, app.lanes.scroll) - PINNED} />
        ))}
      </div>
      <div class="n base" style={{ top: "0", height: `${SIZES.ruler}px` }}>
        <span class="mut">Window</span>
        <span class="m">
          <b>{short(app.view.goal.to - app.view.goal.from)}</b> of {short(app.view.duration)}
        </span>
      </div>
      <div class="n base" style={{ top: `${SIZES.ruler}px`, height: `${SIZES.gc}px` }}>
        <span class="t">GC</span>
        <span class="m">{gcFigure(stage)}</span>
      </div>
    </div>
  );
}

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

function Name({ stage, row, top }: { stage: Stage; row: Row; top: number }) {
  const { app } = stage;
  const place = { top: `${top}px`, height: `${row.height}px` };
  switch (row.kind) {
    case "heap":
      return (
        <div class="n c" style={place}>
          <span>Heap</span>
          <HeapFigure stage={stage} />
        </div>
      );
    case "count":
      return (
        <div class="n c base" style={place}>
          <span>{row.name}</span>
          <span class="m">up to {int(stage.figures.notWaiting)} at once in this window</span>
        </div>
      );
    case "section":
      return (
        <button class={`n s ${row.open ? "open" : ""}`} style={place} aria-expanded={row.open} onClick={() => app.lanes.toggleSection(row.section!)}>
          <Chevron />
          <span class="t">{row.name}</span>
          <span class="m">{sectionFigure(stage, row)}</span>
        </button>
      );
    case "p":
    case "m":
      return (
        <div class="n l" style={place}>
          <span class="t">{row.name}</span>
          <span class="m">{busyFigure(stage, row)}</span>
        </div>
      );
    case "group":
      return <GroupName stage={stage} row={row} place={place} />;
    case "g":
      return <MemberName stage={stage} row={row} place={place} />;
    case "more":
      return (
        <div class="n l" style={place}>
          <button class="a" onClick={() => app.showMore(row.group!)}>
            {int(row.left ?? 0)} more
          </button>
        </div>
      );
    case "note":
      return (
        <div class="n" style={place} title="Before Go 1.22 a trace does not say for certain which thread ran what.">
          <span class="mut">No thread lanes: before Go 1.22</span>
        </div>
      );
  }
}

function HeapFigure({ stage }: { stage: Stage }) {
  const { app } = stage;
  const at = app.cursor ?? app.view.to;
  const value = (p: Point[] | undefined) => (p ? p[pointAt(p, at)]?.[3] : undefined);
  const live = value(app.figures.heap.value?.points);
  const goal = value(app.figures.goal.value?.points);
  if (live === undefined) return <span class="m">{app.figures.heap.busy ? "" : "not in this trace"}</span>;
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
  if (row.section === "threads") return plural(app.info?.threads.length ?? 0, "thread");
  const ids = row.section === "goroutines" ? app.lanes.userGroups : app.lanes.systemGroups;
  return row.section === "goroutines" ? "by start function" : plural(ids.length, "function");
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
    const w = 2 ** t.level;
    const base = t.index * 1024 * w;
    for (let i = 0; i < t.bucket.length; i++) {
      const a = base + t.bucket[i]! * w;
      if (a >= lo && a < hi && running(t.partTag[i]!)) ns += t.cover[i]! * w;
    }
  }
  const share = (ns / (to - from)) * 100;
  return share > 0 && share < 0.5 ? "< 1 %" : `${Math.min(100, Math.round(share))} %`;
}

function GroupName({ stage, row, place }: { stage: Stage; row: Row; place: { top: string; height: string } }) {
  const { app } = stage;
  const [pkg, name] = tailFunc(row.name);
  const o = app.lanes.open.get(row.group!);
  const shown = o?.rows.length ?? 0;
  const n = app.info?.groups[row.group!]?.n ?? 0;
  return (
    <div class={`n g ${row.open ? "open" : ""}`} style={place} title={row.name}>
      <button class="fill" aria-expanded={row.open} onClick={() => app.toggleGroup(row.group!)}>
        <Chevron />
        <span class="t">
          <span class="pk">{pkg}</span>
          <span class="fn">{name}</span>
        </span>
      </button>
      <span class="m">
        {o && o.all > shown && shown > 0 ? (
          <button class="a" onClick={() => app.showMore(row.group!)} title="Show more of them">
            {int(shown)} of {int(o.all)}
          </button>
        ) : (
          <span class="cnt">{int(o && shown ? o.all : n)}</span>
        )}
      </span>
    </div>
  );
}

function MemberName({ stage, row, place }: { stage: Stage; row: Row; place: { top: string; height: string } }) {
  const { app } = stage;
  const m = row.member!;
  const tag = app.tags[m.wait_window_tag];
  const selected = (app.selection.slice ?? app.selection.goroutine)?.g === m.g;
  return (
    <div class={`n l ${selected ? "sel" : ""}`} style={place}>
      <button class="t fill" title={`${row.name}: its life and its waits`} onClick={() => void app.selectGoroutine(m.g)}>
        {row.name}
      </button>
      {m.wait_window > 0 && (
        <span class="m" title={tag ? `waited in this window, mostly for ${tag.name}` : ""}>
          {short(m.wait_window)}
          {tag && <Dot family={FAMILIES[tag.cls]!.token} />}
        </span>
      )}
    </div>
  );
}
