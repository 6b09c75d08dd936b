// tests/runtime/samples.test.mjs - every C sample is run and recorded anew, and its recording tells its story: what the
// wait table must show, that no state chain has a gap, and that the recording beside the sample says the same.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Checks, build, root, run, shared, skip } from "../lib/project.mjs";

const checks = new Checks();
const folder = join(build, "samples");
const scratch = process.env.TMPDIR ?? tmpdir();
if (!existsSync(join(folder, "pipeline"))) skip(`the samples are not built in ${folder}`);

function query(ring, sql) {
  const { status, stdout, stderr } = run(["query", "--format", "json", "--limit", "0", ring, sql]);
  if (!checks.check(`query of ${ring}`, status === 0, stderr || stdout)) return [];
  return JSON.parse(stdout);
}
const one = (ring, sql) => Object.values(query(ring, sql)[0] ?? {})[0];

/** Each transition begins in the state in which the one before ended; from the dump, where nothing is mended. */
function chains(ring) {
  const { stdout } = run(["dump", ring]);
  const state = new Map();
  const broken = [];
  let n = 0;
  for (const [line, what, id, from, to] of stdout.matchAll(/^.* (go|proc)=(\d+) (\w+)->(\w+).*$/gm)) {
    const key = `${what}${id}`;
    const before = state.get(key) ?? "NotExist";
    if (before !== from && !(from === "Undetermined" && !state.has(key))) broken.push(`${before}, then ${line.trim()}`);
    state.set(key, to);
    n++;
  }
  return { n, broken };
}

/** Go's own validator over the recording in Go's format, where it is there. */
const validator = [join(process.env.PARKVIEW_ORACLE ?? join(shared, "tools/oracle/bin"), "validate")].find((f) => existsSync(f));
function judge(ring, what) {
  if (!validator) return;
  const trace = join(scratch, "judged.trace");
  const made = run(["export", "--format", "gotrace", ring, "-o", trace]);
  if (!checks.check(`${what}: exported`, made.status === 0, made.stderr)) return;
  const { stdout, stderr } = spawnSync(validator, [trace], { encoding: "utf8" });
  checks.check(`${what}: Go's validator has no complaint`, /complaints=0 ok/.test(stdout), stdout + stderr);
}

const waits = (ring, reason, more = "") => one(ring, `SELECT count(*) FROM waits WHERE reason = '${reason}' ${more}`);

const STORIES = {
  pipeline(ring, name) {
    const at = (reason, f) => one(ring, `SELECT coalesce(sum(duration_ns), 0) FROM waits WHERE reason = '${reason}' AND start_function = '${f}'`);
    checks.check(`${name}: parsers wait to send`, at("chan send", "parse") > 1e6);
    checks.check(`${name}: more than the storer waits to receive`, at("chan send", "parse") > at("chan receive", "store"));
    checks.check(`${name}: who wakes a parser is the storer or the reader`, one(ring, "SELECT count(*) FROM waits WHERE start_function = 'parse' AND waker_function NOT IN ('store', 'read_lines', 'parse')") === 0);
  },
  "mutex-contention"(ring, name) {
    checks.check(`${name}: waits for the lock`, waits(ring, "sync.Mutex.Lock") >= 10);
    checks.check(`${name}: some as long as the log`, one(ring, "SELECT max(duration_ns) FROM waits WHERE reason = 'sync.Mutex.Lock'") > 2e6);
    checks.check(`${name}: ended by another page's goroutine`, waits(ring, "sync.Mutex.Lock", "AND waker_function = 'serve_pages'") >= 10);
    checks.equal(`${name}: its family`, one(ring, "SELECT DISTINCT family FROM waits WHERE reason = 'sync.Mutex.Lock'"), "sync");
  },
  "goroutine-leak"(ring, name) {
    checks.check(`${name}: two of three never end`, waits(ring, "chan send", "AND open") >= 100);
    checks.equal(`${name}: all in one function`, one(ring, "SELECT group_concat(DISTINCT start_function) FROM waits WHERE open AND reason = 'chan send'"), "ask_replica");
  },
  "gc-pressure"(ring, name) {
    const ranges = query(ring, "SELECT name, count(*) AS n, max(duration_ns) AS longest FROM ranges GROUP BY name");
    const stop = ranges.find((r) => /stop|GC mark$|STW/i.test(r.name));
    checks.check(`${name}: the world was stopped`, stop && stop.n >= 3 && stop.longest > 1e5, JSON.stringify(ranges));
    checks.check(`${name}: tasks`, one(ring, "SELECT count(*) FROM tasks") >= 100);
  },
  "slow-syscall"(ring, name) {
    checks.check(`${name}: in system calls`, one(ring, "SELECT count(*) FROM slices WHERE state = 'syscall' AND duration_ns > 3e6") >= 50);
    checks.check(`${name}: others ran meanwhile`, one(ring, "SELECT sum(duration_ns) FROM slices WHERE state = 'running' AND start_function = 'compute'") > 10e6);
  },
  "flight-recorder"(ring, name) {
    checks.check(`${name}: the slow moment is in it`, one(ring, "SELECT max(duration_ns) FROM waits WHERE reason = 'sync.Mutex.Lock'") > 15e6);
    checks.check(`${name}: and the holder's sleep`, one(ring, "SELECT max(duration_ns) FROM waits WHERE reason = 'sleep'") > 20e6);
  },
  "http-server"(ring, name) {
    checks.check(`${name}: waits for the network`, waits(ring, "IO wait") >= 100);
    checks.equal(`${name}: their family`, one(ring, "SELECT DISTINCT family FROM waits WHERE reason = 'IO wait'"), "net");
    checks.equal(`${name}: connections`, one(ring, "SELECT count(DISTINCT g) FROM slices WHERE start_function = 'serve'"), 8);
  },
};

