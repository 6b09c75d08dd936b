// view/places.ts - file:line as a link into the reader's editor.  The pattern stays in this browser.

import { Observable } from "../lib/observable";
import type { Frame } from "../net/protocol";

const KEY = "parkview-editor";
export const EDITORS: [string, string][] = [
  ["none", ""],
  ["VS Code", "vscode://file/{file}:{line}"],
  ["GoLand", "goland://open?file={file}&line={line}"],
  ["Zed", "zed://file/{file}:{line}"],
  ["Sublime Text", "subl://open?url=file://{file}&line={line}"],
  ["Emacs", "org-protocol://open-file?url=file://{file}&line={line}"],
];

/** A scheme of its own with a file and a line in it; none that could run as a script. */
export function isPattern(text: string): boolean {
  return /^(?!javascript|data|vbscript|blob|file)[a-z][a-z0-9+.-]*:\/\/\S*$/i.test(text) && text.includes("{file}");
}

class Editor extends Observable {
  pattern = "";

  constructor() {
    super();
    try {
      const kept = localStorage.getItem(KEY) ?? "";
      if (isPattern(kept)) this.pattern = kept;
    } catch {
      // A browser that keeps nothing: the choice lasts as long as the page.
    }
  }

  set(pattern: string): void {
    this.pattern = isPattern(pattern) ? pattern : "";
    try {
      localStorage.setItem(KEY, this.pattern);
    } catch {
      // as above
    }
    this.changed();
  }
}
export const editor = new Editor();

/** "" where there is no editor, or no whole path: "./main.go" of a trimmed build names no file here. */
export function linkTo(f: Frame): string {
  if (!editor.pattern || !f.file.startsWith("/")) return "";
  const file = f.file.split("/").map(encodeURIComponent).join("/");
  return editor.pattern.replaceAll("{file}", file).replaceAll("{line}", String(Math.max(1, f.line)));
}
