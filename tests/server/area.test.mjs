// tests/server/area.test.mjs - figures of areas and the slices that match are what SQL says of the same slices: random
// windows, lanes and conditions, every key, exact to the nanosecond.  PARKVIEW_SEED repeats a run.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { Checks, parkview, quick, root } from "../lib/project.mjs";
import { Socket, serve } from "./serve.mjs";

const checks = new Checks();
const file = join(root, "samples/lock-convoy.trace");
const server = await serve([file]);
const socket = await Socket.open(server);
const ready = async () => (await socket.ask("traces")).ok.traces[0]?.state === "ready";
while (!(await ready())) await new Promise((r) => setTimeout(r, 20));
const info = (await socket.ask("info", { trace: 0 })).ok;

let seed = Number(process.env.PARKVIEW_SEED ?? Date.now() % 1e9);
const first = seed;
const below = (n) => ((seed = (seed * 48271) % 2147483647), seed % n);
const pick = (all) => all[below(all.length)];
const sql = (text) => JSON.parse(execFileSync(parkview, ["query", "--format", "json", "--limit", "0", file, text], { maxBuffer: 1 << 28 }));
const literal = (s) => `'${s.replaceAll("'", "''")}'`;

const COLUMN = { reason: "reason", refined: "refined", function: "user_function", stack: "stack", goroutine: "g", start: "start_function", state: "state" };
const lanesOf = [
  () => [{}, "1"],
  () => {
    const gs = Array.from({ length: 3 }, () => 1 + below(200));
    return [{ lanes: gs.map((g) => `G${g}`) }, `g IN (${gs})`];
  },
  () => {
    const p = pick(info.procs);
    return [{ lanes: [`P${p}`] }, `p = ${p}`];
  },
  () => {
    const group = below(info.groups.length);
    return [{ lanes: [`F${group}`] }, `start_function IS ${info.groups[group].func ? literal(info.groups[group].func) : "NULL"}`];
  },
];
const others = [
  () => [{}, "1"],
  () => {
    const ns = 10 ** (3 + below(5));
    return pick([
      [{ min: ns }, `duration_ns >= ${ns}`],
      [{ max: ns }, `duration_ns <= ${ns}`],
    ]);
  },
  () => {
    const part = pick(["SYNC", "net", "select", "time.Sleep", "lock"]);
    return [{ reason: part }, `(reason LIKE '%${part}%' OR refined LIKE '%${part}%')`];
  },
  () => {
    const part = pick(["main.", "ServeHTTP", "persistConn", "gcbgmarkworker"]);
    return [
      { func: part },
      `(start_function LIKE '%${part}%' OR stack IN (SELECT stack FROM frames WHERE function LIKE '%${part}%'))`,
    ];
  },
];

function randomArea() {
  const a = below(info.duration);
  const to = a + 1 + below(Math.max(1, info.duration - a));
  const [lanes, onLanes] = pick(lanesOf)();
  const [other, fits] = pick(others)();
  const state = pick(["waiting", "runnable", "running", "syscall"]);
  const area = { trace: 0, from: a, to, state, ...lanes, ...other };
  const where = `state = '${state}' AND start_ns < ${to} AND end_ns > ${a} AND reason IS NOT 'forever' AND ${onLanes} AND ${fits}`;
  return { area, where };
}

const nearest = (sorted, p) => sorted[Math.max(0, Math.ceil((sorted.length * p) / 1000) - 1)];

for (let round = 0; round < (quick ? 12 : 40); round++) {
  const { area, where } = randomArea();
  const by = pick(Object.keys(COLUMN));
  const name = `seed ${first} round ${round}: ${by} of ${JSON.stringify(area)}`;
  const slices = sql(`SELECT ${COLUMN[by]} AS key, start_ns, duration_ns, end_ns, g FROM slices WHERE ${where}`);
  const rows = new Map();
  for (const s of slices) {
    const key = by === "goroutine" ? s.g : (s.key ?? "");
    const r = rows.get(key) ?? { lengths: [], total: 0 };
    r.lengths.push(s.duration_ns);
    r.total += Math.min(s.end_ns, area.to) - Math.max(s.start_ns, area.from);
    rows.set(key, r);
  }
  const got = (await socket.ask("area", { ...area, by })).ok;
  checks.equal(`${name}: count`, got.count, slices.length);
  if (by !== "reason" && by !== "refined") checks.equal(`${name}: rows`, got.rows.length, rows.size);
  for (const r of got.rows) {
    if ((by === "reason" || by === "refined") && area.state !== "waiting") continue; // SQL names no reason there
    const key = { goroutine: r.g, stack: r.stack || "", function: r.func }[by] ?? r.key;
    const want = rows.get(key);
    if (!checks.check(`${name}: ${key} is known`, want !== undefined)) continue;
    const sorted = want.lengths.sort((a, b) => a - b);
    const mean = Math.floor(sorted.reduce((a, n) => a + n, 0) / sorted.length);
    const expected = [sorted.length, want.total, mean, nearest(sorted, 500), nearest(sorted, 990), nearest(sorted, 999), sorted.at(-1)];
    checks.equal(`${name}: ${key}`, [r.count, r.total, r.mean, r.p50, r.p99, r.p999, r.max].join(), expected.join());
    checks.equal(`${name}: ${key}: all of it in one state`, r.state_ns[area.state], want.total);
    checks.equal(`${name}: ${key}: histogram`, r.hist.reduce((a, n) => a + n, 0), sorted.length);
    const worst = slices.find((s) => s.g === r.g && s.start_ns === r.at);
    checks.equal(`${name}: ${key}: the longest is one of them`, worst?.duration_ns, r.max);
  }
  const order = pick(["time", "longest"]);
  const found = (await socket.ask("find", { ...area, order, limit: 20, marks: 100 })).ok;
  const sorted = slices.sort((a, b) => (order === "longest" && b.duration_ns - a.duration_ns) || a.start_ns - b.start_ns || a.g - b.g);
  const line = (g, start, dur) => `${g} ${start} ${dur}`;
  checks.equal(`${name}: found`, found.rows.map((m) => line(m.g, m.start, m.dur)).join(), sorted.slice(0, 20).map((s) => line(s.g, s.start_ns, s.duration_ns)).join());
  checks.equal(`${name}: found in all`, found.count, slices.length);
  checks.equal(`${name}: marks where there are matches`, found.marks.some((n) => n > 0), slices.length > 0);
}

const whole = { trace: 0, from: 0, to: info.duration };
const wrong = async (fields) => (await socket.ask("area", { ...whole, by: "state", ...fields })).error?.code;
checks.equal("a lane that is none is refused", await wrong({ lanes: ["X1"] }), "bad argument");
checks.equal("so is a state", await wrong({ state: "asleep" }), "bad argument");
checks.equal("so is a negative length", await wrong({ min: -1 }), "bad argument");
checks.equal("so are too many lanes", await wrong({ lanes: Array.from({ length: 1025 }, () => "G1") }), "limit reached");
checks.equal("and no list of matches is an empty one", (await socket.ask("find", { ...whole, order: "time", limit: 0, marks: 0 })).ok.rows.length, 0);

await server.stop();
checks.end();
