// view/sentence.tsx - what happened, in one sentence that says only what the trace says.

import type { ComponentChildren } from "preact";
import { bareFunc, short, visible } from "../lib/format";
import type { App } from "../model/app";
import type { Frame, Id, Slice } from "../net/protocol";

export function GoLink({ app, g, at }: { app: App; g: Id; at: number }) {
  return (
    <button class="a" onClick={() => void app.goTo(g, at)}>
      G{g}
    </button>
  );
}

const F = ({ children }: { children: ComponentChildren }) => <b>{children}</b>;

const firstUser = (s: Frame[]): string => bareFunc(visible(s.find((f) => !f.library)?.func ?? ""));

export function Sentence({ app, s }: { app: App; s: Slice }) {
  const g = <GoLink app={app} g={s.g} at={s.start} />;
  const where = firstUser(s.stack) || bareFunc(visible(s.user_func)) || bareFunc(visible(s.func));
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
  const user = firstUser(w.stack);
  const did = leaf ? bareFunc(visible(leaf.func)) : "";
  return (
    <>
      {" "}
      until <GoLink app={app} g={w.g} at={s.start + s.dur} />
      {leaf ? leaf.library ? <> called <F>{did}</F>{user ? <> in <F>{user}</F></> : null}</> : <> woke it in <F>{did}</F></> : " woke it"}
      {ready}.
    </>
  );
}
