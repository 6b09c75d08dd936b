// view/search.tsx - one field for functions, goroutines, reasons, tasks, logs and conditions.  What is found is marked on the
// overview while one types; Enter steps through it, Shift+Enter back; ArrowDown reaches the names.

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { int, visible } from "../lib/format";
import type { App } from "../model/app";
import type { Hit } from "../net/protocol";
import { Icon } from "./icons";
import { pending, useChanges } from "./use";

const PAUSE_MS = 140;

export function Search({ app }: { app: App }) {
  useChanges(app.finder);
  const [text, setText] = useState(app.finder.text);
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(-1);
  const box = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const f = app.finder;

  useLayoutEffect(() => {
    const away = (e: Event) => {
      if (!box.current?.contains(e.target as Node)) setOpen(false);
    };
    addEventListener("pointerdown", away);
    return () => removeEventListener("pointerdown", away);
  }, []);
  useLayoutEffect(() => {
    if (f.text !== text.trim() && document.activeElement !== field.current) setText(f.text);
  }, [f.text]);
  useLayoutEffect(() => {
    if (text.trim() === f.text) return;
    let waits = true;
    const over = () => {
      if (waits) pending.count--;
      waits = false;
    };
    pending.count++;
    const timer = setTimeout(() => {
      void app.lookFor(text, false);
      over();
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      over();
    };
  }, [text]);

  const take = (h: Hit) => {
    setOpen(false);
    go(app, h);
  };
  const enter = async (back: boolean) => {
    if (open && at >= 0 && f.names[at]) {
      take(f.names[at]!);
      return;
    }
    setOpen(false);
    await app.lookFor(text, true);
    await app.guide.stepFound(back ? -1 : 1);
  };
  const key = (e: KeyboardEvent) => {
    if (e.key === "Escape") {
      if (open) setOpen(false);
      else field.current?.blur();
    } else if (e.key === "ArrowDown") setAt(Math.min(f.names.length - 1, at + 1));
    else if (e.key === "ArrowUp") setAt(Math.max(-1, at - 1));
    else if (e.key === "Enter") void enter(e.shiftKey);
    else return;
    e.preventDefault();
    e.stopPropagation();
  };
  const listed = open && text.trim() !== "";
  return (
    <div class="searchbox" ref={box}>
      <label class="search">
        <Icon name="search" />
        <input
          ref={field}
          id="search"
          type="text"
          role="combobox"
          autocomplete="off"
          spellcheck={false}
          placeholder="Search, or reason:sync >5ms"
          aria-label="Search"
          aria-expanded={listed}
          aria-controls="hits"
          aria-activedescendant={listed && at >= 0 ? `hit-${at}` : undefined}
          title="A function, goroutine, reason, task or log text (/). Enter steps through what is found."
          value={text}
          onFocus={() => setOpen(true)}
          onInput={(e) => {
            setText(e.currentTarget.value);
            setOpen(true);
            setAt(-1);
          }}
          onKeyDown={key}
        />
        {text ? (
          <button
            class="clear"
            aria-label="Clear the search"
            onClick={() => {
              setText("");
              f.clear();
              app.setFilter("");
            }}
          >
            <Icon name="close" size={12} />
          </button>
        ) : (
          <kbd>/</kbd>
        )}
      </label>
      {listed && <List app={app} at={at} take={take} onPlace={() => void enter(false)} setAt={setAt} />}
    </div>
  );
}

function List({ app, at, take, onPlace, setAt }: { app: App; at: number; take: (h: Hit) => void; onPlace: () => void; setAt: (i: number) => void }) {
  const f = app.finder;
  const n = Math.max(f.count, f.places.length);
  const first = f.places[0];
  return (
    <div class="menu hits" id="hits" role="listbox" aria-label="Found">
      <button role="option" aria-selected={at < 0} class={at < 0 ? "on" : ""} onClick={onPlace} disabled={n === 0}>
        <span class="t">
          {f.ask.wrong ? `“${visible(f.ask.wrong)}” is not understood` : f.busy ? "Looking …" : n === 0 ? "Nothing on the timeline is called that" : n === 1 && first?.kind !== "slice" ? visible(first!.label) : `Step through ${int(n)} places: ${f.said}`}
        </span>
        {n > 0 && <kbd>Enter</kbd>}
      </button>
      {f.names.map((h, i) => (
        <button role="option" id={`hit-${i}`} aria-selected={i === at} class={i === at ? "on" : ""} onClick={() => take(h)} onPointerEnter={() => setAt(i)}>
          <span class="t">{visible(h.label)}</span>
          <span class="mut">{h.kind === "reason" ? "reason: show only these" : "start function: go to its lanes"}</span>
        </button>
      ))}
    </div>
  );
}

function go(app: App, h: Hit): void {
  if (h.kind === "reason" && h.tag !== undefined) {
    const name = app.tags[h.tag]?.name ?? "";
    app.setTab("waits");
    app.toggleHighlight(name, (t) => t.name === name);
  } else if (h.group !== undefined) app.guide.showGroup(h.group);
}
