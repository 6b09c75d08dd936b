// view/use.ts - a component that follows parts of the model.

import { useEffect, useReducer } from "preact/hooks";
import type { Observable } from "../lib/observable";

/** Renders again whenever one of them changes, at most once a frame. */
export function useChanges(...of: Observable[]): void {
  const [, again] = useReducer((n: number) => n + 1, 0);
  useEffect(() => {
    let frame = 0;
    const soon = () => {
      if (frame === 0)
        frame = requestAnimationFrame(() => {
          frame = 0;
          again(undefined);
        });
    };
    const stops = of.map((o) => o.subscribe(soon));
    return () => {
      cancelAnimationFrame(frame);
      for (const s of stops) s();
    };
  }, of);
}
