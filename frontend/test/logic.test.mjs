// frontend/test/logic.test.mjs - the page's arithmetic without a browser: text, link, window, tiles, columns.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Checks, root, skip } from "../../tests/lib/project.mjs";

const src = join(root, "frontend/src");
const { build } = await import("esbuild").catch(() => skip("npm ci in frontend/ was not run"));
const checks = new Checks();
const folder = mkdtempSync(join(tmpdir(), "parkview-page-"));

const MODULES = ["lib/format", "lib/lru", "model/link", "model/viewport", "model/tiles", "model/ask", "model/asked", "view/places", "net/protocol", "draw/columns", "draw/scale", "draw/gc"];

async function load() {
  const entry = join(folder, "entry.ts");
  writeFileSync(entry, MODULES.map((m) => `export * from ${JSON.stringify(join(src, m))};`).join("\n"));
  const outfile = join(folder, "page.mjs");
  await build({ entryPoints: [entry], outfile, bundle: true, format: "esm", logLevel: "error" });
  return import(pathToFileURL(outfile).href);
}

function text({ visible, short, exact, digits3, splitFunc, tailFunc, onAxis, axisFor, niceStep, int }) {
  checks.equal("NUL and control characters are shown", visible("a\0b\nc\x7f"), "a\u2400b\u240ac\u2421");
  checks.equal("a bidi override is shown as its code", visible("x\u202ey"), "x\u27e8202E\u27e9y");
  checks.equal("markup is left as text", visible("<script>"), "<script>");
  for (const [ns, wanted] of [[0, "0 ns"], [999, "999 ns"], [1000, "1.00 µs"], [999_600, "1.00 ms"], [1_063_000, "1.06 ms"], [94_000_000_000, "94.0 s"], [1_640_000_000_000, "1,640 s"]])
    checks.equal(`short(${ns})`, short(ns), wanted);
  checks.equal("exact keeps what details need", exact(1_063_456), "1.063 ms");
  checks.equal("three digits", digits3(12.345), "12.3");
  checks.equal("thousands", int(1234567), "1,234,567");
  checks.equal("a function splits at its package", splitFunc("net/http.(*conn).serve").join("|"), "net/http.|(*conn).serve");
  checks.equal("a dot in the path is not the package's", tailFunc("example.com/x/y.F").join("|"), "y.|F");
  const axis = axisFor(2e5, 1.4551e9);
  checks.equal("an axis has one unit", `${onAxis(1.4494e9, axis)} ${onAxis(1.4496e9, axis)}`, "1,449.4 ms 1,449.6 ms");
  for (const perPx of [0.01, 1, 37, 1e6]) checks.check(`steps at ${perPx} ns a pixel stand apart`, niceStep(perPx, 96) / perPx >= 96);
}

function link({ formatLink, parseLink }) {
  const all = { trace: "a b&c=d.trace", from: 12, to: 345678, lane: "G17", at: 99, open: [3, 5], closed: ["processors"], sections: ["threads"],
    scroll: 40, tab: "sql", by: "function", sort: "+count", order: "running", theme: "dark", sql: "SELECT 'a&b=#'\nFROM waits" };
  const back = parseLink(`#${formatLink(all)}`);
  for (const [k, v] of Object.entries(all)) checks.equal(`${k} comes back`, JSON.stringify(back[k]), JSON.stringify(v));
  const bad = parseLink("#view=9,3&select=X1@2&theme=pink&open=a,2&y=-4&order=up");
  checks.equal("broken values are dropped one by one", JSON.stringify([bad.from, bad.lane, bad.theme, bad.open, bad.scroll, bad.order]), "[null,null,null,[2],null,null]");
}

function viewport({ Viewport }) {
  const v = new Viewport();
  v.moveMs = 0;
  v.reset(1e9);
  v.zoom(0.1, 2e8);
  const at = (2e8 - v.goal.from) / (v.goal.to - v.goal.from);
  checks.check("the moment under the pointer stays", Math.abs(at - 0.2) < 1e-9, at);
  v.pan(-1e12);
  checks.equal("the window stays in the trace", v.goal.from, 0);
  checks.check("panning keeps the width", Math.abs(v.goal.to - 1e8) < 1, v.goal.to);
  v.zoom(1e-30, 5e7);
  checks.check("there is a closest zoom", v.goal.to - v.goal.from >= 199.999, v.goal.to - v.goal.from);
  v.zoom(1e30, 5e7);
  checks.equal("and a widest", JSON.stringify(v.goal), JSON.stringify({ from: 0, to: 1e9 }));
  v.set(1e8, 2e8);
  v.undo();
  checks.check("undo goes back", v.whole, JSON.stringify(v.goal));
  v.redo();
  checks.equal("redo goes forth", JSON.stringify(v.goal), JSON.stringify({ from: 1e8, to: 2e8 }));
  v.everything();
  v.grow(3e9);
  checks.equal("who looks at everything keeps looking at everything", v.goal.to, 3e9);
  v.set(0, 1e9);
  v.grow(4e9);
  checks.equal("who looks at a part keeps the part", v.goal.to, 1e9);
}

