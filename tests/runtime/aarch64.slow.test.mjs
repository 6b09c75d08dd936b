// tests/runtime/aarch64.slow.test.mjs - the recorder and the runtime on AArch64, where a cross compiler and an emulator are:
// goroutines switch, programs record themselves, copy their ring and are killed, and the ring files are read here.
// What an emulator cannot show is the weaker order of a real machine's memory.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { Checks, root, run, shared, skip } from "../lib/project.mjs";

const CC = "aarch64-linux-gnu-gcc";
const QEMU = "qemu-aarch64";
const KILLS = 5;
for (const tool of [CC, QEMU])
  if (spawnSync(tool, ["--version"]).error) skip(`${tool} is missing (apt install gcc-aarch64-linux-gnu qemu-user)`);

const checks = new Checks();
const scratch = process.env.TMPDIR ?? "/tmp";
const at = (name) => join(scratch, name);
const FLAGS = ["-std=gnu11", "-O1", "-D_GNU_SOURCE", "-I.", "-fvisibility=hidden", "-fno-omit-frame-pointer",
  "-fno-optimize-sibling-calls", "-static", "-pthread"];
const LIBRARY = ["tracer/src", "tracer/runtime/src"].flatMap((folder) =>
  readdirSync(join(root, folder)).filter((f) => /\.[cS]$/.test(f)).map((f) => join(folder, f)));

function compile(name, source) {
  const { status, stderr } = spawnSync(CC, [...FLAGS, "-o", at(name), source, at("library.o")], { cwd: root, encoding: "utf8" });
  return checks.equal(`${source} is compiled`, stderr + status, "0");
}
const emulate = (name, argv) => spawnSync(QEMU, [at(name), ...argv], { cwd: scratch, encoding: "utf8", timeout: 120000 });

const validator = [process.env.PARKVIEW_ORACLE && join(dirname(process.env.PARKVIEW_ORACLE), "validate"),
  join(shared, "tools/oracle/bin/validate")].find((f) => f && existsSync(f));

/** Sound, with at least so many events, and without a complaint of Go's own validator where that is. */
function judge(what, ring, atLeast) {
  const dump = run(["dump", ring]);
  checks.equal(`${what}: it is sound`, dump.stderr + dump.status, "0");
  const n = dump.stdout.split("\n").length;
  checks.check(`${what}: events`, n > atLeast, n);
  if (!validator) return;
  const trace = `${ring}.trace`;
  checks.equal(`${what}: exported`, run(["export", "--format", "gotrace", ring, "-o", trace]).status, 0);
  const { stdout } = spawnSync(validator, [trace], { encoding: "utf8" });
  checks.check(`${what}: Go's validator has no complaint`, / complaints=0 ok/.test(stdout), stdout);
}

/** One that records for a minute is killed after some time under load. */
async function kill(i) {
  const ring = at(`killed-${i}.ring`);
  const child = spawn(QEMU, [at("record"), ring, "60000", String(1 << 20), "marks"], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  await new Promise((resolve) => setTimeout(resolve, 100 + 150 * Math.random()));
  child.kill("SIGKILL");
  await new Promise((resolve) => child.once("exit", resolve));
  judge(`killed, ${i}`, ring, 100);
}

const library = spawnSync(CC, [...FLAGS, "-r", "-o", at("library.o"), ...LIBRARY], { cwd: root, encoding: "utf8" });
if (checks.equal("the recorder and the runtime are compiled", library.stderr + library.status, "0")) {
  for (const test of ["goroutine_test", "goroutine_sync_test"])
    if (compile(test, `tests/unit/${test}.c`)) {
      const { status, stdout, stderr } = emulate(test, []);
      checks.equal(test, status, 0) || console.log(stdout.slice(-500) + stderr.slice(-500));
    }
  if (compile("pipeline", "samples/pipeline.c") && checks.equal("pipeline", emulate("pipeline", [at("pipeline.ring")]).status, 0)) {
    judge("pipeline", at("pipeline.ring"), 1000);
    const waits = run(["waits", "--format", "csv", at("pipeline.ring")]).stdout;
    checks.check("pipeline: its waits have names", /chan send/.test(waits) && /sync\.WaitGroup\.Wait/.test(waits), waits);
    const frames = run(["query", "--format", "csv", at("pipeline.ring"), "SELECT DISTINCT function FROM frames"]).stdout;
    checks.check("pipeline: and its stacks", /\bparse\b/.test(frames) && /\bpv_chan_send\b/.test(frames), frames);
  }
  if (compile("recorder", "samples/flight-recorder.c") && checks.equal("flight-recorder", emulate("recorder", [at("running.ring"), at("snapshot.ring")]).status, 0))
    judge("a snapshot", at("snapshot.ring"), 20);
  if (compile("record", "tests/lib/ring_record.c")) for (let i = 0; i < KILLS; i++) await kill(i);
}
checks.end();
