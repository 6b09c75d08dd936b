// view/commands.ts - every command: what the palette finds and the help lists.  keys.ts acts on the keys themselves.

import { questions } from "sql-manual";
import { exact } from "../lib/format";
import type { Tab } from "../model/answers";
import type { App } from "../model/app";
import type { Grouping, Order } from "../model/lanes";
import { copyText } from "./copy";
import { setTheme } from "./theme";

export interface Ui {
  help: boolean;
  palette: boolean;
  tour: boolean;
  set: (what: "help" | "palette" | "tour", on: boolean) => void;
}

export interface Command {
  group: "Move" | "Slices" | "Lanes" | "Tables" | "Search" | "Page";
  name: string;
  keys?: string;
  start?: boolean; // also where no trace is open
  run: (app: App, ui: Ui) => void;
}

const middle = (app: App): number => app.cursor ?? (app.view.goal.from + app.view.goal.to) / 2;
const width = (app: App): number => app.view.goal.to - app.view.goal.from;
const press = (key: string): void => void document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
const tab = (name: string, keys: string, to: Tab): Command => ({ group: "Tables", name, keys, run: (app) => app.setTab(to) });
const order = (name: string, by: Order): Command => ({ group: "Lanes", name: `Order goroutines: ${name}`, run: (app) => app.setOrder(by) });

const grouping = (name: string, by: Grouping): Command => ({ group: "Lanes", name: `Group goroutines by ${name}`, run: (app) => app.setGrouping(by) });

export function swapTheme(app: App): void {
  app.theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  setTheme(app.theme);
  app.changed();
}

export function chooseFile(app: App): void {
  const input = document.createElement("input");
  input.type = "file";
  input.onchange = () => {
    const f = input.files?.[0];
    if (f) void app.upload(f);
  };
  input.click();
}

function focusSearch(): void {
  const field = document.getElementById("search") as HTMLInputElement | null;
  field?.focus();
  field?.select();
}