/** One record as server/PROTOCOL.md lays it out: solids within the tile, runs, rows of codes. */
function message({ level, shift, index, longs, solids, runs, rows }) {
  const codes = rows.flatMap((r) => r.codes);
  const bytes = Math.ceil((48 + longs.length * 30 + solids.length * 16 + runs.length * 10 + rows.length * 10 + codes.length) / 8) * 8;
  const b = new DataView(new ArrayBuffer(8 + bytes));
  let o = 0;
  const put = { f64: (n) => b.setFloat64((o += 8) - 8, n, true), f32: (n) => b.setFloat32((o += 4) - 4, n, true), u32: (n) => b.setUint32((o += 4) - 4, n, true), u16: (n) => b.setUint16((o += 2) - 2, n, true), u8: (n) => b.setUint8(o++, n) };
  for (const n of [7, 1, 0]) put.u32(n);
  for (const n of [level, shift]) put.u16(n);
  put.f64(index);
  for (const n of [longs.length, solids.length, runs.length, rows.length, codes.length, 1, bytes, 0]) put.u32(n);
  const column = (type, list, of) => list.forEach((x) => put[type](of(x)));
  const edge = index * 1024 * 2 ** level;
  for (const k of ["start", "dur", "who"]) column("f64", longs, (s) => s[k]);
  column("u32", longs, (s) => s.group);
  column("u32", solids, (s) => s.start - edge);
  column("u32", solids, (s) => s.dur);
  column("u32", solids, (s) => s.who + 1);
  column("f32", runs, (r) => r.cover);
  column("f32", rows, (r) => r.scale);
  column("u16", longs, (s) => s.tag);
  column("u16", solids, (s) => s.tag);
  column("u16", solids, (s) => s.group);
  for (const k of ["tag", "bucket", "n"]) column("u16", runs, (r) => r[k]);
  column("u16", rows, (r) => r.tag);
  column("u16", rows, (r) => r.bucket);
  column("u16", rows, (r) => r.codes.length);
  column("u8", codes, (c) => c);
  return b.buffer;
}

const sum = (c, cls) => c.data.subarray(c.at(cls), c.at(cls) + c.width).reduce((a, v) => a + v, 0);

function tiles({ readTiles, levelFor, Columns, Scale }) {
  const solids = [{ start: 33000, dur: 5000, who: 17, group: 3, tag: 1 }];
  const longs = [{ start: 20, dur: 32900, who: -1, group: 2, tag: 0 }, { start: 40000, dur: 90000, who: 5, group: 1, tag: 1 }];
  const runs = [{ tag: 1, bucket: 40, n: 100, cover: 3 }, { tag: 0, bucket: 500, n: 1, cover: 0.5 }];
  const rows = [{ tag: 0, bucket: 7, scale: 0.75, codes: [255, 0, 100, 1] }, { tag: 1, bucket: 200, scale: 2, codes: Array.from({ length: 300 }, (_, i) => i % 256) }];
  const sent = { level: 4, shift: 1, index: 2, longs, solids, runs, rows };
  const { id, records } = readTiles(message(sent));
  const { tile } = records[0];
  checks.equal("the request's id", id, 7);
  for (const [i, s] of [longs[0], solids[0], longs[1]].entries()) checks.equal(`solid ${i}`, [tile.start[i], tile.dur[i], tile.who[i], tile.group[i], tile.tag[i]].join(), [s.start, s.dur, s.who, s.group, s.tag].join());
  for (const [perPx, level] of [[0.3, 0], [1, 0], [1.99, 0], [2, 1], [65536, 16], [1e6, 19]]) checks.equal(`level at ${perPx} ns a pixel`, levelFor(perPx), level);

  // Nothing vanishes: what the columns hold is what the parts held, at every zoom and cut.
  const base = 2 * 1024 * 16;
  const seg = { tile, from: base, to: base + 1024 * 16 };
  const classOf = new Uint8Array([0, 4]);
  const covers = [0, 0];
  for (const r of runs) covers[r.tag] += r.n * r.cover;
  for (const r of rows) for (const c of r.codes) covers[r.tag] += r.scale * (c / 255) ** 2;
  for (const width of [3, 100, 700, 1024, 5000]) {
    const s = new Scale(base, base + 1024 * 16, width);
    const c = new Columns();
    c.reset(width);
    c.addParts(seg, s, classOf);
    for (const tag of [0, 1]) {
      const got = sum(c, classOf[tag]) * s.nsPerPx;
      const want = covers[tag] * 32;
      checks.check(`${width} columns hold all parts of tag ${tag}`, Math.abs(got - want) < want * 1e-4, `${got} of ${want} ns`);
    }
  }
  const half = new Scale(base + 200 * 32, base + 350 * 32, 400);
  const c = new Columns();
  c.reset(400);
  c.addParts({ tile, from: base, to: base + 1024 * 16 }, half, classOf);
  const want = rows[1].codes.slice(0, 150).reduce((a, v) => a + 2 * (v / 255) ** 2, 0) * 32;
  const got = (sum(c, classOf[0]) + sum(c, classOf[1])) * half.nsPerPx;
  checks.check("a part of a row is that part", Math.abs(got - want) < want * 1e-4, `${got} of ${want} ns`);
}

