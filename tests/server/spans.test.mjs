// tests/server/spans.test.mjs - tasks, regions, notes of lanes and members over the websocket, against SQL.
import { Checks, corpus, run, skip } from "../lib/project.mjs";
import { Socket, serve } from "./serve.mjs";

const traces = ["go1.26-tasks.trace", "go1.23-tasks.trace", "go1.22-tasks.trace", "go1.26-testprog-annotations.trace", "go1.23-http-cpusamples.trace", "go1.26-testprog-annotations-stress.trace"]
  .map((wanted) => corpus().find(({ name }) => name === wanted))
  .filter(Boolean);
if (traces.length === 0) skip("no trace with tasks in the corpus");
const checks = new Checks();

function sql(file, question) {
  const got = run(["query", file, question, "--format", "json", "--limit", "0"]);
  if (got.status !== 0) throw new Error(`${question}: ${got.stderr}`);
  return JSON.parse(got.stdout);
}

async function types(ask, file, duration, name) {
  for (const [from, to] of [[0, duration], [Math.floor(duration / 3), Math.floor(duration / 2)]]) {
    const { rows } = (await ask("span_types", { from, to, wide_from: 0, wide_to: duration, px: 500 })).ok;
    const touch = (start, end) => `coalesce(${start}, 0) < ${to} AND coalesce(${end}, ${duration}) >= ${from}`;
    const wanted = sql(file, `SELECT 'task' AS kind, type, count(*) AS n FROM tasks WHERE ${touch("start_ns", "end_ns")} GROUP BY type
      UNION ALL SELECT 'region', type, count(*) FROM regions WHERE ${touch("start_ns", "end_ns")} GROUP BY type`);
    for (const w of wanted) {
      const row = rows.find((r) => r.region === (w.kind === "region") && r.name === w.type);
      checks.equal(`${name}: ${w.kind} ${w.type} in ${from}..${to}`, row?.count, w.n);
    }
    checks.equal(`${name}: no more types than there are`, rows.filter((r) => r.count > 0).length, wanted.length);
    for (const row of rows.slice(0, 4)) {
      // The mean over time, times the time, is all the time spent: within the roundings of 500 steps.
      const sum = row.points.reduce((total, [t, mean], i) => total + mean * ((row.points[i + 1]?.[0] ?? duration) - t), 0);
      const table = row.region ? "regions" : "tasks";
      const [{ ns }] = sql(file, `SELECT sum(coalesce(${row.region ? "end_ns" : "end_ns"}, ${duration}) - coalesce(start_ns, 0)) AS ns FROM ${table} WHERE type = '${row.name.replaceAll("'", "''")}'`);
      checks.check(`${name}: time of ${row.name}`, Math.abs(sum - ns) <= ns * 0.01 + duration / 100, `${sum} ${ns}`);
      const { all, rows: spans } = (await ask("spans", { region: row.region, type: row.id, from, to, limit: 5 })).ok;
      checks.equal(`${name}: as many of ${row.name}`, all, row.count);
      checks.equal(`${name}: the longest first`, spans[0]?.dur ?? 0, row.max);
      const next = (await ask("spans", { region: row.region, type: row.id, from, to, offset: 3, limit: 2 })).ok.rows;
      checks.equal(`${name}: a page begins at its offset`, JSON.stringify(next), JSON.stringify(spans.slice(3)));
    }
  }
}

async function notes(ask, file, duration, name) {
  const busiest = sql(file, "SELECT g FROM (SELECT g, count(*) AS n FROM logs WHERE g IS NOT NULL GROUP BY g UNION ALL SELECT g, count(*) FROM regions GROUP BY g) GROUP BY g ORDER BY sum(n) DESC LIMIT 6").map((r) => r.g);
  const lanes = [...busiest.map((g) => `G${g}`), "P0", "P1"];
  for (const limit of [20000, 20]) {
    const { rows } = (await ask("notes", { from: 0, to: duration, px: 8000, limit, lanes })).ok;
    for (const [i, g] of busiest.entries()) {
      const sum = (kind) => rows.filter((r) => r.lane === i && r.kind === kind).reduce((n, r) => n + r.n, 0);
      const [w] = sql(file, `SELECT (SELECT count(*) FROM logs WHERE g = ${g} AND time_ns < ${duration}) AS logs, (SELECT count(*) FROM regions WHERE g = ${g}) AS regions,
        (SELECT count(*) FROM samples WHERE g = ${g} AND time_ns < ${duration}) AS samples`);
      checks.equal(`${name}: logs of G${g}, at most ${limit}`, sum("log"), w.logs);
      checks.equal(`${name}: regions of G${g}, at most ${limit}`, sum("region"), w.regions);
      checks.equal(`${name}: CPU samples of G${g}, at most ${limit}`, sum("sample"), w.samples);
    }
    if (limit === 20) checks.check(`${name}: no more notes than asked for, or one a lane and kind`, rows.length <= Math.max(20, lanes.length * 5), rows.length);
  }
}

async function members(ask, info, file, name) {
  const largest = info.groups.map((g, i) => ({ ...g, i })).sort((a, b) => b.n - a.n)[0];
  const from = Math.floor(info.duration * 0.2);
  const to = Math.floor(info.duration * 0.7);
  const { rows } = (await ask("members", { group: largest.i, from, to, order: "running", limit: 30 })).ok;
  const ran = new Map(sql(file, `SELECT g, sum(min(end_ns, ${to}) - max(start_ns, ${from})) AS ns FROM slices WHERE state = 'running' AND start_ns < ${to} AND end_ns > ${from} GROUP BY g`).map((r) => [r.g, r.ns]));
  checks.equal(`${name}: what members ran in the window`, rows.map((r) => r.run_window).join(), rows.map((r) => ran.get(r.g) ?? 0).join());
  checks.check(`${name}: most first`, rows.every((r, i) => i === 0 || rows[i - 1].run_window >= r.run_window));
}

async function refuses(ask) {
  for (const [op, fields] of [
    ["span_types", { from: 5, to: 1 }],
    ["spans", { from: 0, to: 1 }],
    ["spans", { from: 0, to: 1, type: -3 }],
    ["notes", { from: 0, to: 10, lanes: "G1" }],
    ["notes", { from: 0, to: 10, lanes: ["X1"] }],
    ["notes", { from: 0, to: 10, lanes: ["G"] }],
    ["notes", { from: 0, to: 10, lanes: Array(300).fill("G1") }],
  ])
    checks.check(`${op} ${JSON.stringify(fields).slice(0, 40)} is refused in words`, (await ask(op, fields)).error?.text?.length > 5);
  checks.equal("an empty window has no notes", (await ask("notes", { from: 7, to: 7, lanes: ["G1"] })).ok?.rows.length, 0);
  checks.equal("an unknown type has no spans", (await ask("spans", { from: 0, to: 1e9, type: 4e9 })).ok?.all, 0);
}

for (const { path, name } of traces) {
  const server = await serve([path]);
  const socket = await Socket.open(server);
  const ask = (op, fields) => socket.ask(op, { trace: 0, ...fields });
  let info;
  for (let i = 0; i < 600 && !info?.complete; i++) {
    info = (await ask("info", {})).ok;
    if (!info?.complete) await new Promise((r) => setTimeout(r, 25));
  }
  await types(ask, path, info.duration, name);
  await notes(ask, path, info.duration, name);
  await members(ask, info, path, name);
  if (name === traces[0].name) await refuses(ask);
  await socket.close();
  await server.stop();
}
checks.end();
