// tests/server/sets.test.mjs - goroutines by creator, task and label over the websocket: who is in which set, and what a set's
// lane says, against SQL and against its members' own lanes.
import { Checks, corpus, root, run, skip } from "../lib/project.mjs";
import { join } from "node:path";
import { Socket, serve } from "./serve.mjs";
import { readTiles } from "./tiles.mjs";

const named = ["go1.26-tasks.trace", "go1.26-testprog-annotations-stress.trace", "go1.26-http-p4.trace", "go1.19-tasks.trace", "go1.26-tasks.damaged-hole.trace"]
  .map((wanted) => corpus().find(({ name }) => name === wanted))
  .filter(Boolean);
if (named.length === 0) skip("no trace with tasks in the corpus");
const traces = [...named, { path: join(root, "samples/slow-downstream.trace"), name: "slow-downstream" }];
const checks = new Checks();
const BUCKETS = 1024;
const LANES = 64; // a request

function sql(file, question) {
  const got = run(["query", file, question, "--format", "json", "--limit", "0"]);
  if (got.status > 1) throw new Error(`${question}: ${got.stderr}`);
  return JSON.parse(got.stdout);
}

const TASKS = `SELECT DISTINCT x.type AS name, x.g FROM (SELECT type, g FROM tasks WHERE g IS NOT NULL UNION
  SELECT t.type, r.g FROM regions AS r JOIN tasks AS t ON t.id = r.task_id WHERE r.task_id <> 0) AS x JOIN goroutines AS o ON o.g = x.g`;
const LABELS = "SELECT DISTINCT l.label AS name, l.g FROM labels AS l JOIN goroutines AS o ON o.g = l.g";
const CREATED = "SELECT CASE WHEN c.g IS NULL THEN '(none)' ELSE coalesce(c.start_function, '') END AS name, o.g, coalesce(o.start_function, '') AS func FROM goroutines AS o LEFT JOIN goroutines AS c ON c.g = o.parent_g";

/** goroutines by the name of their set */
function byName(rows) {
  const sets = new Map();
  for (const { name, g } of rows) sets.set(name, [...(sets.get(name) ?? []), g]);
  return sets;
}

/** ns of a lane in the tiles, by tag */
function sums(records, lane) {
  const ns = new Map();
  for (const r of records) {
    if (r.lane !== lane) continue;
    const from = r.index * BUCKETS * 2 ** r.level;
    const to = from + BUCKETS * 2 ** r.level;
    const add = (tag, n) => ns.set(tag, (ns.get(tag) ?? 0) + n);
    for (const p of r.parts) add(p.tag, p.n * p.cover * 2 ** (r.level + r.shift));
    r.solidStart.forEach((start, i) => add(r.solidTag[i], Math.max(0, Math.min(to, start + r.solidDur[i]) - Math.max(from, start))));
  }
  return ns;
}

/** Codes are rounded: true to about a hundredth of the highest bucket. */
const near = (a, b, most) => Math.abs(a - b) <= 0.01 * Math.max(a, b) + 0.005 * most;

async function pictures(c, set, gs) {
  for (const level of [8, 12, 15, 16, 17, 20, 23, 26]) {
    const last = Math.floor((c.info.duration - 1) / (BUCKETS * 2 ** level));
    const from = Math.floor(last / 2);
    const tiles = { level, from, to: Math.min(last, from + 1) + 1 };
    const own = sums(readTiles(await c.binary("tiles", { ...tiles, lanes: [set.lane] })).records, 0);
    const all = new Map();
    for (let i = 0; i < gs.length; i += LANES) {
      const some = gs.slice(i, i + LANES).map((g) => `G${g}`);
      // Few at a time: none comes coarse, and solids are whole.
      for (let k = 0; k < some.length; k += 4) {
        const { records } = readTiles(await c.binary("tiles", { ...tiles, lanes: some.slice(k, k + 4) }));
        for (let l = 0; l < 4; l++) for (const [tag, ns] of sums(records, l)) all.set(tag, (all.get(tag) ?? 0) + ns);
      }
    }
    const most = Math.max(0, ...all.values());
    const wrong = [...new Set([...own.keys(), ...all.keys()])].filter((t) => !near(own.get(t) ?? 0, all.get(t) ?? 0, most));
    checks.equal(`${c.name}: ${set.lane} ${set.name} at level ${level} is the sum of its ${gs.length}`, wrong.map((t) => `${t}: ${own.get(t)} ${all.get(t)}`).join(), "");
  }
}

