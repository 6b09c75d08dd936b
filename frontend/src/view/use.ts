// view/use.ts - a component that follows parts of the model.

import { useLayoutEffect, useReducer } from "preact/hooks";
import type { Observable } from "../lib/observable";

/** How often words and figures follow a moving window: each time costs as much as half a picture of the lanes. */
export const CALM_MS = 150;

/** How many components, and fields that wait for the end of a word, are about to follow: tests wait for none. */
export const pending = { count: 0 };

/** Renders again whenever one of them changes, at most once a frame. */
export function useChanges(...of: Observable[]): void {
  useLater(0, of);
}

/** The same, but no more often than every `ms`: figures that a moving window changes faster than they can be read. */
export function useCalmly(ms: number, ...of: Observable[]): void {
  useLater(ms, of);
}

const due = new Set<() => void>(); // of the next frame: asking the browser for each costs as much as what is done in it

function inNextFrame(f: () => void): void {
  if (due.size === 0) {
    requestAnimationFrame(() => {
      const all = [...due];
      due.clear();
      for (const one of all) one();
    });
  }
  due.add(f);
}

function useLater(ms: number, of: Observable[]): void {
  const [, again] = useReducer((n: number) => n + 1, 0);
  // Before the next frame, not after it: what changes in between would never be shown.
  useLayoutEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last = -1; // the stretch of `ms` in which it rendered
    const stretch = () => Math.floor(performance.now() / ms);
    const idle = () => !due.has(render) && timer === undefined;
    const render = () => {
      pending.count--;
      last = stretch();
      again(undefined);
    };
    const ask = () => {
      timer = undefined;
      inNextFrame(render);
    };
    const soon = () => {
      if (!idle()) return;
      pending.count++;
      // All in the same frame: each frame in which words change is laid out and painted anew.
      if (ms > 0 && last === stretch()) timer = setTimeout(ask, (last + 1) * ms - performance.now());
      else ask();
    };
    const stops = of.map((o) => o.subscribe(soon));
    return () => {
      if (!idle()) pending.count--;
      due.delete(render);
      clearTimeout(timer);
      for (const s of stops) s();
    };
  }, of);
}
