// tests/conformance/ring.test.mjs - a ring file and what `parkview export` makes of it say the same: to
// Parkview itself, and to Go's own reader, validator and `go tool trace` where they are ($PARKVIEW_ORACLE
// names the oracle; the others lie beside it).
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { Checks, build, parkview, quick } from "../lib/project.mjs";

const checks = new Checks();
const folder = process.env.TMPDIR ?? "/tmp";
const record = join(build, "tests/ring_record");
const run = (command, args) => spawnSync(command, args, { cwd: folder, encoding: "utf8", maxBuffer: 1 << 30 });

const oracle = process.env.PARKVIEW_ORACLE ??
  join(process.env.PARKVIEW_TEST_CACHE ?? join(homedir(), ".cache/parkview-tests"), "oracle/oracle");
const beside = (name) => join(dirname(oracle), name);
const judged = existsSync(oracle);

// A range that began before the trace has no end in Go's format.
function withoutEarlierRanges() {
  const open = new Set();
  return (line) => {
    const [, what, range] = / (RangeBegin|RangeActive|RangeEnd) (".*?" scope=\S+)/.exec(line) ?? [];
    if (what && what !== "RangeEnd") open.add(range);
    return what !== "RangeEnd" || open.delete(range);
  };
}

// Go has no reason for a wait that began before the trace, no wait object, and no counters.
const lines = (text) =>
  text.split("\n").filter(withoutEarlierRanges()).filter((l) => !/ Sync | Metric category=| Log task=0 category="category" message="\d+"/.test(l))
    .map((l) => l.replace(/ t?stack=\S+/g, "").replace(/ object=\S+ holder=\S+/, "")
      .replace(/(Undetermined->Waiting) reason="[^"]*"/, "$1"));

const QUESTIONS = [
  "SELECT g, state, count(*), sum(duration_ns), min(start_ns) FROM slices GROUP BY g, state ORDER BY g, state",
  "SELECT p, m, count(*), sum(duration_ns) FROM proc_slices GROUP BY p, m ORDER BY p, m",
  "SELECT name, scope, count(*), sum(duration_ns) FROM ranges GROUP BY name, scope ORDER BY name, scope",
  "SELECT type, count(*), sum(end_ns - start_ns) FROM tasks GROUP BY type",
  "SELECT type, count(*), sum(duration_ns) FROM regions GROUP BY type",
  "SELECT g, waker_g, count(*) FROM waits GROUP BY g, waker_g ORDER BY g, waker_g",
];

function compare(name, ms, ringBytes, { marks = false, whole = false }) {
  const ring = `${name}.ring`;
  const trace = `${name}.trace`;
  checks.equal(`${name}: it records`, run(record, [ring, String(ms), String(ringBytes), ...(marks ? ["marks"] : [])]).status, 0);
  const exported = run(parkview, ["export", "-o", trace, ring]);
  if (!checks.equal(`${name}: export`, exported.status, 0)) return console.log(exported.stderr);
  const ours = lines(run(parkview, ["dump", ring]).stdout);
  const theirs = lines(run(parkview, ["dump", trace]).stdout);
  const differs = ours.findIndex((l, i) => l !== theirs[i]);
  checks.check(`${name}: the same events`, differs < 0 && ours.length === theirs.length && ours.length > 1000,
    `line ${differs}\n${ours[differs]}\n${theirs[differs]}`);
  for (const question of QUESTIONS)
    checks.equal(`${name}: ${question}`, run(parkview, ["query", ring, question, "--format", "csv"]).stdout,
      run(parkview, ["query", trace, question, "--format", "csv"]).stdout);
  const waits = (file) => run(parkview, ["waits", "--format", "csv", file]).stdout;
  // Of a ring that was overwritten, waits may have begun before: there Go's format has no reason.
  if (whole) checks.check(`${name}: the same waits`, waits(ring) === waits(trace) && waits(ring).includes("chan receive"), waits(ring) + waits(trace));
  if (!judged) return;
  checks.equal(`${name}: Go's reader says the same`, run(oracle, ["-digest", trace]).stdout, run(parkview, ["digest", trace]).stdout);
  const validated = run(beside("validate"), [trace]).stdout;
  checks.check(`${name}: Go's validator has no complaint`, / complaints=0 ok/.test(validated), validated.slice(0, 400));
  const tool = run(beside("gotooltrace"), ["-d=parsed", trace]);
  checks.check(`${name}: go tool trace reads it`, tool.status === 0 && tool.stdout.split("\n").length >= theirs.length, tool.stderr);
  console.log(`${name}: ${statSync(join(folder, trace)).size} bytes, ${ours.length} events`);
}

compare("whole", quick ? 8 : 60, 64 << 20, { marks: true, whole: true });
compare("overwritten", 200, 1 << 20, {});
if (!quick) compare("overwritten-marks", 300, 2 << 20, { marks: true });
if (!judged) console.log("no judge here: PARKVIEW_ORACLE is not set; Go's own tools were not asked");
checks.end();
