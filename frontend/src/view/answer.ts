// view/answer.ts - one answer of the server for one component; asked anew when what it depends on has changed.

import { useEffect, useState } from "preact/hooks";
import type { App } from "../model/app";
import type { AreaFigures, Cell, FigureBy, QueryResult, State } from "../net/protocol";

export function useAnswer<T>(app: App, op: string, fields: Record<string, unknown> | null): T | null {
  const [answer, setAnswer] = useState<{ key: string; value: T } | null>(null);
  const key = fields ? JSON.stringify([op, fields]) : "";
  useEffect(() => {
    if (!fields) return;
    let gone = false;
    void app.ask<T>(op, { trace: app.entry?.trace, ...fields }, true).then((value) => {
      if (!gone && value) setAnswer({ key, value });
    });
    return () => {
      gone = true;
    };
  }, [key]);
  return answer && answer.key === key ? answer.value : null;
}

export function useRows(app: App, sql: string, limit = 200): Cell[][] | null {
  return useAnswer<QueryResult>(app, "query", { sql, limit })?.rows ?? null;
}

export function useArea(app: App, of: { from: number; to: number; lanes?: string[]; state?: State; by: FigureBy }): AreaFigures | null {
  return useAnswer<AreaFigures>(app, "area", of);
}
