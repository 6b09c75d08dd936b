// view/topbar.tsx - name, file, facts, search, history, SQL, link, theme, help.

import { useEffect, useRef, useState } from "preact/hooks";
import { bytes, exact, int, plural, short, visible, whenText } from "../lib/format";
import type { App } from "../model/app";
import type { Viewport } from "../model/viewport";
import { swapTheme, type Ui } from "./commands";
import { Chevron, Icon, Mark, ThemeIcon, type IconName } from "./icons";
import { Search } from "./search";
import { CALM_MS, useCalmly, useChanges } from "./use";

export function Topbar({ app, ui }: { app: App; ui: Ui }) {
  useChanges(app);
  const trace = app.screen === "trace" && app.info !== null;
  return (
    <header class="top">
      <div class="brand">
        <button class="logo" onClick={() => app.toStart()} title="Start page" aria-label="Parkview, start page">
          <Mark />
          <span class="word">Parkview</span>
        </button>
        {app.entry && (
          <>
            <span class="sep" />
            <FileMenu app={app} />
            {trace && <Facts app={app} />}
          </>
        )}
      </div>
      {trace ? <Search app={app} /> : <span />}
      <div class="tools">
        {trace && <TraceTools app={app} />}
        <button class="ib" title="Light or dark" aria-label="Light or dark" onClick={() => swapTheme(app)}>
          <ThemeIcon />
        </button>
        <Tool icon="command" title="All commands (Ctrl+K)" onClick={() => ui.set("palette", true)} />
        <Tool icon="help" title="Keys and gestures (?)" onClick={() => ui.set("help", true)} />
      </div>
    </header>
  );
}

function Tool({ icon, title, onClick, off = false, text }: { icon: IconName; title: string; onClick: () => void; off?: boolean; text?: string }) {
  return (
    <button class="ib" title={title} aria-label={title} disabled={off} onClick={onClick}>
      <Icon name={icon} />
      {text && <span class="wide">{text}</span>}
    </button>
  );
}

function TraceTools({ app }: { app: App }) {
  const [copied, setCopied] = useState(false);
  const copy = () => {
    void navigator.clipboard?.writeText(location.href).then(() => {
      setCopied(true);
      setTimeout(() => setCopied(false), 1600);
    });
  };
  return (
    <>
      <History view={app.view} />
      <span class="sep gap" />
      <button
        class="ib"
        title="Ask in SQL (`)"
        aria-pressed={app.tab === "sql"}
        onClick={() => app.setTab(app.tab === "sql" ? "waits" : "sql")}
      >
        <Icon name="sql" />
        SQL
      </button>
      <Tool icon="link" title={copied ? "Copied" : "Copy a link to this view"} text={copied ? "Copied" : "Copy link"} onClick={copy} />
      <span class="sep gap" />
    </>
  );
}

function History({ view }: { view: Viewport }) {
  useCalmly(CALM_MS, view);
  return (
    <>
      <Tool icon="undo" title="Back (Ctrl+Z)" off={!view.canUndo} onClick={() => view.undo()} />
      <Tool icon="redo" title="Forward (Ctrl+Shift+Z)" off={!view.canRedo} onClick={() => view.redo()} />
    </>
  );
}

function recorded(wall: string | null): string {
  if (!wall) return "";
  const d = new Date(Number(BigInt(wall) / 1000000n));
  return Number.isNaN(d.getTime()) ? "" : `recorded ${d.toLocaleString("en-GB")}`;
}

function Facts({ app }: { app: App }) {
  const i = app.info!;
  const damage = i.gaps.length > 0;
  return (
    <span class={`meta ${damage ? "hurt" : ""}`} title={recorded(i.wall_unix_ns)}>
      <span class={damage ? "w14" : ""}>
        {i.duration < 1e9 ? exact(i.duration) : `${(i.duration / 1e9).toFixed(3)} s`}
        {damage && " · "}
      </span>
      {damage && (
        <>
          <button class="a bad" onClick={() => app.guide.gapTo(1)} title={`${visible(i.gaps[0]!.text)}\nGo there (G)`}>
            {i.gaps.length > 1 ? `damaged in ${i.gaps.length} places` : "damaged"}
            {i.gaps.length === 1 && i.gaps[0]!.offset >= 0 && <span class="w14"> at byte {int(i.gaps[0]!.offset)}</span>}
          </button>
        </>
      )}
      {i.newer && <b class="warnt"> · newer than this Parkview</b>}
      <span class={damage || i.newer ? "w17" : "w14"}>
        {" · "}
        {bytes(i.bytes)} · {visible(i.format)}
      </span>
      <span class="w17">
        {" · "}
        {plural(i.procs.length, "P", "P")} · {plural(i.goroutines, "goroutine")} · {plural(i.events, "event")}
      </span>
    </span>
  );
}

function FileMenu({ app }: { app: App }) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return;
    const away = (e: Event) => {
      if (!box.current?.contains(e.target as Node)) setOpen(false);
    };
    const esc = (e: KeyboardEvent) => e.key === "Escape" && setOpen(false);
    addEventListener("pointerdown", away);
    addEventListener("keydown", esc);
    return () => {
      removeEventListener("pointerdown", away);
      removeEventListener("keydown", esc);
    };
  }, [open]);
  const then = (f: () => void) => () => {
    setOpen(false);
    f();
  };
  return (
    <div class="menubox" ref={box}>
      <button
        class="file"
        aria-haspopup="menu"
        aria-expanded={open}
        onClick={() => {
          setOpen(!open);
          void app.refreshList();
        }}
      >
        <span class="t">{visible(app.entry!.name)}</span>
        <Chevron down />
      </button>
      {open && (
        <div class="menu" role="menu">
          {app.list.traces.map((t) => (
            <button role="menuitem" class={t.trace === app.entry?.trace ? "on" : ""} onClick={then(() => void app.show(t))}>
              <span class="t">{visible(t.name)}</span>
              <span class="mut">{t.state === "ready" ? short(t.progress.duration || 0).replace(/^0 ns$/, "open") : t.state}</span>
            </button>
          ))}
          {app.list.recent.length > 0 && <div class="head">Recent</div>}
          {app.list.recent.slice(0, 8).map((r) => (
            <button role="menuitem" onClick={then(() => void app.open({ recent: r.store }))}>
              <span class="t">{visible(r.name)}</span>
              <span class="mut">{whenText(r.when_unix, Date.now())}</span>
            </button>
          ))}
          <div class="head" />
          <button role="menuitem" onClick={then(() => app.toStart())}>
            Open another trace …
          </button>
        </div>
      )}
    </div>
  );
}
