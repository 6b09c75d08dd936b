// view/stack.tsx - a call stack, leaf first; frames of the runtime and the library are folded behind a line.

import { useState } from "preact/hooks";
import { plural, visible } from "../lib/format";
import type { Frame } from "../net/protocol";
import { Chevron } from "./icons";
import { editor, EDITORS, isPattern, linkTo } from "./places";
import { useChanges } from "./use";

const at = (file: string, line: number): string => (line > 0 ? `${visible(file)}:${line}` : visible(file)); // 0: not known

/** "/a/b/httpload/main.go", 65 -> "httpload/main.go:65" */
export const place = (f: Frame): string => at(f.file.split("/").slice(-2).join("/"), f.line);

export function stackText(frames: Frame[]): string {
  return frames.map((f) => `${visible(f.func)}\n\t${at(f.file, f.line)}`).join("\n");
}

export function Stack({ frames }: { frames: Frame[] }) {
  if (frames.length === 0) return <p class="mut none">The trace has no stack here.</p>;
  const parts: (Frame | Frame[])[] = [];
  frames.forEach((f, i) => {
    if (!f.library || i === 0) parts.push(f);
    else {
      const last = parts[parts.length - 1];
      if (Array.isArray(last)) last.push(f);
      else parts.push([f]);
    }
  });
  return (
    <div class="stack">
      {parts.map((p) => (Array.isArray(p) ? p.length === 1 ? <Line f={p[0]!} /> : <Fold frames={p} /> : <Line f={p} />))}
    </div>
  );
}

function Line({ f }: { f: Frame }) {
  useChanges(editor);
  const href = linkTo(f);
  const title = `${visible(f.func)}\n${at(f.file, f.line)}`;
  return (
    <div class={`fr ${f.library ? "lib" : "user"}`} title={title}>
      <span>{visible(f.func) || "unknown function"}</span>
      {href ? (
        <a class="loc a" href={href} title={`${title}\nOpen in your editor`}>
          {place(f)}
        </a>
      ) : (
        <span class="loc">{place(f)}</span>
      )}
    </div>
  );
}

/** Which editor file names lead to. */
export function EditorChoice() {
  useChanges(editor);
  const known = EDITORS.some(([, p]) => p === editor.pattern);
  const [own, setOwn] = useState(!known);
  const [text, setText] = useState(editor.pattern);
  return (
    <span class="editors">
      <select
        aria-label="Editor that file names open in"
        title="Editor that file names open in"
        value={own ? "own" : editor.pattern}
        onChange={(e) => {
          const v = e.currentTarget.value;
          setOwn(v === "own");
          if (v !== "own") editor.set(v);
        }}
      >
        {EDITORS.map(([name, p]) => (
          <option value={p}>{name === "none" ? "no editor" : name}</option>
        ))}
        <option value="own">own pattern …</option>
      </select>
      {own && (
        <input
          aria-label="Pattern of an editor's link"
          placeholder="myeditor://open?f={file}&l={line}"
          value={text}
          class={text && !isPattern(text) ? "bad" : ""}
          onInput={(e) => {
            setText(e.currentTarget.value);
            if (isPattern(e.currentTarget.value)) editor.set(e.currentTarget.value);
          }}
        />
      )}
    </span>
  );
}

function Fold({ frames }: { frames: Frame[] }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button class={`fold ${open ? "open" : ""}`} aria-expanded={open} onClick={() => setOpen(!open)}>
        <Chevron />
        {plural(frames.length, "runtime and library frame")}
      </button>
      {open && frames.map((f) => <Line f={f} />)}
    </>
  );
}
