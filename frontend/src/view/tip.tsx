// view/tip.tsx - what is under the pointer, in a few words.

import { digits3, int, plural, short, visible } from "../lib/format";
import { FAMILIES, FIRST_WAIT } from "../model/families";
import type { Row } from "../model/lanes";
import type { Note } from "../model/notes";
import type { Range } from "../net/protocol";
import { Dot } from "./icons";
import type { Stage, Under } from "./stage";

export interface Tip {
  x: number;
  y: number;
  row: Row | null; // null: the GC lane
  under: Under | null;
  notes: Note[];
  phase?: Range | undefined;
}
type Place = { left: string; top: string };
const SHOWN_NOTES = 4;

export function Tooltip({ stage, tip }: { stage: Stage; tip: Tip }) {
  const { under, row } = tip;
  const place = { left: `${Math.min(tip.x + 14, innerWidth - 300)}px`, top: `${Math.min(tip.y + 16, innerHeight - 90)}px` };
  if (tip.phase)
    return (
      <div class="tip" style={place} role="tooltip">
        <b>{visible(tip.phase.name)}</b> <span class="sec">{short(tip.phase.dur)}</span>
      </div>
    );
  if (!row) return null;
  if (row.kind === "type") return <TypeTip stage={stage} row={row} place={place} />;
  if (!under) return <Mixture stage={stage} row={row} place={place} notes={tip.notes} />;
  return <SliceTip stage={stage} row={row} under={under} place={place} notes={tip.notes} />;
}

function SliceTip({ stage, row, under, place, notes }: { stage: Stage; row: Row; under: Under; place: Place; notes: Note[] }) {
  const { app } = stage;
  const tag = app.tags[under.tag];
  if (!tag) return null;
  const own = row.kind === "g" || row.kind === "span";
  const group = app.groups[row.kind === "g" ? row.group! : under.group];
  const g = own ? visible(row.lane) : under.who >= 0 ? `G${under.who}` : "";
  return (
    <div class="tip" style={place} role="tooltip">
      <Dot family={FAMILIES[tag.cls]!.token} /> <b>{tag.name}</b> <span class="sec">{short(under.dur)}</span>
      <br />
      <span class="mut">
        {g} {row.kind === "span" ? "" : group?.name}
        {own && under.who >= 0 ? ` · P${under.who}` : ""}
      </span>
      <Notes notes={notes} />
    </div>
  );
}

const WORDS: Record<Note["kind"], string> = { region: "region", assist: "", sweep: "", log: "log", sample: "CPU sample" };

function Notes({ notes }: { notes: Note[] }) {
  return (
    <>
      {notes.slice(0, SHOWN_NOTES).map((n) => (
        <div class="note">
          <span class="mut">{n.n > 1 ? `${int(n.n)} × ${WORDS[n.kind]}` : WORDS[n.kind]}</span> {visible(n.text)} {n.dur > 0 && <span class="sec">{short(n.dur)}</span>}
        </div>
      ))}
      {notes.length > SHOWN_NOTES && <div class="mut">and {notes.length - SHOWN_NOTES} more here</div>}
    </>
  );
}

/** What one pixel stands for where slices are too short to be drawn, or where many goroutines are one picture. */
function Mixture({ stage, row, place, notes }: { stage: Stage; row: Row; place: Place; notes: Note[] }) {
  const single = row.kind === "g" || row.kind === "p" || row.kind === "m" || row.kind === "span";
  const shown = (cls: number) => (row.kind === "count" ? cls < FIRST_WAIT : row.kind === "inuse" ? cls === 0 || cls === 2 : true);
  const mix = row.lane ? stage.mixAt(row, stage.app.cursor ?? 0).filter((m) => shown(m.cls)) : [];
  if (mix.length === 0 && notes.length === 0) return null;
  return (
    <div class="tip" style={place} role="tooltip">
      <b>{row.kind === "creator" ? `created by ${row.name || "whom the trace does not show"}` : visible(row.name)}</b> {mix.length > 0 && <span class="mut">{single ? "short slices, by share" : row.kind === "inuse" ? "threads" : "goroutines"}</span>}
      {mix.slice(0, 5).map((m) => (
        <div class="mixrow">
          <Dot family={FAMILIES[m.cls]!.token} />
          {FAMILIES[m.cls]!.legend}
          <span class="sec">{single ? `${Math.round(m.amount * 100)} %` : digits3(m.amount)}</span>
        </div>
      ))}
      <Notes notes={notes} />
    </div>
  );
}

function TypeTip({ stage, row, place }: { stage: Stage; row: Row; place: Place }) {
  const t = stage.app.spans.types.find((x) => x.key === row.type);
  if (!t) return null;
  return (
    <div class="tip" style={place} role="tooltip">
      <b>{visible(t.name)}</b> <span class="mut">{t.region ? "region" : "task"}</span>
      <br />
      <span class="sec">{plural(t.count, t.region ? "region" : "task")} in this window</span>
      {t.count > 0 && <span class="mut"> · the longest {short(t.max)}</span>}
    </div>
  );
}
