// view/keys.ts - the keyboard.  Keys are taken only when no field has the focus.

import type { Tab } from "../model/answers";
import type { App } from "../model/app";
import type { Ui } from "./topbar";

const ZOOM = 0.7;
const PAN = 0.15;
const SCROLL = 66;

function inField(e: KeyboardEvent): boolean {
  const t = e.target as HTMLElement | null;
  return !!t?.closest("input, textarea, select, dialog[open], .editor");
}

export function listenToKeys(app: App, ui: () => Ui): void {
  addEventListener("keydown", (e) => {
    if (inField(e) || e.defaultPrevented) return;
    if (key(app, ui(), e)) e.preventDefault();
  });
}

function key(app: App, ui: Ui, e: KeyboardEvent): boolean {
  const k = e.key.length === 1 ? e.key.toLowerCase() : e.key;
  if (k === "?") {
    ui.setHelp(!ui.help);
    return true;
  }
  if (app.screen !== "trace") return false;
  if ((e.ctrlKey || e.metaKey) && !e.altKey) {
    if (k === "z") e.shiftKey ? app.view.redo() : app.view.undo();
    else if (k === "y") app.view.redo();
    else return false;
    return true;
  }
  if (e.altKey || e.ctrlKey || e.metaKey) return false;
  return moveKey(app, k, e) || sliceKey(app, k, e.shiftKey) || tabKey(app, k);
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
    case "ArrowUp":
    case "ArrowDown":
      app.lanes.scrollTo(app.lanes.scroll + (k === "ArrowUp" ? -SCROLL : SCROLL));
      return true;
    case "PageUp":
    case "PageDown":
      app.lanes.scrollTo(app.lanes.scroll + (k === "PageUp" ? -1 : 1) * app.lanes.viewHeight * 0.9);
      return true;
    case "0":
      v.everything();
      return true;
    default:
      return false;
  }
}

function sliceKey(app: App, k: string, shift: boolean): boolean {
  const s = app.selection.slice;
  switch (k) {
    case "f":
      if (s) app.view.fit(s.start, s.start + s.dur);
      return true;
    case "[":
      void app.chainTo(-1);
      return true;
    case "]":
      void app.chainTo(1);
      return true;
    case ",":
      void app.stepTo(-1);
      return true;
    case ".":
      void app.stepTo(1);
      return true;
    case "/":
      document.getElementById("search")?.focus();
      return true;
    case "`":
      app.setTab(app.tab === "sql" ? "waits" : "sql");
      return true;
    case "F3":
      void app.stepFound(shift ? -1 : 1);
      return true;
    case "Escape":
      if (s || app.selection.goroutine || app.subject) app.deselect();
      else if (app.highlight) app.toggleHighlight(app.highlight.key, () => false);
      else if (app.area.value) app.area.set(null);
      else if (app.filter) app.setFilter("");
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
