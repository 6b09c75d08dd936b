// view/sentence.tsx - what happened, in one sentence that says only what the trace says.

import type { ComponentChildren } from "preact";
import { bareFunc, short, tailFunc, visible } from "../lib/format";
import type { App } from "../model/app";
import type { Frame, Id, Slice } from "../net/protocol";

export function GoLink({ app, g, at }: { app: App; g: Id; at: number }) {
  return (
    <button class="a" onClick={() => void app.guide.goTo(g, at)}>
      G{g}
    </button>
  );
}

const F = ({ children }: { children: ComponentChildren }) => <b>{children}</b>;

/** The reader's own function nearest to the leaf; else the first that is not the runtime's. */
function placeOf(s: Frame[]): string {
  const own = s.find((f) => !f.library);
  if (own) return bareFunc(visible(own.func));
  const near = s.find((f, i) => i > 0 && !/^(runtime|internal|sync|time|syscall)[./]/.test(f.func));
  return near ? tailFunc(visible(near.func)).join("") : "";
}

// What the runtime's own functions do, in words: their names mean nothing to a reader.
const DEEDS: [RegExp, string][] = [
  [/^runtime\.chansend/, "sent to a channel"],
  [/^runtime\.chanrecv/, "received from a channel"],
  [/^runtime\.closechan/, "closed a channel"],
  [/^runtime\.selectgo|^runtime\.selectnb/, "came to its select"],
  [/^runtime\.gcMarkDone|^runtime\.gcMarkTermination|^runtime\.gcStart/, "went on with the collection"],
  [/^runtime\.(ready|goready)/, "made it ready"],
];

function deedOf(leaf: Frame): string {
  return DEEDS.find(([pattern]) => pattern.test(leaf.func))?.[1] ?? "";
}

export function Sentence({ app, s }: { app: App; s: Slice }) {
  const g = <GoLink app={app} g={s.g} at={s.start} />;
  const where = placeOf(s.stack) || bareFunc(visible(s.user_func)) || bareFunc(visible(s.func));
  switch (s.state) {
    case "waiting":
      return (
        <p class="why">
          {g} waited{where ? <> in <F>{where}</F></> : null}
          <Ending app={app} s={s} />
        </p>
      );
    case "runnable":
      return (
        <p class="why">
          {g} was ready and stood in line until {s.open ? "the trace ended" : s.next?.p != null ? <F>P{s.next.p} took it</F> : "it was taken"}
          {s.waker?.g != null ? <>; <GoLink app={app} g={s.waker.g} at={s.start} /> had made it ready</> : null}.
        </p>
      );
    case "syscall":
      return (
        <p class="why">
          {g} was in a system call{where ? <> in <F>{where}</F></> : null}
          {s.open ? " when the trace ended" : ""}.
        </p>
      );
    default:
      return (
        <p class="why">
          {g} ran{s.p != null ? <> on <F>P{s.p}</F></> : null}
          {s.open ? " until the trace ended" : s.next ? <>, then {after(app, s)}</> : ", then ended"}.
        </p>
      );
  }
}

function after(app: App, s: Slice): string {
  const n = s.next!;
  if (n.state === "waiting") return `waited: ${app.tags[n.tag]?.name ?? "unknown"}`;
  if (n.state === "runnable") return "had to make room though it could go on";
  return n.state === "syscall" ? "entered a system call" : "went on";
}

function Ending({ app, s }: { app: App; s: Slice }) {
  if (s.open) return <> and was still waiting when the trace ended.</>;
  const w = s.waker;
  const ready = s.next?.state === "runnable" ? <>, then stood ready for <F>{short(s.next.dur)}</F> before it ran</> : null;
  if (!w || w.g === null) return <> until the runtime woke it{ready}.</>;
  const leaf = w.stack[0];
  const user = placeOf(w.stack);
  return (
    <>
      {" "}
      until <GoLink app={app} g={w.g} at={s.start + s.dur} />
      {leaf ? <Deed leaf={leaf} user={user} /> : " woke it"}
      {ready}.
    </>
  );
}

function Deed({ leaf, user }: { leaf: Frame; user: string }) {
  const name = bareFunc(visible(leaf.func));
  if (!leaf.library) return <> woke it in <F>{name}</F></>;
  const deed = deedOf(leaf);
  return (
    <>
      {" "}
      {deed || <>called <F>{name}</F></>}
      {user ? <> in <F>{user}</F></> : null}
    </>
  );
}
