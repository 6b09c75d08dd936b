// model/ask.ts - what a reader types into the search field, as conditions, and back.
//   mutex            a reason, or else a function, that is called so
//   G17  P2  F3      on that lane
//   state:ready  reason:sync  func:main.serve  task:build  log:slow
//   >5ms  <1s        longer, shorter than that
// Values with spaces stand in double quotes.

import { short } from "../lib/format";
import type { State } from "../net/protocol";

export interface Ask {
  state?: State;
  reason?: string;
  func?: string;
  min?: number;
  max?: number;
  lanes: string[];
  task?: string;
  log?: string;
  words: string; // what is none of these
  wrong: string; // a condition that is not understood
}

const UNITS: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9 };
const STATES: Record<string, State> = { running: "running", runnable: "runnable", ready: "runnable", syscall: "syscall", waiting: "waiting" };

export function parseNs(text: string): number | null {
  const m = /^(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s)?$/i.exec(text.trim());
  if (!m) return null;
  return Math.round(Number(m[1]) * (UNITS[(m[2] ?? "ns").toLowerCase()] ?? 1));
}

export function parseAsk(text: string): Ask {
  const ask: Ask = { lanes: [], words: "", wrong: "" };
  const words: string[] = [];
  for (const [token] of text.matchAll(/(?:[^\s"]|"[^"]*")+/g)) take(ask, token, words);
  ask.words = words.join(" ").replaceAll('"', "").trim();
  return ask;
}

function take(ask: Ask, token: string, words: string[]): void {
  const length = /^([<>])=?(.+)$/.exec(token);
  const pair = /^(state|reason|func|function|task|log|g|p|m|min|max):(.*)$/i.exec(token);
  if (length) {
    const ns = parseNs(length[2]!);
    if (ns === null) ask.wrong = token;
    else if (length[1] === ">") ask.min = ns;
    else ask.max = ns;
  } else if (/^[GPMF]\d{1,18}$/.test(token) || /^g\d{1,18}$/.test(token)) ask.lanes.push(token.toUpperCase());
  else if (pair) named(ask, pair[1]!.toLowerCase(), pair[2]!.replaceAll('"', ""), token);
  else words.push(token);
}

function named(ask: Ask, key: string, value: string, token: string): void {
  if (value === "") return; // being typed
  if (key === "state") {
    const state = Object.entries(STATES).find(([name]) => name.startsWith(value.toLowerCase()))?.[1];
    if (state) ask.state = state;
    else ask.wrong = token;
  } else if (key === "min" || key === "max") {
    const ns = parseNs(value);
    if (ns === null) ask.wrong = token;
    else ask[key] = ns;
  } else if (key === "g" || key === "p" || key === "m") {
    if (/^\d{1,18}$/.test(value)) ask.lanes.push(`${key.toUpperCase()}${value}`);
    else ask.wrong = token;
  } else if (key === "func" || key === "function") ask.func = value;
  else ask[key as "reason" | "task" | "log"] = value;
}

/** True where something but a name is asked for. */
export const hasConditions = (a: Ask): boolean => !!(a.state || a.reason || a.func || a.min || a.max || a.task || a.log || a.lanes.length);

/** In words, for a heading. */
export function describe(a: Ask): string {
  const parts: string[] = [];
  if (a.state) parts.push(a.state === "runnable" ? "ready" : a.state);
  if (a.reason) parts.push(`reason “${a.reason}”`);
  if (a.func) parts.push(`function “${a.func}”`);
  if (a.min) parts.push(`${short(a.min)} or longer`);
  if (a.max) parts.push(`${short(a.max)} or shorter`);
  if (a.lanes.length) parts.push(`on ${a.lanes.join(", ")}`);
  if (a.task) parts.push(`task “${a.task}”`);
  if (a.log) parts.push(`log “${a.log}”`);
  if (a.words) parts.push(`“${a.words}”`);
  return parts.join(", ");
}
