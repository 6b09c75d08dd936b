// tests/conformance/record.slow.test.mjs - traces that Go writes now, on this machine: each toolchain
// records some programs, Go's own reader reads the traces, and Parkview must agree with it.
//
// Toolchains: $PARKVIEW_GO (a folder that holds usr/lib/go-VERSION/bin/go), else they are fetched with
// ../shared/tools/get-go into the cache folder.  The judge: $PARKVIEW_ORACLE, else built there.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { shared, skip } from "../lib/project.mjs";
import { inParallel, judge, judgeText, parkview, parseExact, run, STABLE_THREADS } from "./judge.mjs";

// 1.22v1 is Go 1.22 told to write the format of 1.21.
const VERSIONS = ["1.19", "1.22", "1.22v1", "1.23", "1.24", "1.26"];
const OUT = "<trace>";
const RECORDINGS = [
  { program: "misc", args: ["-o", OUT, "tasks"] },
  { program: "misc", args: ["-o", OUT, "mix"] },
  { program: "misc", args: ["-o", OUT, "syscalls"] },
  { program: "pipeline", args: ["-o", OUT, "-mb", "2"] },
  { program: "httpload", args: ["-o", OUT, "-dur", "400ms"] },
  { program: "httpload", args: ["-o", OUT, "-dur", "400ms", "-cpuprofile"] },
  { program: "flightrec", args: ["-o", OUT, "-run", "800ms"], only: ["1.26"] },
];

// The runner ends a test after ten minutes.  What is fetched and built stays in the cache folder, so
// a first run that spends its time on that skips, and the next one records.
const SECONDS_TO_PREPARE = 300;
const SECONDS_IN_ALL = 450;
const started = Date.now();
const secondsLeft = (of) => of - (Date.now() - started) / 1000;

const cache = process.env.PARKVIEW_TEST_CACHE ?? join(homedir(), ".cache/parkview-tests");
const release = (version) => version.replace("v1", "");
const goCommand = (folder, version) => join(folder, "usr/lib", `go-${release(version)}`, "bin/go");

/** The folder of the toolchains, fetched where it must be; "" and why where there is none. */
async function toolchains() {
  const given = process.env.PARKVIEW_GO;
  if (given) return VERSIONS.some((v) => existsSync(goCommand(given, v))) ? [given, ""] : ["", `no toolchain in ${given}`];
  const folder = join(cache, "go");
  const complete = join(folder, "complete"); // a fetch that was cut off leaves half a toolchain
  if (existsSync(complete)) return [folder, ""];
  const getGo = join(shared, "tools/get-go");
  if (!existsSync(getGo)) return ["", "no Go here: PARKVIEW_GO is not set and ../shared/tools/get-go is absent"];
  mkdirSync(folder, { recursive: true });
  const got = await run(getGo, [folder, ...new Set(VERSIONS.map(release))], { timeout: secondsLeft(SECONDS_TO_PREPARE) * 1000 });
  if (got.status === 0) writeFileSync(complete, "");
  return got.status === 0 ? [folder, ""] : ["", `the toolchains could not be fetched in time: ${got.stderr.trim().split("\n").pop()}`];
}

async function judgeOfGo() {
  const given = process.env.PARKVIEW_ORACLE;
  if (given) return existsSync(given) ? [given, ""] : ["", `${given} is not there`];
  const folder = join(cache, "oracle");
  const oracle = join(folder, "oracle");
  if (existsSync(oracle)) return [oracle, ""];
  const build = join(shared, "tools/oracle/build");
  if (!existsSync(build)) return ["", "no judge: PARKVIEW_ORACLE is not set and ../shared/tools/oracle is absent"];
  mkdirSync(folder, { recursive: true });
  const built = await run(build, [folder], { timeout: Math.max(1, secondsLeft(SECONDS_TO_PREPARE)) * 1000 });
  return existsSync(oracle) ? [oracle, ""] : ["", `the judge cannot be built: ${built.stderr.trim().split("\n").pop()}`];
}

// ---- recording ----------------------------------------------------------------------------------

