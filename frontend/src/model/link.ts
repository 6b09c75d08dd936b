// model/link.ts - the view as the part of the address after "#", and back.
// Short keys; unknown or broken values are dropped one by one, never the whole.

import type { Grouping, Order } from "./lanes";
import type { Mark } from "./marks";

export interface Link {
  trace?: string; // its name
  from?: number;
  to?: number;
  lane?: string; // of the selected slice
  at?: number; // without it: the whole goroutine
  open?: number[]; // groups
  closed?: string[]; // sections that are open by default
  sections?: string[]; // sections that are closed by default
  types?: string[]; // tasks and regions that are unfolded: "task/request"
  pins?: string[]; // lanes that stand above
  hidden?: string[];
  ranks?: string[]; // lanes that were moved, in their order
  marks?: Mark[];
  grouping?: Grouping;
  creators?: string[]; // unfolded
  sets?: string[]; // of goroutines by task, label, creator, unfolded: "task:request"
  scroll?: number;
  theme?: "light" | "dark";
  sort?: string; // "-total"
  by?: string;
  tab?: string;
  order?: Order;
  sql?: string;
  area?: string; // "from-to,G1,P0"
  filter?: string; // as the search field takes it
  find?: string;
  cycle?: string; // of the collector, "from-to"
}

export function formatLink(l: Link): string {
  const p: string[] = [];
  const put = (k: string, v: string | number | undefined) => {
    if (v !== undefined && v !== "") p.push(`${k}=${encodeURIComponent(v).replace(/%2C/g, ",").replace(/%40/g, "@").replace(/%2F/g, "/").replace(/%3A/g, ":")}`);
  };
  put("trace", l.trace);
  if (l.from !== undefined && l.to !== undefined) put("view", `${Math.round(l.from)},${Math.round(l.to)}`);
  if (l.lane !== undefined) put("select", l.at === undefined ? l.lane : `${l.lane}@${Math.round(l.at)}`);
  put("open", l.open?.join(","));
  put("closed", l.closed?.join(","));
  put("sections", l.sections?.join(","));
  put("types", l.types?.map(inList).join(","));
  put("group", l.grouping);
  put("creators", l.creators?.join(","));
  put("sets", l.sets?.map(inList).join(","));
  put("pins", l.pins?.map(inList).join(","));
  put("hidden", l.hidden?.map(inList).join(","));
  put("ranks", l.ranks?.map(inList).join(","));
  put("marks", l.marks?.map(formatMark).join(","));
  put("y", l.scroll || undefined);
  put("tab", l.tab);
  put("by", l.by);
  put("sort", l.sort);
  put("order", l.order);
  put("theme", l.theme);
  put("cycle", l.cycle);
  put("area", l.area);
  put("filter", l.filter);
  put("find", l.find);
  put("sql", l.sql);
  return p.join("&");
}

const whole = (s: string | undefined): number | undefined => (s !== undefined && /^\d{1,16}$/.test(s) ? Number(s) : undefined);

/** Commas part the names of a list; what could part them is written as ~ and its code. */
const inList = (s: string): string => s.replace(/[%,~]/g, (c) => `~${c.charCodeAt(0).toString(16)}`);
const fromList = (s: string): string => s.replace(/~([0-9a-f]{2})/g, (_, h: string) => String.fromCharCode(parseInt(h, 16)));

/** 1200 · 1200-3400 · 1200:a note */
function formatMark(m: Mark): string {
  const at = m.to > m.from ? `${Math.round(m.from)}-${Math.round(m.to)}` : String(Math.round(m.from));
  return m.text ? `${at}:${inList(m.text)}` : at;
}

function parseMark(s: string): Mark[] {
  const [, from, to, text] = /^(\d{1,16})(?:-(\d{1,16}))?(?::(.*))?$/s.exec(s) ?? [];
  return from === undefined ? [] : [{ from: Number(from), to: Math.max(Number(from), Number(to ?? from)), text: fromList(text ?? "").slice(0, 60) }];
}

export function parseLink(hash: string): Link {
  const q = new URLSearchParams(hash.replace(/^#/, ""));
  const l: Link = {};
  const text = (k: string): string | undefined => q.get(k) ?? undefined;
  l.trace = text("trace");
  const [from, to] = (text("view") ?? "").split(",").map(whole);
  if (from !== undefined && to !== undefined && to > from) Object.assign(l, { from, to });
  const sel = /^([PGM]\d{1,20})(?:@(\d{1,16}))?$/.exec(text("select") ?? "");
  if (sel) Object.assign(l, { lane: sel[1], at: whole(sel[2]) });
  l.open = text("open")
    ?.split(",")
    .map(whole)
    .filter((n): n is number => n !== undefined);
  l.closed = text("closed")?.split(",");
  l.sections = text("sections")?.split(",");
  const list = (k: string): string[] | undefined => text(k)?.split(",").filter(Boolean).map(fromList);
  l.types = list("types");
  const grouping = text("group");
  if (grouping === "creator" || grouping === "task" || grouping === "label") l.grouping = grouping;
  l.creators = list("creators");
  l.sets = list("sets");
  l.pins = list("pins");
  l.hidden = list("hidden");
  l.ranks = list("ranks");
  l.marks = text("marks")?.split(",").flatMap(parseMark);
  l.scroll = whole(text("y"));
  const theme = text("theme");
  if (theme === "light" || theme === "dark") l.theme = theme;
  l.sort = text("sort");
  l.by = text("by");
  l.tab = text("tab");
  const order = text("order");
  if (order === "wait" || order === "running" || order === "start" || order === "id") l.order = order;
  l.sql = text("sql");
  l.area = text("area");
  l.filter = text("filter");
  l.find = text("find");
  l.cycle = text("cycle");
  return l;
}