function cache({ Lru }) {
  const l = new Lru(100);
  for (let i = 0; i < 20; i++) {
    l.set(`k${i}`, i, 10);
    l.get("k0");
  }
  checks.check("the cache keeps to its limit", l.bytes <= 100, l.bytes);
  checks.equal("what is used stays", l.get("k0"), 0);
  checks.equal("what is old goes", l.get("k5"), undefined);
}

function phases({ sortPhases, stopName }) {
  const rows = ["stop-the-world (GC mark termination)", "GC concurrent mark phase", "stop-the-world (read mem stats)"].map((name, i) => ({ name, start: i, dur: 1, scope: "none" }));
  const p = sortPhases(rows);
  checks.equal("pauses and marks are told apart", `${p.stops.length} ${p.marks.length}`, "2 1");
  checks.equal("a pause is named by what it is for", stopName(rows[0].name), "mark termination");
}

function asking({ parseAsk, parseNs, hasConditions, shapeOf }) {
  const all = parseAsk('state:ready reason:"chan receive" >5ms <1s G17 p:2 slow "two words"');
  checks.equal("every condition", JSON.stringify([all.state, all.reason, all.min, all.max, all.lanes, all.words]), JSON.stringify(["runnable", "chan receive", 5e6, 1e9, ["G17", "P2"], "slow two words"]));
  for (const [text, ns] of [["5ms", 5e6], ["1.5us", 1500], ["2µs", 2000], ["3 s", 3e9], ["17", 17], ["x", null], ["5 ms more", null], ["-1ms", null]]) checks.equal(`parseNs(${text})`, parseNs(text), ns);
  for (const wrong of [">fast", "state:asleep", "g:x", "min:1h"]) checks.equal(`${wrong} is not understood`, parseAsk(wrong).wrong, wrong);
  checks.equal("a condition that is being typed is none yet", hasConditions(parseAsk("reason:")), false);
  checks.equal("a lane's name in lower case", parseAsk("g17").lanes[0], "G17");
  const answer = (columns, rows) => ({ columns, rows, truncated: false, ms: 0 });
  const kind = (columns, rows) => shapeOf(answer(columns, rows))?.kind ?? "none";
  checks.equal("ascending numbers make lines", kind(["ms", "n"], [[0, 3], [10, 1], [20, 5]]), "line");
  checks.equal("names make bars", kind(["reason", "n"], [["sync", 3], ["net", 1]]), "bars");
  checks.equal("goroutines are names, not numbers", kind(["g", "n"], [[1, 3], [2, 1]]), "bars");
  checks.equal("texts alone make nothing", kind(["a", "b"], [["x", "y"], ["z", "w"]]), "none");
  checks.equal("one row makes nothing", kind(["ms", "n"], [[0, 3]]), "none");
}

function editors({ isPattern, linkTo, editor }) {
  for (const bad of ["javascript:alert(1)//{file}", "javascript://x/{file}", "data://{file}", "vscode://file", "file:///{file}", "two words://{file}", "{file}"]) checks.equal(`${bad} is no editor`, isPattern(bad), false);
  checks.equal("an editor's link", isPattern("vscode://file/{file}:{line}"), true);
  const frame = { func: "main.f", file: '/a b/"x".go', line: 7, library: false };
  checks.equal("without an editor there is no link", linkTo(frame), "");
  editor.set("vscode://file/{file}:{line}");
  checks.equal("a path is quoted", linkTo(frame), "vscode://file//a%20b/%22x%22.go:7");
  checks.equal("a trimmed path names no file", linkTo({ ...frame, file: "./main.go" }), "");
}

try {
  const page = await load();
  for (const part of [text, link, viewport, tiles, cache, phases, asking, editors]) part(page);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
checks.end();