export const COMMANDS: Command[] = [
  { group: "Move", name: "Zoom in at the pointer", keys: "W", run: (app) => app.view.zoom(0.7, middle(app), true) },
  { group: "Move", name: "Zoom out", keys: "S", run: (app) => app.view.zoom(1 / 0.7, middle(app), true) },
  { group: "Move", name: "Pan left", keys: "A", run: (app) => app.view.pan(-width(app) * 0.15, true) },
  { group: "Move", name: "Pan right", keys: "D", run: (app) => app.view.pan(width(app) * 0.15, true) },
  { group: "Move", name: "Show everything", keys: "0", run: (app) => app.view.everything() },
  { group: "Move", name: "Fit what is chosen", keys: "F", run: () => press("f") },
  { group: "Move", name: "Back to the last window", keys: "Ctrl Z", run: (app) => app.view.undo() },
  { group: "Move", name: "Forward again", keys: "Shift Ctrl Z", run: (app) => app.view.redo() },
  { group: "Move", name: "Next lost stretch of a damaged trace", keys: "G", run: (app) => app.guide.gapTo(1) },
  { group: "Slices", name: "Next slice of the goroutine", keys: ".", run: (app) => void app.guide.stepTo(1) },
  { group: "Slices", name: "Previous slice of the goroutine", keys: ",", run: (app) => void app.guide.stepTo(-1) },
  { group: "Slices", name: "Along the wake chain, earlier", keys: "[", run: (app) => void app.guide.chainTo(-1) },
  { group: "Slices", name: "Along the wake chain, later", keys: "]", run: (app) => void app.guide.chainTo(1) },
  { group: "Slices", name: "The whole wake chain on the lanes", keys: "C", run: (app) => void app.guide.toggleChain() },
  { group: "Slices", name: "Mark it, or the moment", keys: "M", run: (app) => app.mark() },
  { group: "Slices", name: "Write a note on the nearest mark", keys: "E", run: () => press("e") },
  { group: "Slices", name: "Next mark", keys: "N", run: (app) => app.guide.markTo(1) },
  { group: "Slices", name: "Previous mark", keys: "Shift N", run: (app) => app.guide.markTo(-1) },
  { group: "Slices", name: "Take all marks away", keys: "Shift M", run: (app) => app.marks.set([]) },
  { group: "Slices", name: "Drop the area, the selection, the filter", keys: "Esc", run: () => press("Escape") },
  { group: "Lanes", name: "Lane above, lane below", keys: "↑ ↓", run: () => press("ArrowDown") },
  { group: "Lanes", name: "Open the lane, or what it shows in the middle", keys: "Enter", run: () => press("Enter") },
  { group: "Lanes", name: "Tables about this lane: add it to the area, or take it away", keys: "X", run: () => press("x") },
  { group: "Lanes", name: "Pin the lane above the others", keys: "P", run: () => press("p") },
  { group: "Lanes", name: "Hide the lane", keys: "H", run: () => press("h") },
  { group: "Lanes", name: "Move the lane up or down", keys: "Alt ↑ ↓", run: (app) => app.say("Hold Alt and press the arrow up or down.") },
  order("most waiting first", "wait"),
  order("most running first", "running"),
  order("by start", "start"),
  order("by id", "id"),
  grouping("start function", "function"),
  grouping("creator", "creator"),
  grouping("task", "task"),
  grouping("label", "label"),
  { group: "Lanes", name: "Show what was hidden", run: (app) => app.lanes.unhide() },
  { group: "Lanes", name: "Show or hide counters of goroutines and threads", run: (app) => app.lanes.toggleSection("counters") },
  { group: "Lanes", name: "Show or hide the threads", run: (app) => app.lanes.toggleSection("threads") },
  { group: "Lanes", name: "Show or hide system goroutines", run: (app) => app.lanes.toggleSection("system") },
  tab("Waiting: reasons, functions, stacks", "1", "waits"),
  tab("Ready: scheduling latency", "2", "ready"),
  tab("Running: who used the processors", "3", "running"),
  tab("Syscalls", "4", "syscalls"),
  tab("GC: collections, pauses, assists", "5", "gc"),
  tab("Goroutines: where their time went", "6", "goroutines"),
  tab("Found: hits of the search", "7", "found"),
  tab("SQL: ask anything", "8 `", "sql"),
  { group: "Tables", name: "Copy the table as CSV", run: copyTable },
  { group: "Search", name: "Search, or conditions: reason:sync >5ms", keys: "/", run: () => setTimeout(focusSearch) },
  { group: "Search", name: "Next hit", keys: "F3", run: (app) => void app.guide.stepFound(1) },
  { group: "Search", name: "Previous hit", keys: "Shift F3", run: (app) => void app.guide.stepFound(-1) },
  { group: "Search", name: "Use the search as a filter, or drop it", run: (app) => app.setFilter(app.filter.text ? "" : app.finder.text) },
  { group: "Page", name: "All commands", keys: "Ctrl K", start: true, run: (_app, ui) => ui.set("palette", true) },
  { group: "Page", name: "Keys and gestures", keys: "?", start: true, run: (_app, ui) => ui.set("help", true) },
  { group: "Page", name: "Tour of two minutes", start: true, run: (_app, ui) => ui.set("tour", true) },
  { group: "Page", name: "Copy a link to this view", run: () => copyText(location.href) },
  { group: "Page", name: "Copy the window as from and to", run: (app) => copyText(`--from ${Math.floor(app.view.goal.from)}ns --to ${Math.ceil(app.view.goal.to)}ns`) },
  { group: "Page", name: "Light or dark", start: true, run: swapTheme },
  { group: "Page", name: "Open a trace file …", start: true, run: chooseFile },
  { group: "Page", name: "Start page: recent traces and samples", start: true, run: (app) => app.toStart() },
];

/** The button beside the table does it: each table knows its own columns. */
function copyTable(app: App): void {
  const button = [...document.querySelectorAll<HTMLButtonElement>(".dock button")].find((b) => b.textContent === "Copy CSV");
  if (button) button.click();
  else app.say("There is no table to copy.");
}

function ask(app: App, sql: string): void {
  app.asked.draft = sql;
  app.setTab("sql");
  void app.askSql(sql);
}

/** Commands that depend on what is open: lanes, samples, other traces. */
export function moreCommands(app: App): Command[] {
  const out: Command[] = [];
  if (app.screen === "trace" && app.info)
    for (const g of [...app.lanes.userGroups, ...app.lanes.systemGroups].slice(0, 300)) out.push({ group: "Lanes", name: `Go to ${app.groups[g]?.name ?? ""}`, run: () => app.guide.showGroup(g) });
  if (app.screen === "trace") for (const q of questions) out.push({ group: "Tables", name: `Ask: ${q.title}`, run: () => ask(app, q.sql) });
  for (const m of app.marks.list) out.push({ group: "Slices", name: `Go to the mark at ${exact(m.from)}${m.text ? `: ${m.text}` : ""}`, run: () => app.view.reveal(m.from, m.to) });
  for (const t of app.list.traces) if (t.trace !== app.entry?.trace || app.screen !== "trace") out.push({ group: "Page", name: `Show ${t.name}`, start: true, run: () => void app.show(t) });
  for (const s of app.list.samples) out.push({ group: "Page", name: `Open the sample: ${s.title}`, start: true, run: () => void app.open({ sample: s.name }) });
  return out;
}
