// view/answer.ts - one answer of the server for one component; asked anew when what it depends on has changed,
// and given up where it is not wanted any more.

import { useLayoutEffect, useState } from "preact/hooks";
import type { App } from "../model/app";
import type { AreaFigures, Cell, FigureBy, QueryResult, State } from "../net/protocol";

export function useAnswer<T>(app: App, op: string, fields: Record<string, unknown> | null): T | null {
  const [answer, setAnswer] = useState<{ key: string; value: T } | null>(null);
  const key = fields ? JSON.stringify([op, fields]) : "";
  useLayoutEffect(() => {
    if (!fields) return;
    const ticket = app.socket.request<T>(op, { trace: app.entry?.trace, ...fields });
    // A failure is nobody's business: the section stays away.
    void app.during(ticket.answer).then((value) => setAnswer({ key, value }), () => undefined);
    return ticket.cancel;
  }, [key]);
  return answer && answer.key === key ? answer.value : null;
}

export function useRows(app: App, sql: string, limit = 200): Cell[][] | null {
  return useAnswer<QueryResult>(app, "query", { sql, limit })?.rows ?? null;
}

export function useArea(app: App, of: { from: number; to: number; lanes?: string[]; state?: State; by: FigureBy }): AreaFigures | null {
  return useAnswer<AreaFigures>(app, "area", of);
}
