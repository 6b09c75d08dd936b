// tests/conformance/judge.mjs - compares what Parkview says about a trace with what Go's own reader
// says (the oracle's JSON).  Used over recorded traces and over traces that Go writes now.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import { parkview as built } from "../lib/project.mjs";

export const parkview = process.env.PARKVIEW_BIN ?? built;

/** Every key of `summary --json` that the oracle has too, with the same meaning. */
const KEYS = `format_version result events events_by_kind first_ts last_ts duration_ns goroutines procs
  threads go_transitions proc_transitions go_states wait_reasons stop_reasons per_p top_goroutines
  by_start_function ranges metrics task_count tasks regions logs labels stack_samples distinct_stacks
  digest_lines digest digest_per_goroutine`.split(/\s+/);

/** With more threads than this, Go breaks ties of time by a sort that is not stable. */
export const STABLE_THREADS = 12;

/** Runs a program; never rejects. */
export function run(program, args, options = {}) {
  return new Promise((resolve) => {
    const started = process.hrtime.bigint();
    execFile(
      program,
      args,
      { maxBuffer: 1 << 30, encoding: "buffer", timeout: 120_000, ...options },
      (error, stdout, stderr) =>
        resolve({
          status: error ? (error.code ?? 128) : 0,
          signal: error?.signal ?? null,
          stdout,
          stderr: stderr.toString(),
          seconds: Number(process.hrtime.bigint() - started) / 1e9,
        }),
    );
  });
}

/** Runs the jobs side by side on the processors there are. */
export async function inParallel(items, job) {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await job(item);
  };
  await Promise.all(Array.from({ length: Math.min(2, cpus().length) }, worker));
}

/** JSON whose integers stay exact: from 16 digits on they become text like "#18446744073709551615". */
export function parseExact(text) {
  const exact = text.replace(/"(?:[^"\\]|\\.)*"|-?\d{16,}/g, (m) => (m[0] === '"' ? m : `"#${m}"`));
  return JSON.parse(exact);
}

/** NAME.oracle.json beside a trace, or NAME.oracle.json.zst. */
export async function readAnswer(base) {
  if (existsSync(`${base}.oracle.json`)) return parseExact(readFileSync(`${base}.oracle.json`, "utf8"));
  const packed = `${base}.oracle.json.zst`;
  if (!existsSync(packed)) return null;
  const { stdout, status } = await run("zstd", ["-dcq", packed]);
  return status === 0 ? parseExact(stdout.toString()) : null;
}

// ---- two values ---------------------------------------------------------------------------------

const isTime = (key) => /(^|_)(ns|ts|start|end)$/.test(key);

function number(value) {
  return typeof value === "string" && /^#-?\d+$/.test(value) ? Number(value.slice(1)) : value;
}

function nearly(a, b) {
  const x = number(a);
  const y = number(b);
  // Each tie moves an event by 1 ns, so tiny sums may differ by more than their 0.01 %.
  return typeof x === "number" && typeof y === "number" && Math.abs(x - y) <= Math.max(1e-4 * Math.abs(y), 1000);
}

/** The first few places where ours differs from Go's.  loose: times may differ by 0.01 %. */
function differences(ours, theirs, loose, path = "", found = [], timed = false) {
  if (found.length >= 4 || ours === theirs) return found;
  const both = ours !== null && theirs !== null && typeof ours === "object" && typeof theirs === "object";
  if (!both) {
    if (!(loose && timed && nearly(ours, theirs)))
      found.push(`${path}: ${JSON.stringify(ours)} instead of ${JSON.stringify(theirs)}`);
    return found;
  }
  for (const key of new Set([...Object.keys(theirs), ...Object.keys(ours)])) {
    const inside = timed || isTime(key) || /by_reason$/.test(path);
    differences(ours[key], theirs[key], loose, path ? `${path}.${key}` : key, found, inside);
  }
  return found;
}

const onlyKeys = (list, keys) => list.map((item) => Object.fromEntries(keys.map((k) => [k, item[k]])));

/** Go's answer brought to the form of ours: the keys that both have, lists that may be empty. */
function answerForm(answer) {
  const form = Object.fromEntries(KEYS.map((key) => [key, answer[key]]));
  if (form.result === "panic") form.result = "error";
  const go = "id name running_ns runnable_ns syscall_ns waiting_ns waiting_by_reason transitions".split(" ");
  form.top_goroutines = onlyKeys(answer.top_goroutines ?? [], go);
  form.per_p = answer.per_p ?? [];
  return form;
}

/** Ordered by time spent, goroutines of nearly equal times may swap places: compare them by id. */
function byId(list, other) {
  const ids = new Set(other.map((g) => g.id));
  return Object.fromEntries(list.filter((g) => ids.has(g.id)).map((g) => [g.id, g]));
}

/** Where `parkview summary --json` differs from Go's answer; [] = nowhere. */
export function compareSummary(ours, answer) {
  const theirs = answerForm(answer);
  const mine = Object.fromEntries(KEYS.map((key) => [key, ours[key]]));
  const loose = answer.threads > STABLE_THREADS;
  if (loose) {
    mine.digest = theirs.digest;
    const [a, b] = [mine.top_goroutines, theirs.top_goroutines];
    if (a.length !== b.length) return [`top_goroutines: ${a.length} instead of ${b.length}`];
    mine.top_goroutines = byId(a, b);
    theirs.top_goroutines = byId(b, a);
  }
  return differences(mine, theirs, loose);
}

// ---- a whole trace ------------------------------------------------------------------------------

