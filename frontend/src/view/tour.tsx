// view/tour.tsx - two minutes for someone to whom G, M, P, states and wait reasons are new, on the sample with the lock convoy.

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { App } from "../model/app";
import type { AreaFigures } from "../net/protocol";
import { Icon } from "./icons";

const SAMPLE = "lock-convoy";

interface Worst {
  g: number;
  at: number;
  dur: number;
}
interface Step {
  at: string; // selector of what it is about
  title: string;
  text: ComponentChildren;
  prepare?: (app: App, worst: Worst) => unknown;
}

const STEPS: Step[] = [
  {
    at: ".ov",
    title: "One trace, from left to right",
    text: "This strip is all of it: 0.6 seconds of an HTTP server. Above the line is what ran or was ready to; below it what waited. Drag here to choose a window; everything else follows it.",
    prepare: (app) => (app.guide.deselect(), app.setFilter(""), app.view.everything()),
  },
  {
    at: "#row-goroutines",
    title: "G: a goroutine",
    text: "A function that runs on its own, started with go. A program has thousands; here they stand in groups, by the function they began with. A closed group is an area: how many of its goroutines were in which state.",
    prepare: (app) => {
      if (!app.lanes.sections.has("goroutines")) app.lanes.toggleSection("goroutines");
    },
  },
  {
    at: "#row-processors",
    title: "P: a processor",
    text: "A right to run Go code. There are GOMAXPROCS of them, here four, and no more goroutines than that can run at a time. These lanes are mostly empty: this server is not short of processors.",
  },
  {
    at: "#row-threads",
    title: "M: a thread",
    text: "A thread of the operating system that carries a P and runs the goroutine on it. When a goroutine is held up in a system call, its M goes with it, and the P moves on to another M.",
  },
  {
    at: ".stat",
    title: "A goroutine is always in one of four states",
    text: (
      <>
        <b>Running</b> on a P. <b>Runnable</b>: it could, but no P has taken it yet; that is scheduling latency. In a <b>syscall</b>. Or <b>waiting</b>, and then the colour says for what: a channel, a lock, the network, a timer. Click a name here to fade it.
      </>
    ),
  },
  {
    at: ".lanes",
    title: "Waiting is drawn",
    text: "Here the group of connections is open, and we are close: full bars run, tinted bars wait, and each says for what. Many of them turn to the same colour at once. That is a convoy.",
    prepare: async (app, w) => {
      app.view.set(w.at - w.dur * 0.7, w.at + w.dur * 1.6, true);
      await app.guide.showGoroutine(w.g);
    },
  },
  {
    at: ".det",
    title: "Why was it waiting?",
    text: "The details of one wait begin with the answer in a sentence: in which of your functions, who ended it, and how long it then stood ready. Stacks follow; frames of the runtime are folded away.",
    prepare: (app, w) => app.guide.goTo(w.g, w.at),
  },
  {
    at: ".det",
    title: "The reason behind the reason",
    text: (
      <>
        The trace itself says only “sync”; the stack says <code>sync.(*Mutex).Lock</code>. And the one who unlocked had been waiting, too. Press <kbd>[</kbd> to go to what it waited for, again and again: here it ends at a <code>time.Sleep</code> under the lock.
      </>
    ),
    prepare: (app, w) => app.guide.goTo(w.g, w.at),
  },
  {
    at: ".dock",
    title: "Figures of the window",
    text: "What was waited for in this window, how often, how long, and how it is distributed. Click a row and only those waits stay lit. The blue figure leads to the longest. Ready is latency; Running and Syscalls say who used the processors. All can be copied as CSV.",
    prepare: (app) => app.setTab("waits"),
  },
  {
    at: ".n.base ~ .base, .n.base",
    title: "The collector",
    text: "Violet is marking, which goes on beside your code. Red is a pause: the world stands still. Goroutines that allocate much are made to help; that wait is called GC assist.",
    prepare: (app) => app.view.everything(),
  },
  {
    at: ".searchbox",
    title: "Find it",
    text: (
      <>
        A name, or conditions such as <code>reason:sync &gt;5ms</code>. Hits are marked above, and Enter steps through them. Everything else can be asked in SQL (<kbd>`</kbd>).
      </>
    ),
  },
  {
    at: ".tools",
    title: "That is all",
    text: (
      <>
        <kbd>Ctrl</kbd> <kbd>K</kbd> has every command, <kbd>?</kbd> all keys. The address holds the whole view: copy it, and somebody else sees what you see.
      </>
    ),
  },
];

/** The sample is opened, and its longest wait for a mutex is found, whatever the sample's figures are today. */
async function begin(app: App): Promise<Worst | null> {
  const isSample = () => app.screen === "trace" && app.entry?.name.startsWith(SAMPLE) && app.entry.state === "ready" && app.info?.complete;
  if (!isSample()) await app.open({ sample: SAMPLE });
  for (let i = 0; i < 200 && !isSample(); i++) await new Promise((r) => setTimeout(r, 50));
  if (!isSample()) return null;
  const a = await app.ask<AreaFigures>("area", { trace: app.entry?.trace, from: 0, to: app.view.duration, state: "waiting", reason: "Mutex", by: "refined" });
  const f = a?.rows[0];
  return f ? { g: Number(f.g), at: f.at, dur: f.max } : null;
}

export function Tour({ app, close }: { app: App; close: () => void }) {
  const [i, setI] = useState(-1);
  const [worst, setWorst] = useState<Worst | null>(null);
  const [place, setPlace] = useState<DOMRect | null>(null);
  const card = useRef<HTMLDivElement>(null);
  const step = STEPS[i];

  useLayoutEffect(() => {
    void begin(app).then((w) => {
      if (!w) {
        app.say("The sample for the tour could not be opened.");
        close();
        return;
      }
      setWorst(w);
      setI(0);
    });
  }, []);
  useLayoutEffect(() => {
    if (!step || !worst) return;
    void app.during(Promise.resolve(step.prepare?.(app, worst)));
    // What is pointed at moves while it opens and when the page is resized.
    let frame = 0;
    let seen = "";
    const look = () => {
      const r = document.querySelector(step.at)?.getBoundingClientRect() ?? null;
      const now = JSON.stringify(r);
      if (now !== seen) setPlace(r);
      seen = now;
      frame = requestAnimationFrame(look);
    };
    look();
    card.current?.focus();
    return () => cancelAnimationFrame(frame);
  }, [i, worst]);
  useLayoutEffect(() => {
    const key = (e: KeyboardEvent) => {
      if ((e.target as HTMLElement | null)?.closest("input, .editor")) return;
      if (e.key === "Escape") close();
      else if (e.key === "ArrowRight" || (e.key === "Enter" && !(e.target as HTMLElement | null)?.closest("button"))) next();
      else if (e.key === "ArrowLeft") setI(Math.max(0, i - 1));
      else return;
      e.preventDefault();
      e.stopImmediatePropagation();
    };
    addEventListener("keydown", key, true);
    return () => removeEventListener("keydown", key, true);
  }, [i]);

  if (!step) return null;
  const next = () => (i + 1 < STEPS.length ? setI(i + 1) : close());
  return (
    <>
      {place && <div class="tour-ring" style={{ left: `${place.left}px`, top: `${place.top}px`, width: `${place.width}px`, height: `${place.height}px` }} />}
      <div class="tour" ref={card} tabIndex={-1} role="dialog" aria-label={`Tour, ${i + 1} of ${STEPS.length}`} style={cardPlace(place)}>
        <h2>
          {step.title}
          <button class="ib" aria-label="End the tour" title="End the tour (Esc)" onClick={close}>
            <Icon name="close" />
          </button>
        </h2>
        <p aria-live="polite">{step.text}</p>
        <div class="row">
          <span class="mut">
            {i + 1} of {STEPS.length}
          </span>
          <span class="grow" />
          {i > 0 && (
            <button class="a" onClick={() => setI(i - 1)}>
              Back
            </button>
          )}
          <button class="btn" onClick={next}>
            {i + 1 < STEPS.length ? "Next" : "Done"}
          </button>
        </div>
      </div>
    </>
  );
}

const CARD_W = 360;
const CARD_H = 190;
const GAP = 12;

/** Below what it is about, else above, else left of it, else in the middle of it; never off the page. */
function cardPlace(r: DOMRect | null): { left: string; top: string } {
  const clamp = (v: number, most: number) => Math.max(GAP, Math.min(most - GAP, v));
  if (!r) return { left: `${(innerWidth - CARD_W) / 2}px`, top: "30%" };
  let left = clamp(r.left, innerWidth - CARD_W);
  let top = r.bottom + GAP;
  if (top + CARD_H > innerHeight) top = r.top - CARD_H - GAP;
  if (top < GAP) {
    top = clamp(r.top + r.height * 0.25, innerHeight - CARD_H);
    left = r.left > CARD_W + 2 * GAP ? r.left - CARD_W - GAP : clamp(r.right - CARD_W - 2 * GAP, innerWidth - CARD_W);
  }
  return { left: `${left}px`, top: `${top}px` };
}