const arguments_of = (name, ring) =>
  name === "http-server" ? ["--self", ring] : name === "flight-recorder" ? [`${ring}.running`, ring] : [ring];

const samples = readdirSync(join(root, "samples")).filter((f) => f.endsWith(".c")).map((f) => f.slice(0, -2));
checks.check("every C sample has its story here", samples.every((s) => s in STORIES) && samples.length === Object.keys(STORIES).length, samples.join(" "));

for (const name of samples) {
  const ring = join(scratch, `${name}.ring`);
  const ran = spawnSync(join(folder, name), arguments_of(name, ring), { encoding: "utf8", timeout: 60000 });
  if (name === "gc-pressure" && ran.status !== 0 && !existsSync(ring)) continue; // built without libgc
  if (!checks.check(`${name} runs`, ran.status === 0, ran.stderr || ran.signal)) continue;
  for (const [path, what] of [[ring, name], [join(root, "samples", `${name}.ring.zst`), `${name}, as it is here`]]) {
    checks.check(`${what} is there, at most 1 MB where it is kept`, existsSync(path) && (path === ring || statSync(path).size < 1e6));
    checks.equal(`${what}: sound`, run(["summary", path]).status, 0);
    const { n, broken } = chains(path);
    checks.check(`${what}: ${n} transitions without a gap`, n > 50 && broken.length === 0, broken.slice(0, 5).join("\n"));
    checks.equal(`${what}: slices follow one another`, one(path, `SELECT count(*) FROM (SELECT start_ns, lag(end_ns) OVER (PARTITION BY g ORDER BY start_ns) AS before FROM slices) WHERE before <> start_ns`), 0);
    STORIES[name](path, what);
    judge(path, what);
  }
}

// Everything at once: a second of the stress, some hundred thousand transitions.
const stress = join(build, "tests/goroutine_stress_test");
if (existsSync(stress)) {
  const ring = join(scratch, "stress.ring");
  const ran = spawnSync(stress, ["0"], { encoding: "utf8", env: { ...process.env, PV_TRACE: ring } });
  checks.equal("the stress, recorded", ran.status, 0);
  checks.equal("its recording is sound", run(["summary", ring]).status, 0);
  const { n, broken } = chains(ring);
  checks.check(`the stress: ${n} transitions without a gap`, n > 1000 && broken.length === 0, broken.slice(0, 5).join("\n"));
  judge(ring, "the stress");
}
checks.end();
