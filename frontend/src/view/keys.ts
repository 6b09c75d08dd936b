// view/keys.ts - the keyboard.  Keys are taken only when no field has the focus.

import type { Tab } from "../model/answers";
import type { App } from "../model/app";
import { movable, type Row } from "../model/rows";
import type { Ui } from "./commands";

const ZOOM = 0.7;
const PAN = 0.15;

function inField(e: KeyboardEvent): boolean {
  const t = e.target as HTMLElement | null;
  return !!t?.closest("input, textarea, select, dialog[open], .editor");
}

export function listenToKeys(app: App, ui: () => Ui): void {
  addEventListener("keydown", (e) => {
    if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "k" && !e.defaultPrevented) {
      ui().set("palette", true);
      e.preventDefault();
    }
    if (inField(e) || e.defaultPrevented) return;
    if (key(app, ui(), e)) e.preventDefault();
  });
}

function key(app: App, ui: Ui, e: KeyboardEvent): boolean {
  const k = e.key.length === 1 ? e.key.toLowerCase() : e.key;
  if (k === "?") {
    ui.set("help", !ui.help);
    return true;
  }
  if (app.screen !== "trace") return false;
  if ((e.ctrlKey || e.metaKey) && !e.altKey) {
    if (k === "z") e.shiftKey ? app.view.redo() : app.view.undo();
    else if (k === "y") app.view.redo();
    else return false;
    return true;
  }
  if (e.ctrlKey || e.metaKey) return false;
  if (e.altKey) return laneKey(app, e);
  return moveKey(app, k, e) || laneKey(app, e) || markKey(app, k, e) || sliceKey(app, k, e.shiftKey) || tabKey(app, k);
}

function moveKey(app: App, k: string, e: KeyboardEvent): boolean {
  const v = app.view;
  const w = v.goal.to - v.goal.from;
  const at = app.cursor ?? (v.goal.from + v.goal.to) / 2;
  const fast = e.shiftKey ? 2 : 1;
  switch (k) {
    case "w":
    case "+":
    case "=":
      v.zoom(ZOOM ** fast, at, true);
      return true;
    case "s":
    case "-":
      v.zoom(ZOOM ** -fast, at, true);
      return true;
    case "a":
    case "ArrowLeft":
      v.pan(-w * PAN * fast, true);
      return true;
    case "d":
    case "ArrowRight":
      v.pan(w * PAN * fast, true);
      return true;
    case "PageUp":
    case "PageDown":
      app.lanes.scrollTo(app.lanes.scroll + (k === "PageUp" ? -1 : 1) * app.lanes.room * 0.9);
      return true;
    case "0":
      v.everything();
      return true;
    default:
      return false;
  }
}

/** The keyboard among the lanes.  Enter does what a click would, at the pointer or in the middle of the window. */
export function laneKey(app: App, e: KeyboardEvent): boolean {
  if (e.ctrlKey || e.metaKey) return false;
  const k = e.key.length === 1 ? e.key.toLowerCase() : e.key;
  const row = app.lanes.focused;
  if (k === "ArrowUp" || k === "ArrowDown") {
    const step = k === "ArrowUp" ? -1 : 1;
    if (e.altKey && row) app.lanes.move(row.key, step);
    else {
      const next = app.lanes.moveFocus(step);
      if (next) app.lanes.scrollTo(app.lanes.scrollFor(next));
    }
    return true;
  }
  if (e.altKey || !row) return false;
  // A button or link that has the focus keeps its Enter.
  if (k === "Enter" && !(e.target as HTMLElement | null)?.closest("button, a")) return enter(app, row);
  if (!movable(row)) return false;
  if (k === "x") app.area.toggleLane(row.lane, app.stretch());
  else if (k === "p") app.togglePin(row);
  else if (k === "h") app.lanes.hide(row.key);
  else return false;
  return true;
}

function enter(app: App, row: Row): boolean {
  const { from, to } = app.view.goal;
  if (row.kind === "section") app.lanes.toggleSection(row.section!);
  else if (row.kind === "group") app.toggleGroup(row.group!);
  else if (row.kind === "creator") app.lanes.toggleCreator(row.key);
  else if (row.kind === "set") app.sets.toggle(row.set!);
  else if (row.kind === "type") app.toggleType(row.type!);
  else if (row.kind === "more") app.showMore(row);
  else if (row.kind === "p" && app.selection.slice?.p === row.id) app.guide.showSubject({ kind: "p", p: row.id! });
  else if (row.lane && row.lane !== "ALL") void app.guide.select(row.lane, app.cursor ?? (from + to) / 2);
  else return false;
  return true;
}

/** g goes to a lost stretch, m marks, e opens the note of the mark that is nearest to the middle; n goes from mark to mark. */
function markKey(app: App, k: string, e: KeyboardEvent): boolean {
  if (k === "m" && e.shiftKey) app.marks.set([]);
  else if (k === "m") app.mark();
  else if (k === "e") app.marks.show(app.marks.nearest((app.view.goal.from + app.view.goal.to) / 2));
  else if (k === "n") app.guide.markTo(e.shiftKey ? -1 : 1);
  else if (k === "g") app.guide.gapTo(e.shiftKey ? -1 : 1);
  else return false;
  return true;
}

function sliceKey(app: App, k: string, shift: boolean): boolean {
  const s = app.selection.slice;
  switch (k) {
    case "f":
      fitChosen(app);
      return true;
    case "c":
      void app.guide.toggleChain();
      return true;
    case "[":
      void app.guide.chainTo(-1);
      return true;
    case "]":
      void app.guide.chainTo(1);
      return true;
    case ",":
      void app.guide.stepTo(-1);
      return true;
    case ".":
      void app.guide.stepTo(1);
      return true;
    case "/":
      document.getElementById("search")?.focus();
      return true;
    case "`":
      app.setTab(app.tab === "sql" ? "waits" : "sql");
      return true;
    case "F3":
      void app.guide.stepFound(shift ? -1 : 1);
      return true;
    case "Escape":
      if (app.marks.card) app.marks.show(null);
      else if (app.gap) app.guide.showGap(null);
      else if (app.area.value) app.setArea(null);
      else if (s || app.selection.goroutine || app.subject) app.guide.deselect();
      else if (app.highlight) app.toggleHighlight(app.highlight.key, () => false);
      else if (app.filter.text) app.setFilter("");
      else return false;
      return true;
    default:
      return false;
  }
}

const TAB_KEYS: Tab[] = ["waits", "ready", "running", "syscalls", "gc", "goroutines", "found", "sql"];

function tabKey(app: App, k: string): boolean {
  const tab = /^[1-8]$/.test(k) ? TAB_KEYS[Number(k) - 1] : undefined;
  if (tab) app.setTab(tab);
  return tab !== undefined;
}

/** What `f` brings into full view: the area, the slice, the goroutine's life. */
function fitChosen(app: App): void {
  const { slice, goroutine } = app.selection;
  const a = app.area.value;
  if (a) app.view.fit(a.from, a.to);
  else if (slice) app.view.fit(slice.start, slice.start + slice.dur);
  else if (goroutine) app.view.fit(goroutine.start, goroutine.end);
  else if (app.subject?.kind === "gc") app.view.fit(app.subject.from, app.subject.to);
}
