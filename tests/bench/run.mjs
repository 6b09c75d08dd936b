// tests/bench/run.mjs - all of it against its targets, and reading against Go's own reader, in one run.
//   tests/bench/run [PART…] [--runs N] [--json FILE]      parts: read import dump store sql serve runtime tracer page; none = all but page
// Prints a table and what it could not measure and why; never passes or fails on time.  What it needs and what the
// figures mean: README.md beside it.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, openSync, closeSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { build, parkview, shared } from "../lib/project.mjs";
import { runtime } from "./runtime.mjs";
import { tracer } from "./tracer.mjs";

const MS = 1000;
const args = process.argv.slice(2);
const option = (name, otherwise) => {
  const i = args.indexOf(name);
  return i < 0 ? otherwise : args.splice(i, 2)[1];
};
const RUNS = Number(option("--runs", "5"));
const jsonFile = option("--json", "");
const parts = new Set(args);
const wanted = (part) => (parts.size === 0 ? part !== "page" : parts.has(part)); // page takes half an hour

const scratch = mkdtempSync(join(process.env.PARKVIEW_BENCH_SCRATCH ?? tmpdir(), "parkview-bench-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
process.on("SIGINT", () => process.exit(130));

const rows = [];
const missing = [];
const note = (text) => {
  if (!missing.includes(text)) missing.push(text);
};
function row(what, on, got, target, ok) {
  rows.push({ what, on, got, target, ok });
  process.stderr.write(`${what} · ${on}: ${got}\n`);
}

// ---- what there is

const oracleFolder = process.env.PARKVIEW_ORACLE ?? join(shared, "tools/oracle/bin");
const tool = (name) => [join(oracleFolder, name)].find((path) => existsSync(path));
const goreader = tool("goreader");
const gotooltrace = tool("gotooltrace");
const bench = (name) => join(build, "bench", name);
const built = spawnSync("cmake", ["--build", build, "--target", "benches"], { encoding: "utf8" });
if (built.status !== 0) {
  process.stderr.write(`the benchmarks could not be built:\n${built.stdout ?? built.error}`);
  process.exit(1);
}
const folder = process.env.PARKVIEW_BENCH_TRACES ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "parkview-bench");

/** NAME is KIND-VERSION-MEGABYTES; made by that Go where it is not there yet. */
function trace(name) {
  const path = join(folder, `${name}.trace`);
  if (existsSync(path)) return path;
  const [kind, version, megabytes] = name.split("-");
  const go = [process.env[`PARKVIEW_GO_${version.replace(".", "_")}`], `/usr/lib/go-${version}/bin/go`].find((p) => p && existsSync(p));
  const program = join(shared, "corpus/programs/gen");
  if (!go || !existsSync(program)) {
    note(`${name}: not in ${folder}, and ${go ? `no ${program}` : `no Go ${version} (PARKVIEW_GO_${version.replace(".", "_")})`} to make it`);
    return null;
  }
  mkdirSync(folder, { recursive: true });
  const exe = join(scratch, `gen-${version}`);
  const made = spawnSync(go, ["build", "-o", exe, "."], { cwd: program, encoding: "utf8" });
  const ran = made.status === 0 ? spawnSync(exe, [path, `${megabytes}000000`, ...(kind === "rich" ? ["rich"] : [])], { encoding: "utf8" }) : made;
  if (ran.status === 0 && existsSync(path)) return path;
  rmSync(path, { force: true });
  note(`${name}: could not be made: ${(ran.stderr || "").trim().split("\n").pop()}`);
  return null;
}

// ---- running

/** {wall, cpu (s), rss (MiB), out, status}; rss is the largest the process had. */
function timed(program, argv, { discard = false } = {}) {
  const log = join(scratch, "time");
  const nul = discard ? openSync("/dev/null", "w") : null;
  const got = spawnSync("/usr/bin/time", ["-q", "-o", log, "-f", "%e %U %S %M", program, ...argv], {
    encoding: "utf8",
    maxBuffer: 1 << 26,
    stdio: ["ignore", nul ?? "pipe", "pipe"],
  });
  if (nul !== null) closeSync(nul);
  if (got.error) throw got.error;
  const [wall, user, system, kib] = readFileSync(log, "utf8").trim().split("\n").pop().split(" ").map(Number);
  return { wall, cpu: user + system, rss: kib / 1024, out: got.stdout ?? "", err: got.stderr, status: got.status };
}

const keyed = (text) => Object.fromEntries([...text.matchAll(/([\w/]+)=([\d.]+)/g)].map(([, k, v]) => [k, Number(v)]));
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const number = (v, digits = 1) => (v >= 100 ? v.toFixed(0) : v.toFixed(digits));
const seconds = (v) => (v === 0 ? "< 10 ms" : v < 0.01 ? `${(v * MS).toFixed(2)} ms` : v < 1 ? `${(v * MS).toFixed(0)} ms` : `${v.toFixed(2)} s`);
const spread = (list, f = seconds) => `${f(median(list))} [${f(Math.min(...list))}–${f(Math.max(...list))}]`;

/** Turn and turn about, so that both sides see the same machine; lists of results by name. */
function turns(sides, runs = RUNS) {
  const got = Object.fromEntries(Object.keys(sides).map((name) => [name, []]));
  for (let i = 0; i < runs; i++) for (const [name, side] of Object.entries(sides)) got[name].push(side());
  return got;
}
const of = (list, field) => list.map((r) => r[field]);

// ---- the parts

const goReads = (path) => keyed(timed(goreader, [path]).out);
const weRead = (path, threads = []) =>
  keyed(spawnSync(bench("reader_bench"), [path, "1", ...threads], { encoding: "utf8" }).stdout);

function reading() {
  if (!goreader) return note(`reading beside Go's reader: no goreader in ${oracleFolder} (PARKVIEW_ORACLE)`);
  for (const [name, target] of [["mix-1.26-100", 5], ["rich-1.26-100", 5], ["mix-1.22-100", 5], ["rich-1.22-100", 5], ["rich-1.19-50", 10]]) {
    const path = trace(name);
    if (!path) continue;
    const v1 = name.includes("-1.19");
    const sides = { go: () => goReads(path), we: () => weRead(path) };
    if (v1) sides.both = () => weRead(path, ["threads"]);
    const got = turns(sides, v1 ? Math.min(RUNS, 3) : RUNS);
    const events = got.we[0].events;
    // One core: the processor's time of a single thread.  Go's reader is one goroutine, but its collector is beside it.
    const ratio = median(of(got.go, "cpu")) / median(of(got.we, "cpu"));
    const wall = median(of(got.go, "wall")) / median(of(got.we, "wall"));
    const ns = (median(of(got.we, "cpu")) * 1e9) / events;
    row(v1 ? "v1 read, one core" : "ordered read, one core", name,
      `${ratio.toFixed(1)}× (wall ${wall.toFixed(1)}×): ${number(ns)} ns an event; ${spread(of(got.we, "cpu"))}, Go ${spread(of(got.go, "cpu"))}`,
      v1 ? "≥ 10×" : "≥ 5×, ≤ 18 ns", ratio >= target && !v1 && ns > 18 ? "5× yes, 18 ns no" : ratio >= target);
    if (!v1) continue;
    // As import reads it: one thread orders, one converts.  Both sides' wall time.
    const both = median(of(got.go, "wall")) / median(of(got.both, "wall"));
    row("v1 read, both cores", name,
      `${both.toFixed(1)}×: ${spread(of(got.both, "wall"))}, Go ${spread(of(got.go, "wall"))}; CPU ${seconds(median(of(got.both, "cpu")))} and ${seconds(median(of(got.go, "cpu")))}`,
      "≥ 10×", both >= target);
  }
}

const stores = {};
function importTo(path, store) {
  const got = timed(parkview, ["import", path, "-o", store]);
  if (got.status !== 0) throw new Error(`import of ${path}: ${got.err}`);
  return got;
}
function storeOf(name) {
  const path = trace(name);
  if (!path) return null;
  if (!stores[name]) importTo(path, (stores[name] = join(scratch, `${name}.pvstore`)));
  return stores[name];
}

function importing() {
  const peaks = {};
  for (const name of ["mix-1.26-100", "rich-1.26-100", "mix-1.22-100", "rich-1.22-100", "rich-1.19-50", "mix-1.26-500"]) {
    const path = trace(name);
    if (!path) continue;
    const store = join(scratch, `${name}.pvstore`);
    const big = name.endsWith("500") || name.includes("1.19");
    const sides = { we: () => importTo(path, store) };
    if (goreader) sides.go = () => goReads(path);
    const got = turns(sides, big ? Math.min(RUNS, 2) : Math.min(RUNS, 3));
    stores[name] = store;
    peaks[name] = Math.max(...of(got.we, "rss"));
    const wall = median(of(got.we, "wall"));
    if (goreader) {
      const ratio = median(of(got.go, "wall")) / wall;
      row("complete import against Go merely reading", name,
        `${ratio.toFixed(2)}×; ${spread(of(got.we, "wall"))}, Go ${spread(of(got.go, "wall"))}; CPU ${seconds(median(of(got.we, "cpu")))} and ${seconds(median(of(got.go, "cpu")))}`,
        "≥ 2×", ratio >= 2);
    }
    if (name.endsWith("-100")) row("complete store of 100 MB, both cores", name, spread(of(got.we, "wall")), "≤ 2 s", wall <= 2);
    row("peak memory of import", name, `${number(peaks[name])} MiB`, "≤ 200 MB, the same for 100 and 500 MB", peaks[name] * 1.048576 <= 200);
    const share = statSync(store).size / statSync(path).size;
    row("size of the store", name, `${share.toFixed(2)}× the trace (${number(statSync(store).size / 1e6)} MB)`, "≤ 1.5×", share <= 1.5);
  }
}

function dumping() {
  for (const name of ["mix-1.26-100", "rich-1.26-100"]) {
    const path = trace(name);
    if (!path) continue;
    const sides = { we: () => timed(parkview, ["dump", path], { discard: true }) };
    if (gotooltrace) sides.go = () => timed(gotooltrace, ["-d=parsed", path], { discard: true });
    else note(`dump of ${name} beside Go: no gotooltrace in ${oracleFolder}`);
    const got = turns(sides, 1);
    const ratio = gotooltrace ? median(of(got.go, "cpu")) / median(of(got.we, "cpu")) : NaN;
    row("dump against go tool trace -d=parsed", name,
      `${gotooltrace ? `${ratio.toFixed(1)}×; ` : ""}CPU ${spread(of(got.we, "cpu"))}${gotooltrace ? `, Go ${spread(of(got.go, "cpu"))}` : ""}`, "≥ 10×", ratio >= 10);
  }
}

const figuresOf = (argv) => {
  const got = spawnSync(bench("store_bench"), argv, { encoding: "utf8", maxBuffer: 1 << 26 });
  if (got.status !== 0) throw new Error(got.stderr);
  return got.stdout.split("\n").filter(Boolean).map((line) => ({ line, ...keyed(line) }));
};

const repeated = (argv) => Array.from({ length: RUNS }, () => figuresOf(argv));
const millis = (list, field) => spread(of(list, field), (v) => `${v} ms`);

function store() {
  const big = trace("mix-1.26-500");
  if (big) {
    const drawn = Array.from({ length: RUNS }, () => figuresOf(["first", big, join(scratch, "first.pvstore")])[0]);
    row("first picture of a 500 MB trace", "mix-1.26-500", `${spread(of(drawn, "drawn_ms").map((v) => v / MS))}; CPU ${spread(of(drawn, "drawn_cpu_ms").map((v) => v / MS))}`,
      "≤ 0.5 s", median(of(drawn, "drawn_ms")) <= 500);
  }
  for (const name of ["mix-1.26-100", "rich-1.26-100", "mix-1.26-500"]) {
    const path = storeOf(name);
    if (!path) continue;
    const windows = repeated(["windows", path, "300"]);
    const [all, people] = [0, 1].map((i) => windows.map((lines) => lines[i]));
    for (const [got, lanes] of [[all, "all kinds of lane"], [people, "64 goroutines"]]) {
      const most = Math.max(...of(got, "bytes_max"));
      row(`window of 64 lanes × 1920 px, ${lanes}`, name, `CPU p50 ${millis(got, "ms_p50")}, p99 ${millis(got, "ms_p99")}`, "p50 ≤ 2 ms, p99 ≤ 10 ms",
        median(of(got, "ms_p50")) <= 2 && median(of(got, "ms_p99")) <= 10);
      row(`its answer, ${lanes}`, name, `p50 ${number(got[0].bytes_p50 / 1024)} KiB, p99 ${number(got[0].bytes_p99 / 1024)} KiB, at most ${number(most / 1024)}`, "≤ 256 KB", most <= 256 * 1024);
    }
    const waits = repeated(["waits", path, "300"]).flat();
    row("wait reasons of any window", name, `CPU p50 ${millis(waits, "ms_p50")}, max ${millis(waits, "ms_max")}`, "≤ 10 ms", median(of(waits, "ms_max")) <= 10);
    const h = repeated(["history", path, "300"]).flat();
    row(`one goroutine's history among ${h[0].goroutines}`, name, `CPU p50 ${millis(h, "ms_p50")}, p99 ${millis(h, "ms_p99")}, max ${millis(h, "ms_max")} (${h[0].bytes_max} slices)`,
      "≤ 5 ms among 100,000", median(of(h, "ms_max")) <= 5);
  }
}

const GROUP_BY = "SELECT reason, count(*), sum(duration_ns) FROM waits GROUP BY reason";
const READY = process.env.PARKVIEW_BENCH_READY ?? "SELECT * FROM wait_reasons";
function sql() {
  for (const name of ["mix-1.26-100", "rich-1.26-100"]) {
    const path = storeOf(name);
    if (!path) continue;
    for (const [what, text, target] of [["GROUP BY as written", GROUP_BY, 1], ["GROUP BY through the ready view", READY, 0.05]]) {
      const got = Array.from({ length: RUNS }, () => timed(parkview, ["query", path, text]));
      if (got[0].status !== 0) note(`${what}, ${name}: ${got[0].err.trim()}`);
      else row(what, name, `${spread(of(got, "wall"))}, CPU ${spread(of(got, "cpu"))} (the whole program)`, target < 1 ? "≤ 50 ms" : "≤ 1 s", median(of(got, "wall")) <= target);
    }
  }
}

async function serving() {
  const { serve, Socket } = await import("../server/serve.mjs");
  for (const name of ["mix-1.26-500", "rich-1.26-100"]) {
    const path = storeOf(name);
    if (!path) continue;
    const server = await serve([path]);
    const socket = await Socket.open(server);
    let info;
    for (let i = 0; i < 200 && !info?.complete; i++) info = (await socket.ask("info", { trace: 0 })).ok;
    const lanes = ["ALL", ...info.procs.map((p) => `P${p}`), ...info.groups.map((_, i) => `F${i}`), ...Array.from({ length: 48 }, (_, i) => `G${i + 1}`)].slice(0, 64);
    for (let i = 0; i < 60; i++) {
      const width = info.duration * (i % 3 ? 0.5 ** (i / 3) : 1);
      const from = (info.duration - width) * ((i * 37) % 60) / 60;
      const level = Math.max(0, Math.floor(Math.log2(Math.max(1, width / 1920))));
      const tile = 1024 * 2 ** level;
      await socket.ask("tiles", { trace: 0, level, from: Math.floor(from / tile), to: Math.floor((from + width) / tile) + 1, lanes });
      await socket.ask("waits", { trace: 0, from: Math.floor(from), to: Math.floor(from + width), by: "reason" });
    }
    await socket.ask("query", { trace: 0, sql: GROUP_BY, limit: 100 });
    const status = readFileSync(`/proc/${server.child.pid}/status`, "utf8");
    const kib = (key) => Number(new RegExp(`${key}:\\s+(\\d+)`).exec(status)?.[1] ?? NaN);
    row("memory while serving", name, `${number(kib("VmHWM") / 1024)} MiB at most, of it now ${number(kib("RssAnon") / 1024)} MiB its own and ${number(kib("RssFile") / 1024)} MiB of files`,
      "≤ 150 MB (a 500 MB trace)", kib("VmHWM") / 1024 <= 150 / 1.048576);
    await socket.close();
    await server.stop();
  }
}

const PAGE_MINUTES = Number(process.env.PARKVIEW_BENCH_MINUTES ?? 10);
async function page() {
  const { measurePage } = await import("./page_bench.mjs");
  for (const name of ["mix-1.26-500", "rich-1.26-100"]) {
    const path = trace(name);
    if (!path) continue;
    const m = await measurePage(path, { minutes: PAGE_MINUTES, log: (text) => process.stderr.write(`  ${text}\n`) });
    const ms = (v) => `${v.toFixed(1)} ms`;
    row("page: main thread a frame, panning and zooming", name, `CPU p50 ${ms(m.frame_p50)}, p95 ${ms(m.frame_p95)}, max ${ms(m.frame_max)} of ${m.frames} frames (wall p95 ${ms(m.frame_wall_p95)})`, "p95 ≤ 16.7 ms", m.frame_p95 <= 16.7);
    row("page: from a key to a sharp picture", name, `p50 ${ms(m.key_p50)}, p95 ${ms(m.key_p95)}`, "p95 ≤ 100 ms", m.key_p95 <= 100);
    row("page: transferred before the first picture", name, `${number(m.page_bytes / 1024)} KiB gzip`, "≤ 300 KB", m.page_bytes <= 300e3);
    const mb = (v) => (v / 1e6).toFixed(0);
    const thirds = [0, 1, 2].map((i) => m.memory.slice((i * m.memory.length) / 3, ((i + 1) * m.memory.length) / 3).map((s) => s.process));
    const middle = thirds.map(median);
    const worst = Math.max(...m.memory.map((s) => s.process));
    row(`page: memory of its process over ${PAGE_MINUTES} minutes of scrubbing`, name,
      `${mb(worst)} MB at most; ${middle.map(mb).join(", ")} MB in the three thirds (heap and buffers ${mb(m.memory.at(-1).heap)} MB at the end)`, "≤ 200 MB, not growing", worst <= 200e6 && middle[2] <= middle[1] * 1.05);
    for (const p of m.problems) note(`page on ${name}: ${p}`);
  }
}

// ---- all of it

if (!existsSync("/usr/bin/time")) {
  console.log("bench: /usr/bin/time is missing (apt install time); without it neither time nor memory is measured");
  process.exit(1);
}

const list = [["read", reading], ["import", importing], ["dump", dumping], ["store", store], ["sql", sql], ["serve", serving],
  ["runtime", () => runtime({ bench, row, note, turns, scratch })], ["tracer", () => tracer({ bench, row, turns })], ["page", page]];
const unknown = [...parts].filter((p) => !list.some(([name]) => name === p));
if (unknown.length) {
  console.log(`bench: there is no part ${unknown.join(", ")}; there are ${list.map(([name]) => name).join(", ")}`);
  process.exit(2);
}
const load = loadavg()[0];
for (const [name, part] of list) {
  if (!wanted(name)) continue;
  try {
    await part();
  } catch (error) {
    note(`${name}: ${error.message.trim()}`);
  }
}
const cells = rows.map((r) => [r.what, r.on, r.got, r.target, typeof r.ok === "string" ? r.ok : r.ok ? "yes" : "no"]);
console.log(`\n${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC, load ${load.toFixed(1)} before and ${loadavg()[0].toFixed(1)} after, ${RUNS} runs at most\n`);
console.log("| what | on | measured: median [least–most] | target | reached |\n|---|---|---|---|---|");
for (const c of cells) console.log(`| ${c.join(" | ")} |`);
if (missing.length) console.log(`\nNot measured:\n${missing.map((m) => `- ${m}`).join("\n")}`);
if (jsonFile) writeFileSync(jsonFile, JSON.stringify({ load, rows, missing }, null, 1));
