// tests/runner/runner.mjs - finds the test programs, runs them, counts.  ./test sets up and builds,
// then calls this; what a test program is stands in tests/README.md.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const options = process.argv.slice(2);
const quick = options.includes("--quick");
const wanted = options.filter((o) => !o.startsWith("--"));
const shared = process.env.PARKVIEW_SHARED ?? join(root, "../shared");
const logs = join(root, "build/test-logs");
const SKIPPED = 77;
const LIMIT_SECONDS = Number(process.env.PARKVIEW_TEST_LIMIT ?? 1800);

// ---- what there is ------------------------------------------------------------------------------

function filesUnder(folder, keep) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : filesUnder(path, keep);
    return keep(entry.name) ? [path] : [];
  });
}

/** The unit tests of one build folder; `label` tells them apart in the list. */
function unitTests(build, label) {
  return filesUnder(join(root, build, "tests"), (name) => name.endsWith("_test")).map((path) => ({
    name: `unit/${basename(path)}${label}`,
    command: [path],
    build,
  }));
}

function scripts() {
  const isTest = (name) => name.endsWith(".test.mjs") && !(quick && name.endsWith(".slow.test.mjs"));
  return ["tests", "frontend"].flatMap((folder) =>
    filesUnder(join(root, folder), isTest).map((path) => ({
      name: relative(root, path).replace(/^tests\//, "").replace(/\.test\.mjs$/, ""),
      command: [process.execPath, path],
      build: "build",
    })),
  );
}

function discover() {
  const tests = [...unitTests("build", ""), ...unitTests("build-asan", " (asan)"), ...scripts()];
  // Under ThreadSanitizer the short form is enough: more data takes no other turns between threads.
  if (!quick) tests.push(...unitTests("build-tsan", " (tsan)").map((test) => ({ ...test, short: true })));
  // The long ones first, so that all processors are busy to the end.
  const long = [/sanitize|fuzz|cut_test/, /browser|conformance|store_test|query_test|faults/];
  const weight = (test) => (long.findIndex((names) => names.test(test.name)) + 3) % 3;
  return tests.sort((a, b) => weight(a) - weight(b) || a.name.localeCompare(b.name));
}

// ---- one test program ---------------------------------------------------------------------------

/** What a finished program's status and output mean. */
function judge(status, signal, timedOut, output) {
  const last = output.trimEnd().split("\n").pop() ?? "";
  const counts = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/.exec(last);
  if (timedOut) return { passed: 0, failed: 1, skipped: 0, why: `took more than ${LIMIT_SECONDS} s` };
  if (status === SKIPPED) return { passed: 0, failed: 0, skipped: 1, why: last };
  if (counts) {
    const [passed, failed, skipped] = counts.slice(1).map((n) => Number(n ?? 0));
    // A program that counts no failure but does not end well has failed all the same.
    return { passed, failed: status === 0 ? failed : Math.max(failed, 1), skipped, why: last };
  }
  const failed = status === 0 ? 0 : 1;
  return { passed: 1 - failed, failed, skipped: 0, why: signal ? `ended by ${signal}` : "" };
}

function run(test, limitSeconds = LIMIT_SECONDS) {
  return new Promise((resolve) => {
    const scratch = mkdtempSync(join(tmpdir(), "parkview-test-"));
    const started = Date.now();
    const [program, ...args] = test.command;
    const child = spawn(program, args, {
      cwd: root,
      detached: true, // its own process group, so that a time limit ends its children too
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        PARKVIEW: join(root, test.build, "parkview"),
        PARKVIEW_BUILD: join(root, test.build),
        PARKVIEW_QUICK: quick || test.short ? "1" : "",
        PARKVIEW_SHARED: shared,
        ASAN_OPTIONS: "abort_on_error=1:detect_stack_use_after_return=1",
        UBSAN_OPTIONS: "print_stacktrace=1:halt_on_error=1",
        TSAN_OPTIONS: "halt_on_error=1",
        TMPDIR: scratch,
        XDG_CACHE_HOME: join(scratch, "cache"),
      },
    });
    let output = "";
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      process.kill(-child.pid, "SIGKILL");
    }, limitSeconds * 1000);
    const collect = (data) => {
      output += data;
      if (output.length > 4e6) output = output.slice(-2e6);
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.on("error", (error) => (output += `${error}\n`));
    child.on("close", (status, signal) => {
      clearTimeout(timer);
      rmSync(scratch, { recursive: true, force: true });
      const verdict = judge(status, signal, timedOut, output);
      resolve({ ...verdict, name: test.name, output, seconds: (Date.now() - started) / 1000 });
    });
  });
}

// ---- the tests that must fail -------------------------------------------------------------------

/** Proves that this runner can fail: programs that fail in every known way, all of which must count. */
async function provesItCanFail() {
  const must = join(root, "tests/runner/must_fail.mjs");
  const ways = ["status", "count", "count-then-crash", "signal", "hang", "missing"];
  for (const way of ways) {
    const command = way === "missing" ? [join(root, "no-such-program")] : [process.execPath, must, way];
    const result = await run({ name: `must fail: ${way}`, command, build: "build" }, way === "hang" ? 1 : 60);
    if (result.failed === 0) return `a program that fails by "${way}" counted as passed`;
  }
  const skipped = await run({ name: "must skip", command: [process.execPath, must, "skip"], build: "build" });
  return skipped.skipped === 1 && skipped.passed === 0 ? "" : "a skipped test did not count as skipped";
}

// ---- all of them --------------------------------------------------------------------------------

const total = { passed: 0, failed: 0, skipped: 0 };

function report(result) {
  for (const key of Object.keys(total)) total[key] += result[key];
  const mark = result.failed ? "FAILED" : result.passed ? "ok" : "skipped";
  const why = result.why ? `  ${result.why}` : "";
  console.log(`${mark.padEnd(8)}${result.seconds.toFixed(1).padStart(6)} s  ${result.name}${why}`);
  writeFileSync(join(logs, `${result.name.replace(/[^\w.-]+/g, "_")}.log`), result.output);
  if (result.failed) console.log(result.output.trimEnd().split("\n").slice(-25).join("\n").replace(/^/gm, "    "));
}

const tests = discover().filter((t) => !wanted.length || wanted.some((w) => t.name.includes(w)));
if (options.includes("--list")) {
  for (const test of tests) console.log(test.name);
  process.exit(0);
}
rmSync(logs, { recursive: true, force: true });
mkdirSync(logs, { recursive: true });

const why = await provesItCanFail();
report({ name: "runner/must_fail", passed: why ? 0 : 1, failed: why ? 1 : 0, skipped: 0, why, output: why, seconds: 0 });

const queue = [...tests];
async function worker() {
  for (let test = queue.shift(); test; test = queue.shift()) report(await run(test));
}
const jobs = cpus().length * 2; // half of the time each waits: for a frame, a timer, a process
await Promise.all(Array.from({ length: jobs }, worker));

if (total.failed) console.log(`what the failed ones said: ${relative(process.cwd(), logs)}/`);
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed ? 1 : 0);
