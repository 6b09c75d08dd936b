// view/search.tsx - one field for functions, goroutines, reasons, tasks and log texts.

import { useEffect, useRef, useState } from "preact/hooks";
import { visible } from "../lib/format";
import type { App } from "../model/app";
import type { Hit } from "../net/protocol";
import { Icon } from "./icons";

const PAUSE_MS = 120;
const LIMIT = 30;

export function Search({ app }: { app: App }) {
  const [text, setText] = useState("");
  const [hits, setHits] = useState<Hit[] | null>(null);
  const [at, setAt] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const asked = useRef(0);

  useEffect(() => {
    const away = (e: Event) => {
      if (!box.current?.contains(e.target as Node)) setHits(null);
    };
    addEventListener("pointerdown", away);
    return () => removeEventListener("pointerdown", away);
  }, []);

  useEffect(() => {
    const n = ++asked.current;
    if (!text.trim()) {
      setHits(null);
      return;
    }
    const timer = setTimeout(() => {
      void app.ask<{ hits: Hit[] }>("search", { trace: app.entry?.trace, text: text.trim(), limit: LIMIT }).then((r) => {
        if (n !== asked.current) return;
        setHits(r?.hits ?? []);
        setAt(0);
      });
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text, app]);

  const take = (h: Hit) => {
    setHits(null);
    field.current?.blur();
    void go(app, h);
  };
  const key = (e: KeyboardEvent) => {
    if (e.key === "Escape") {
      setHits(null);
      field.current?.blur();
    } else if (e.key === "ArrowDown") setAt(Math.min((hits?.length ?? 1) - 1, at + 1));
    else if (e.key === "ArrowUp") setAt(Math.max(0, at - 1));
    else if (e.key === "Enter" && hits?.[at]) take(hits[at]);
    else return;
    e.preventDefault();
    e.stopPropagation();
  };

  return (
    <div class="searchbox" ref={box}>
      <label class="search">
        <Icon name="search" />
        <input
          ref={field}
          id="search"
          type="text"
          autocomplete="off"
          spellcheck={false}
          placeholder="Search function, G id, reason, task, log text"
          aria-label="Search"
          value={text}
          onInput={(e) => setText(e.currentTarget.value)}
          onKeyDown={key}
        />
        <kbd>/</kbd>
      </label>
      {hits && (
        <div class="menu hits" role="listbox">
          {hits.length === 0 && <p class="mut">Nothing in this trace is called that.</p>}
          {hits.map((h, i) => (
            <button role="option" aria-selected={i === at} class={i === at ? "on" : ""} onClick={() => take(h)} onPointerEnter={() => setAt(i)}>
              <span class="t">{visible(h.label)}</span>
              <span class="mut">{h.kind}</span>
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

async function go(app: App, h: Hit): Promise<void> {
  if (h.kind === "reason" && h.tag !== undefined) {
    const name = app.tags[h.tag]?.name ?? "";
    app.tab = "waits";
    app.toggleHighlight(name, (t) => t.name === name);
  } else if (h.kind === "goroutine" && h.g !== undefined) await app.selectGoroutine(h.g);
  else if (h.g !== undefined && h.at !== undefined) await app.goTo(h.g, h.at);
  else if (h.g !== undefined) await app.showGoroutine(h.g);
  else if (h.group !== undefined) app.showGroup(h.group);
  else if (h.at !== undefined) app.view.reveal(h.at, h.at + (h.dur ?? 0));
}
