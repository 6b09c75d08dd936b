// view/found.tsx - the hits of the search, in the order of time; and the search as a filter of lanes and tables.

import { int, moment, short, visible } from "../lib/format";
import type { App } from "../model/app";
import { FAMILIES } from "../model/families";
import type { Place } from "../model/finder";
import { copyText } from "./copy";
import { quote } from "./figures";
import { Dot } from "./icons";
import { useChanges } from "./use";

const EXAMPLES = ["reason:sync >5ms", "state:ready >100us", "func:main. <10us", "G17 state:waiting", "log:error"];

export const placeName = (app: App, p: Place): string => (p.kind === "slice" ? (app.tags[p.tag]?.name ?? "") : visible(p.label));
const where = (app: App, p: Place): string => (p.kind === "slice" ? visible(p.label) || (app.groups[p.group]?.name ?? "") : p.kind);

export function FoundNote({ app }: { app: App }) {
  useChanges(app.finder, app);
  const f = app.finder;
  if (!f.text) return <div class="r" />;
  const csv = () =>
    ["what,goroutine,where,start_ns,duration_ns", ...f.places.map((p) => [quote(placeName(app, p)), p.g ?? "", quote(where(app, p)), p.at, p.dur].join(","))].join("\n");
  const on = app.filter.text === f.text;
  return (
    <div class="r">
      <span id="found-sum">
        {int(Math.max(f.count, f.places.length))} found{f.total > 0 ? ` · ${short(f.total)}` : ""}
        {f.count > f.places.length ? ` · the first ${int(f.places.length)} are listed` : ""}
      </span>
      <span class="w14">
        <kbd>F3</kbd> next <kbd>Shift F3</kbd> previous
      </span>
      <button class="a" aria-pressed={on} title="Grey out what does not match, and count only what does" onClick={() => app.setFilter(on ? "" : f.text)}>
        {on ? "Show all again" : "Use as filter"}
      </button>
      <button class="a" onClick={() => copyText(csv())}>
        Copy CSV
      </button>
    </div>
  );
}

export function Found({ app }: { app: App }) {
  useChanges(app, app.finder);
  const f = app.finder;
  if (f.error) return <p class="empty bad">{visible(f.error)}</p>;
  if (f.ask.wrong) return <p class="empty bad">“{visible(f.ask.wrong)}” is no condition that Parkview knows. Lengths are written as &gt;5ms or &lt;100us, states as state:ready.</p>;
  if (!f.text) return <Hint app={app} />;
  if (f.busy && f.places.length === 0) return <p class="empty mut">Looking …</p>;
  if (f.places.length === 0) return <p class="empty mut">Nothing in this trace is {f.said}.</p>;
  return (
    <div class="tw" tabIndex={-1}>
      <table class="found">
        <colgroup>
          <col />
          <col class="c-who" />
          <col class="c-time" />
          <col class="c-time" />
        </colgroup>
        <thead>
          <tr>
            <th scope="col">What</th>
            <th scope="col">Goroutine</th>
            <th scope="col">Start</th>
            <th scope="col">Length</th>
          </tr>
        </thead>
        <tbody>
          {f.places.map((p, i) => (
            <Row app={app} p={p} i={i} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ app, p, i }: { app: App; p: Place; i: number }) {
  const here = app.finder.at === i;
  const family = p.kind === "slice" ? FAMILIES[app.tags[p.tag]?.cls ?? 9]!.token : null;
  const ref = here ? (tr: HTMLTableRowElement | null) => tr?.scrollIntoView({ block: "nearest" }) : undefined;
  return (
    <tr class={here ? "sel" : ""} ref={ref} onClick={() => void app.guide.goToPlace(app.finder.choose(i))}>
      <td>
        <div class="rs">
          {family && <Dot family={family} />}
          <button class="name">{placeName(app, p)}</button>
          <span class="mut">{where(app, p)}</span>
        </div>
      </td>
      <td>{p.g === null ? "" : `G${p.g}`}</td>
      <td>{moment(p.at)}</td>
      <td>{p.dur > 0 ? short(p.dur) : ""}</td>
    </tr>
  );
}

function Hint({ app }: { app: App }) {
  return (
    <div class="empty mut">
      <p>
        Type what you look for in the field above (<kbd>/</kbd>): a function, a reason, a goroutine, a task, a part of a log. Or conditions:
      </p>
      <p class="chips">
        {EXAMPLES.map((text) => (
          <button class="chip" onClick={() => void app.lookFor(text, true)}>
            {text}
          </button>
        ))}
      </p>
    </div>
  );
}
