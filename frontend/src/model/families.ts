// model/families.ts - what a stretch of a lane is coloured by.
// A class is an index into FAMILIES: states first (running, runnable, syscall), then the families of waiting,
// in the order in which they are stacked.  storage/src/families.def has the same order.

import type { Group, Tag } from "../net/protocol";
import { bareFunc, visible } from "../lib/format";

export interface Family {
  token: string; // in tokens.css: --token-s, --token-f, --token-on
  legend: string;
}

export const FAMILIES: readonly Family[] = [
  { token: "running", legend: "running" },
  { token: "runnable", legend: "runnable" },
  { token: "syscall", legend: "syscall" },
  { token: "chan", legend: "channel" },
  { token: "select", legend: "select" },
  { token: "sync", legend: "sync" },
  { token: "net", legend: "network" },
  { token: "sleep", legend: "sleep, timer" },
  { token: "gc", legend: "GC assist, sweep" },
  { token: "sys", legend: "system, other" },
];
export const N_CLASSES = FAMILIES.length;
export const RUNNING = 0;
export const RUNNABLE = 1;
export const SYSCALL = 2;
export const FIRST_WAIT = 3;
const SYS = 9;

const BY_TOKEN = new Map(FAMILIES.map((f, i) => [f.token, i]));
export const classOfFamily = (token: string): number => BY_TOKEN.get(token) ?? SYS;

export interface TagLook {
  cls: number; // on goroutine lanes and in areas
  procCls: number; // on P and M lanes: running by whose code it is
  name: string; // the refined reason, or the state
  forms: string[]; // of the name, longest first
  tag: Tag;
}

/** "sync.(*Mutex).Lock" -> itself, "Mutex.Lock", "Lock" */
function formsOf(name: string): string[] {
  const forms = [name];
  const method = name.replace(/^.*?\(\*(\w+)\)\./, "$1.");
  if (method !== name) forms.push(method);
  const last = method.replace(/^.*\./, "");
  if (last && last !== method) forms.push(last);
  return forms;
}

export function tagName(t: Tag): string {
  if (t.state !== "waiting") return t.state;
  return visible(t.refined || t.reason) || "reason not recorded";
}

export function lookOfTag(tag: Tag): TagLook {
  const family = classOfFamily(tag.family);
  const cls = { running: RUNNING, runnable: RUNNABLE, syscall: SYSCALL, waiting: Math.max(FIRST_WAIT, family) }[tag.state];
  const name = tagName(tag);
  return { cls, procCls: tag.state === "running" ? family : cls, name, forms: formsOf(name), tag };
}

export interface GroupLook {
  name: string; // whole, printable
  bare: string; // without its package
}
export function lookOfGroup(g: Group): GroupLook {
  const name = visible(g.func) || "start function not known";
  return { name, bare: g.func ? bareFunc(name) : "?" };
}
