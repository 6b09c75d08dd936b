// view/palette.tsx - every command by a part of its name.

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { visible } from "../lib/format";
import type { App } from "../model/app";
import { COMMANDS, moreCommands, type Command, type Ui } from "./commands";

const SHOWN = 60;

/** All words must occur; a name that begins with the text comes first, then those in which a word does. */
function rank(c: Command, words: string[], text: string): number {
  const name = `${c.name} ${c.group}`.toLowerCase();
  if (!words.every((w) => name.includes(w))) return -1;
  if (name.startsWith(text)) return 3;
  return words.every((w) => new RegExp(`(^|[^a-z])${w.replace(/[^\w]/g, "\\$&")}`).test(name)) ? 2 : 1;
}

export function Palette({ app, ui, close }: { app: App; ui: Ui; close: () => void }) {
  const box = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  useLayoutEffect(() => box.current?.showModal(), []);
  const wanted = text.trim().toLowerCase();
  const words = wanted.split(/\s+/).filter(Boolean);
  const open = app.screen === "trace";
  const all = [...COMMANDS, ...moreCommands(app)].filter((c) => open || c.start);
  const hits = all
    .map((c, i) => ({ c, i, r: rank(c, words, wanted) }))
    .filter((h) => h.r >= 0)
    .sort((a, b) => b.r - a.r || a.i - b.i)
    .slice(0, SHOWN)
    .map((h) => h.c);
  const take = (c: Command | undefined) => {
    if (!c) return;
    close();
    // After the dialog is gone, so that keys and focus are the page's again.
    setTimeout(() => c.run(app, ui));
  };
  const key = (e: KeyboardEvent) => {
    if (e.key === "ArrowDown") setAt(Math.min(hits.length - 1, at + 1));
    else if (e.key === "ArrowUp") setAt(Math.max(0, at - 1));
    else if (e.key === "Enter") take(hits[at]);
    else return;
    e.preventDefault();
  };
  return (
    <dialog class="palette" ref={box} aria-label="Commands" onClose={close} onClick={(e) => e.target === box.current && close()}>
      <input
        type="text"
        role="combobox"
        aria-label="Command"
        aria-expanded="true"
        aria-controls="commands"
        aria-activedescendant={hits.length > 0 ? `command-${at}` : undefined}
        placeholder="What do you want to do?"
        autocomplete="off"
        spellcheck={false}
        value={text}
        onInput={(e) => {
          setText(e.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={key}
      />
      <div class="commands" id="commands" role="listbox" aria-label="Commands">
        {hits.map((c, i) => (
          <div
            key={c.name}
            role="option"
            id={`command-${i}`}
            aria-selected={i === at}
            class={i === at ? "on" : ""}
            ref={i === at ? (el: HTMLElement | null) => el?.scrollIntoView({ block: "nearest" }) : undefined}
            onClick={() => take(c)}
            onPointerMove={() => setAt(i)}
          >
            <span class="t">{visible(c.name)}</span>
            <span class="mut">{c.group}</span>
            <span class="keys">{c.keys?.split(" ").map((k) => <kbd>{k}</kbd>)}</span>
          </div>
        ))}
      </div>
      {hits.length === 0 && <p class="mut none">No command is called that.</p>}
    </dialog>
  );
}
