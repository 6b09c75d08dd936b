// tests/conformance/waits.test.mjs - `parkview waits` over whole traces, which comes from the store, against
// the wait reasons of Go's own reader: count, total and longest of each.
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { quick, root, shared } from "../lib/project.mjs";
import { inParallel, parkview, parseExact, parseExpect, readAnswer, run, STABLE_THREADS } from "./judge.mjs";

const whole = join(shared, "corpus");
const folder = existsSync(join(whole, "LIST.tsv")) && !quick ? whole : join(root, "tests/corpus");
const LIMIT_BYTES = 2_000_000;

/** Go's reasons brought to the form of ours.  Invalid bytes may make one name of two: then sums. */
function reasonsOf(answer) {
  const reasons = new Map();
  for (const [reason, w] of Object.entries(answer.wait_reasons)) reasons.set(reason.replaceAll("\0", "\ufffd"), w);
  return reasons;
}

function compare(rows, answer) {
  const wrong = [];
  const expected = reasonsOf(answer);
  for (const row of rows) {
    const go = expected.get(row.key);
    expected.delete(row.key);
    if (!go) wrong.push(`"${row.key}" is not among Go's`);
    else if (row.count !== go.count) wrong.push(`"${row.key}": ${row.count} instead of ${go.count}`);
    else if (answer.threads > STABLE_THREADS) continue; // ties: see README.md
    else if (row.total_ns !== go.total_ns || row.max_ns !== go.max_ns)
      wrong.push(`"${row.key}": ${row.total_ns} ns, longest ${row.max_ns}, instead of ${go.total_ns}, ${go.max_ns}`);
  }
  for (const reason of expected.keys()) wrong.push(`"${reason}" is missing`);
  return wrong;
}

const scratch = mkdtempSync(join(tmpdir(), "parkview-waits-"));
const env = { ...process.env, XDG_CACHE_HOME: scratch };
const names = readFileSync(join(folder, "LIST.tsv"), "utf8").trim().split("\n").slice(1);
let passed = 0;
let failed = 0;
await inParallel(names, async (line) => {
  const base = join(folder, line.split("\t")[1].replace(/\.zst$/, ""));
  const file = existsSync(base) ? base : `${base}.zst`;
  if (!existsSync(`${base}.expect`) || statSync(file).size > LIMIT_BYTES) return;
  if (!parseExpect(readFileSync(`${base}.expect`, "utf8")).ok) return;
  const answer = await readAnswer(base);
  const done = await run(parkview, ["waits", "--by", "reason", "--format", "json", file], { env });
  const wrong =
    done.status === 0
      ? compare(parseExact(done.stdout.toString()).rows, answer)
      : [`status ${done.status}: ${done.stderr.trim()}`];
  if (wrong.length) console.log(`FAILED ${base}: ${wrong.slice(0, 4).join("; ")}`);
  if (wrong.length) failed++;
  else passed++;
});
rmSync(scratch, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