/** Builds a program once per toolchain; resolves to its path, or throws what the compiler said. */
async function build(go, version, program, scratch) {
  const binary = join(scratch, `${program}-${version}`);
  const env = {
    ...process.env,
    GOROOT: "",
    GOTOOLCHAIN: "local",
    GOPROXY: "off",
    GOFLAGS: "-mod=mod",
    GO111MODULE: "off",
    CGO_ENABLED: "0",
    GOCACHE: join(cache, "gocache"),
    GOEXPERIMENT: version.endsWith("v1") ? "noexectracer2" : "",
  };
  const source = join(shared, "corpus/programs", program, "main.go");
  const done = await run(go, ["build", "-o", binary, source], { env, timeout: 300_000 });
  if (done.status !== 0) throw new Error(`go ${version} cannot build ${program}: ${done.stderr.slice(0, 300)}`);
  return binary;
}

/** Records once, asks both readers; what is wrong, as sentences. */
async function recordAndCompare(binary, args, oracle, trace) {
  const recorded = await run(binary, args.map((a) => (a === OUT ? trace : a)));
  if (recorded.status !== 0) return [`the program failed: ${recorded.stderr.slice(0, 200)}`];
  const { stdout, status } = await run(oracle, [trace]);
  if (status !== 0) return ["Go's reader did not answer"];
  const answer = parseExact(stdout.toString());
  // A recording that Go refuses (it happens with v1 and cgo) must be refused here too.
  const expect = { ok: answer.result === "ok", pattern: /./ };
  const wrong = await judge(trace, expect, answer);
  if (!wrong.length) wrong.push(...(await judgeText(trace, expect, answer)));
  if (!answer.events) wrong.push("the recording holds no event");
  if (!wrong.length && expect.ok) wrong.push(...(await compareText(oracle, trace, answer)));
  return wrong;
}

/** The dumps, byte for byte: as the judge prints events, and as `go tool trace -d=wire`, built beside it. */
async function compareText(oracle, trace, answer) {
  const wrong = [];
  if (answer.threads <= STABLE_THREADS) {
    const ours = await run(parkview, ["dump", trace]);
    const theirs = await run(oracle, ["-events", "999999999", trace]);
    if (!ours.stdout.equals(theirs.stdout)) wrong.push("dump differs from what Go's reader prints");
  }
  const tool = join(dirname(oracle), "gotooltrace");
  if (answer.format_version < 22 || !existsSync(tool)) return wrong;
  const ours = await run(parkview, ["dump", "--wire", trace]);
  const theirs = await run(tool, ["-d=wire", trace]);
  if (!ours.stdout.equals(theirs.stdout)) wrong.push("dump --wire differs from go tool trace -d=wire");
  return wrong;
}

const [go, noGo] = await toolchains();
if (!go) skip(noGo);
const [oracle, noOracle] = await judgeOfGo();
if (!oracle) skip(noOracle);
if (!existsSync(parkview)) skip(`${parkview} is not built`);
if (!existsSync(join(shared, "corpus/programs"))) skip("../shared/corpus/programs is absent");

const scratch = mkdtempSync(join(tmpdir(), "parkview-record-"));
let passed = 0;
let failed = 0;
const tell = (name, wrong) => {
  if (wrong.length) console.log(`FAILED ${name}: ${wrong.join("; ").slice(0, 700)}`);
  if (wrong.length) failed++;
  else passed++;
};
await inParallel(VERSIONS, async (version) => {
  const command = goCommand(go, version);
  if (!existsSync(command)) {
    console.log(`note: Go ${version} is absent, so nothing is recorded with it`);
    return;
  }
  const built = new Map();
  for (const { program, args, only } of RECORDINGS) {
    if (only && !only.includes(version)) continue;
    if (secondsLeft(SECONDS_IN_ALL) < 0) {
      console.log(`note: no time left for ${program} with Go ${version}; its build is kept for the next run`);
      continue;
    }
    const name = `go ${version} ${program} ${args.filter((a) => a !== "-o" && a !== OUT).join(" ")}`;
    const trace = join(scratch, `${version}.trace`);
    try {
      if (!built.has(program)) built.set(program, await build(command, version, program, scratch));
      tell(name, await recordAndCompare(built.get(program), args, oracle, trace));
    } catch (error) {
      tell(name, [error.message]);
    }
    rmSync(trace, { force: true });
  }
});
rmSync(scratch, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