/** The whole trace in one tile: to SQL's figures. */
async function against(c, set, question, what) {
  const level = Math.ceil(Math.log2(c.info.duration / BUCKETS));
  const own = sums(readTiles(await c.binary("tiles", { level, from: 0, to: 1, lanes: [set.lane] })).records, 0);
  const got = {};
  for (const [tag, ns] of own) got[c.info.tags[tag].state] = (got[c.info.tags[tag].state] ?? 0) + ns;
  const wanted = Object.fromEntries(sql(c.path, `SELECT state, sum(duration_ns) AS ns FROM slices WHERE g IN (${question}) GROUP BY state`).map((r) => [r.state, r.ns]));
  const most = Math.max(0, ...Object.values(wanted));
  checks.check(`${c.name}: ${what} by state over the whole trace`, Object.entries(wanted).every(([state, ns]) => near(got[state] ?? 0, ns, most)), `${JSON.stringify(got)} ${JSON.stringify(wanted)}`);
  const to = Math.floor(c.info.duration * 0.7);
  const from = Math.floor(c.info.duration * 0.2);
  const [figures] = sql(c.path, `SELECT count(*) AS n, coalesce(sum(min(end_ns, ${to}) - max(start_ns, ${from})), 0) AS ns FROM slices
    WHERE g IN (${question}) AND state = 'running' AND start_ns < ${to} AND end_ns > ${from}`);
  for (const where of [{ lanes: [set.lane] }, { set: set.lane }]) {
    const { ok } = await c.ask("area", { from, to, state: "running", by: "state", ...where });
    checks.equal(`${c.name}: ${what}: figures of ${Object.keys(where)}`, `${ok?.count} ${ok?.total}`, `${figures.n} ${figures.ns}`);
  }
}

async function namedSets(c, by, question) {
  const wanted = byName(sql(c.path, question));
  const { ok } = await c.ask("sets", { by });
  checks.equal(`${c.name}: sets by ${by}`, ok.rows.map((r) => r.name).sort().join(), [...wanted.keys()].sort().join());
  checks.check(`${c.name}: the largest first`, ok.rows.every((r, i) => i === 0 || ok.rows[i - 1].n >= r.n));
  checks.equal(`${c.name}: by ${by}: who is in any`, ok.covered.reduce((n, [, k]) => n + k, 0), new Set([...wanted.values()].flat()).size);
  for (const row of ok.rows.slice(0, 3)) {
    const gs = wanted.get(row.name) ?? [];
    checks.equal(`${c.name}: ${by} ${row.name}: so many`, row.n, gs.length);
    checks.equal(`${c.name}: ${by} ${row.name}: by group, too`, row.parts.reduce((n, [, k]) => n + k, 0), gs.length);
    const { ok: members } = await c.ask("members", { set: row.lane, from: 0, to: c.info.duration + 1, order: "id", limit: 2000 });
    checks.equal(`${c.name}: ${by} ${row.name}: and these`, members.rows.map((m) => m.g).join(), [...gs].sort((a, b) => a - b).slice(0, 2000).join());
    checks.check(`${c.name}: ${by} ${row.name}: a goroutine's sets`, (await c.ask("sets_of", { by, g: gs[0] })).ok.rows.some((r) => r.lane === row.lane));
    if (gs.length <= 200) await pictures(c, row, gs);
    const quoted = row.name.replaceAll("'", "''");
    await against(c, row, `SELECT g FROM (${question}) WHERE name = '${quoted}'`, `${by} ${row.name}`);
  }
  checks.equal(`${c.name}: whom there is not is in none`, (await c.ask("sets_of", { by, g: 999999999 })).ok.rows.length, 0);
}

async function creators(c) {
  const { rows } = (await c.ask("sets", { by: "creator" })).ok;
  const funcOf = (group) => (group === null ? "(none)" : c.info.groups[group].func);
  const user = new Set(c.info.groups.filter((g) => g.kind === "user").map((g) => g.func));
  const made = sql(c.path, CREATED).filter((r) => user.has(r.func));
  const heads = rows.filter((r) => r.group === null);
  checks.equal(`${c.name}: every goroutine has its creator, or none`, heads.reduce((n, r) => n + r.n, 0), made.length);
  for (const head of heads.slice(0, 6)) {
    const own = made.filter((r) => r.name === funcOf(head.creator));
    checks.equal(`${c.name}: so many by ${funcOf(head.creator)}`, head.n, own.length);
    const parts = rows.filter((r) => r.creator === head.creator && r.group !== null);
    for (const p of parts) {
      const gs = own.filter((r) => r.func === funcOf(p.group)).map((r) => r.g);
      checks.equal(`${c.name}: ${funcOf(p.group)} by ${funcOf(p.creator)}`, p.n, gs.length);
      checks.equal(`${c.name}: ${funcOf(p.group)}: its group's lane where one made them all`, p.lane === `F${p.group}`, c.info.groups[p.group].n === gs.length);
      if (p.lane.startsWith("S") && gs.length <= 200) await pictures(c, p, gs);
    }
    await against(c, head, `SELECT g FROM (${CREATED}) WHERE name = '${funcOf(head.creator)}' AND func IN (${[...user].map((f) => `'${f}'`)})`, `all by ${funcOf(head.creator)}`);
  }
}

for (const { path, name } of traces) {
  const server = await serve([path]);
  const socket = await Socket.open(server);
  const ask = (op, fields) => socket.ask(op, { trace: 0, ...fields });
  const binary = async (op, fields) => (await ask(op, fields)).binary;
  let info;
  for (let i = 0; i < 600 && !info?.complete; i++) {
    info = (await ask("info", {})).ok;
    if (!info?.complete) await new Promise((r) => setTimeout(r, 25));
  }
  const c = { ask, binary, info, path, name };
  await namedSets(c, "task", TASKS);
  await namedSets(c, "label", LABELS);
  await creators(c);
  await socket.close();
  await server.stop();
}
checks.end();
