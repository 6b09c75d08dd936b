// model/members.ts - goroutines of a group or a set as the server orders them, fetched page after page.

import type { Members } from "../net/protocol";
import type { Socket, Ticket } from "../net/socket";

const PAGE = 1000; // members a request

/** Members [first, end) of what the query names. */
export function membersOf(socket: Socket, query: Record<string, unknown>, first: number, end: number): Ticket<Members> {
  let flying: Ticket<Members> | null = null;
  let stopped = false;
  const fetch = async (): Promise<Members> => {
    const all: Members = { all: 0, rows: [] };
    do {
      const offset = first + all.rows.length;
      flying = socket.request<Members>("members", { ...query, offset, limit: Math.min(PAGE, end - offset) });
      const page = await flying.answer;
      all.all = page.all;
      all.rows.push(...page.rows);
      if (page.rows.length === 0 || stopped) break;
    } while (first + all.rows.length < Math.min(end, all.all));
    return all;
  };
  return { answer: fetch(), cancel: () => ((stopped = true), flying?.cancel()) };
}