/** .expect: SUCCESS, or FAILURE and a Go-quoted pattern. */
export function parseExpect(text) {
  const first = text.split("\n")[0];
  if (first.startsWith("SUCCESS")) return { ok: true };
  const quoted = /^FAILURE\s*("(?:[^"\\]|\\.)*")?/.exec(first);
  if (!quoted) throw new Error(`neither SUCCESS nor FAILURE: ${first}`);
  let pattern = quoted[1] ? JSON.parse(quoted[1]) : ".";
  // Here Go walks a map, and so reports any one of the bad stacks: which one is chance.
  if (/^found invalid (func|file) string ID/.test(pattern)) pattern = pattern.replace(/\d+/g, "\\d+");
  // What else the file is (a profile, cut gzip, text) is for Parkview to say in its own words.
  if (pattern.startsWith("bad file format")) pattern = ".";
  return { ok: false, pattern: new RegExp(pattern) };
}

/** What is wrong with Parkview's reading of a trace: sentences, none when all is well. */
export async function judge(file, expect, answer) {
  const wrong = [];
  const done = await run(parkview, ["summary", "--json", file]);
  if (done.signal || done.status > 3 || done.status === 2)
    return [`ended by ${done.signal ?? `status ${done.status}`}: ${done.stderr.split("\n")[0]}`];
  if (expect.ok !== (done.status === 0)) wrong.push(`status ${done.status} instead of ${expect.ok ? 0 : "1 or 3"}`);
  let ours;
  try {
    ours = parseExact(done.stdout.toString());
  } catch (error) {
    return [...wrong, `no JSON: ${error.message} ${done.stderr.split("\n")[0]}`];
  }
  if (!expect.ok && !expect.pattern.test(ours.error ?? ""))
    wrong.push(`says "${ours.error}", which does not match ${expect.pattern}`);
  if (ours.error && !wrong.length && done.status === 0) wrong.push("an error, but status 0");
  if (answer) wrong.push(...compareSummary(ours, answer));
  return wrong;
}

// ---- the dump -----------------------------------------------------------------------------------

const UNQUOTED = { a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

/** The bytes of a Go-quoted string without its quotes. */
export function unquote(text) {
  const parts = [];
  const escape = /\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))|[^\\]+/g;
  for (const [all, byte, short, long, letter] of text.matchAll(escape)) {
    if (byte) parts.push(Buffer.from([parseInt(byte, 16)]));
    else if (short ?? long) parts.push(Buffer.from(String.fromCodePoint(parseInt(short ?? long, 16))));
    else parts.push(Buffer.from(letter ? (UNQUOTED[letter] ?? letter) : all));
  }
  return Buffer.concat(parts);
}

const TRANSITION =
  /^(-?\d+) M=(-?\d+) P=(-?\d+) G=-?\d+ StateTransition go=(-?\d+) (\w+)->(\w+) reason="((?:[^"\\]|\\.)*)"/;

/** Both digests, made from the lines of `parkview dump`: they must be those of the answer. */
export function digestsOfDump(text) {
  const all = createHash("sha256");
  const each = new Map();
  let events = 0;
  for (const line of text.split("\n")) {
    if (!line) continue;
    events++;
    const match = TRANSITION.exec(line);
    if (!match) continue;
    const [, time, m, p, go, from, to, reason] = match;
    const raw = reason.includes("\\") ? unquote(reason) : reason;
    all.update(`${time}\t${go}\t${from}\t${to}\t`).update(raw).update(`\t${p}\t${m}\n`);
    if (from === to) continue;
    if (!each.has(go)) each.set(go, createHash("sha256"));
    each.get(go).update(`${go}\t${from}\t${to}\t`).update(raw).update("\n");
  }
  const ids = [...each.keys()].sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));
  const perGoroutine = createHash("sha256");
  for (const id of ids) perGoroutine.update(`${id}\t${each.get(id).digest("hex")}\n`);
  return { events, digest: all.digest("hex"), digest_per_goroutine: perGoroutine.digest("hex") };
}

/** What is wrong with `parkview digest` and `parkview dump` of a trace. */
export async function judgeText(file, expect, answer) {
  const wrong = [];
  const line = (await run(parkview, ["digest", file])).stdout.toString();
  const [digest, perGoroutine, lines, ...result] = line.trim().split(" ");
  const unstable = answer.threads > STABLE_THREADS;
  if (!unstable && digest !== answer.digest) wrong.push(`digest: ${digest}`);
  if (perGoroutine !== answer.digest_per_goroutine) wrong.push(`digest: per goroutine ${perGoroutine}`);
  if (lines !== `lines=${answer.digest_lines}`) wrong.push(`digest: ${lines} instead of ${answer.digest_lines}`);
  if (!result.join(" ").startsWith(expect.ok ? "result=ok" : "result=error: ")) wrong.push(`digest: ${result.join(" ")}`);
  if (answer.events === 0) return wrong; // a version newer than 1.26 is dumped as far as it goes
  const dump = await run(parkview, ["dump", file]);
  const from = digestsOfDump(dump.stdout.toString());
  if (expect.ok !== (dump.status === 0)) wrong.push(`dump: status ${dump.status}`);
  if (from.events !== answer.events) wrong.push(`dump: ${from.events} lines instead of ${answer.events}`);
  if (!unstable && from.digest !== answer.digest) wrong.push(`dump: its digest is ${from.digest}`);
  if (from.digest_per_goroutine !== answer.digest_per_goroutine) wrong.push("dump: the digest per goroutine differs");
  return wrong;
}
