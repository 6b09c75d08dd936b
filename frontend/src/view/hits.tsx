// view/hits.tsx - what a search found and what an answer in SQL names, over the overview and over the lanes.

import { MARKS } from "../model/finder";
import type { Stage } from "./stage";
import { useChanges } from "./use";

const MOST = 400; // of one kind, drawn; evenly chosen where there are more

function some<T>(all: T[]): T[] {
  if (all.length <= MOST) return all;
  const step = all.length / MOST;
  return Array.from({ length: MOST }, (_, i) => all[Math.floor(i * step)]!);
}

/** Ticks along the foot of the overview: what was found, the more the taller; above them the rows of an answer. */
export function OverviewHits({ stage }: { stage: Stage }) {
  const { app } = stage;
  useChanges(app, app.finder, app.asked);
  const marks = app.finder.marks;
  const moments = app.asked.moments;
  if (marks.length === 0 && moments.length === 0) return null;
  const most = Math.max(1, ...marks);
  const percent = (t: number) => `${(t / Math.max(1, app.view.duration)) * 100}%`;
  return (
    <svg class="hits-over" width="100%" height="100%" aria-hidden="true">
      {marks.map((n, i) => {
        if (n === 0) return null;
        const h = 1.5 + 8 * (n / most);
        return <rect class="hit" x={`${(i / MARKS) * 100}%`} y={0} width={`${100 / MARKS}%`} height={h} />;
      })}
      {some(moments).map((m) => (
        <rect class="sqlmark" x={percent(m.at)} y={12} width="2" height="6" />
      ))}
    </svg>
  );
}

const FEW = 20; // lines that do not hide what they stand on

/** Where the rows of an answer stand on the lanes: a line each, and its length on the ruler. */
export function LaneHits({ stage }: { stage: Stage }) {
  useChanges(stage.app.asked);
  return stage.app.asked.moments.length > 0 ? <LaneLines stage={stage} /> : null;
}

function LaneLines({ stage }: { stage: Stage }) {
  const { app } = stage;
  useChanges(app, app.asked, app.view);
  const seen = app.asked.moments.filter((m) => m.at < app.view.to && m.at + m.dur >= app.view.from);
  if (seen.length === 0) return null;
  const s = stage.scale();
  return (
    <svg class={`hits-over ${seen.length > FEW ? "many" : ""}`} width="100%" height="100%" aria-hidden="true">
      {some(seen).map((m) => {
        const x = s.x(m.at);
        const w = Math.max(2, s.x(m.at + m.dur) - x);
        return (
          <>
            {w > 2 && <rect class="sqlspan" x={x} y={22} width={w} height="3" />}
            {x >= 0 && <rect class="sqlline" x={x} y={25} width="1" height="100%" />}
            <rect class="sqlmark" x={Math.max(0, x)} y={19} width="2" height="6" />
          </>
        );
      })}
    </svg>
  );
}
