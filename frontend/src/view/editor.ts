// view/editor.ts - the SQL field: CodeMirror with the tables and columns of this trace.
// It lives in a shadow root, where its styles are constructed sheets: the page's policy allows no inline style element.

import { autocompletion, type Completion, type CompletionContext } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { sql, SQLite } from "@codemirror/lang-sql";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { Compartment, EditorState, Prec } from "@codemirror/state";
import { drawSelection, EditorView, keymap, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import type { Cell } from "../net/protocol";


const look = EditorView.theme({
  "&": { height: "100%", backgroundColor: "var(--surface)", color: "var(--text)", fontSize: "12px" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "18px" },
  ".cm-content": { padding: "8px 4px", caretColor: "var(--text)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-placeholder": { color: "var(--text-3)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--accent-f)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--surface-3)", outline: "1px solid var(--line-3)" },
  ".cm-tooltip": { backgroundColor: "var(--surface-pop)", border: "0", boxShadow: "var(--shadow-2)", borderRadius: "4px", color: "var(--text)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--font)", maxHeight: "180px" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--surface-3)", color: "var(--text)" },
  ".cm-completionIcon": { display: "none" },
  ".cm-completionDetail": { color: "var(--text-3)", fontStyle: "normal", fontSize: "11px" },
});

// Weight and grey only: colour on this page means data.
const words = HighlightStyle.define([
  { tag: tags.keyword, fontWeight: "600" },
  { tag: [tags.string, tags.number], color: "var(--accent)" },
  { tag: tags.comment, color: "var(--text-3)", fontStyle: "italic" },
  { tag: [tags.operator, tags.punctuation], color: "var(--text-2)" },
]);

/** Chromium styles what is typed over styled text by a style attribute, which the policy refuses: such text is put in by us. */
const overSelection = EditorView.domEventHandlers({
  beforeinput(e, view) {
    if (e.inputType !== "insertText" || !e.data || view.composing || view.state.selection.main.empty) return false;
    e.preventDefault();
    view.dispatch({ ...view.state.replaceSelection(e.data), userEvent: "input.type" });
    return true;
  },
});

const ABOVE_KEYWORDS = 20;

/** Columns of the tables that the question names, each once. */
function columnsIn(text: string, schema: Record<string, Completion[]>): Completion[] {
  const named = Object.keys(schema).filter((table) => new RegExp(`\\b${table}\\b`, "i").test(text));
  const all = new Map<string, Completion>();
  for (const table of named) for (const c of schema[table]!) if (!all.has(c.label)) all.set(c.label, { ...c, boost: ABOVE_KEYWORDS });
  return [...all.values()];
}

export class SqlEditor {
  private view: EditorView;
  private language = new Compartment();

  constructor(host: HTMLElement, text: string, run: (text: string) => void, changed: (text: string) => void) {
    const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
    const go = Prec.highest(keymap.of([{ key: "Mod-Enter", run: (v) => (run(v.state.doc.toString()), true) }]));
    this.view = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        doc: text,
        extensions: [
          go,
          history(),
          drawSelection(),
          overSelection,
          bracketMatching(),
          autocompletion({ icons: false }),
          this.language.of(sql({ dialect: SQLite, upperCaseKeywords: true })),
          syntaxHighlighting(words),
          keymap.of([...defaultKeymap, ...historyKeymap]),
          placeholder("SELECT …"),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ "aria-label": "SQL" }),
          EditorView.updateListener.of((u) => u.docChanged && changed(u.state.doc.toString())),
          look,
        ],
      }),
    });
  }

  /** Tables and columns of this trace, each with what it means. */
  setSchema(rows: Cell[][], functions: { call: string; meaning: string }[]): void {
    const schema: Record<string, Completion[]> = {};
    for (const [table, column, meaning] of rows) (schema[String(table)] ??= []).push({ label: String(column), type: "property", detail: String(meaning ?? "") });
    const language = sql({ dialect: SQLite, schema, upperCaseKeywords: true });
    const calls = functions.map(({ call, meaning }): Completion => ({ label: call.replace(/\(.*/, "("), displayLabel: call, type: "function", detail: meaning.slice(0, 80) }));
    const own = language.language.data.of({
      autocomplete: (context: CompletionContext) => {
        const word = context.matchBefore(/(^|[^.\w])\w+$/);
        if (!word) return null;
        const from = word.from + word.text.search(/\w/);
        return { from, options: [...columnsIn(context.state.doc.toString(), schema), ...calls], validFor: /^\w*$/ };
      },
    });
    this.view.dispatch({ effects: this.language.reconfigure([language, own]) });
  }
  get text(): string {
    return this.view.state.doc.toString();
  }
  setText(text: string): void {
    this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: text } });
  }
  focus(): void {
    this.view.focus();
  }
  destroy(): void {
    this.view.destroy();
  }
}
