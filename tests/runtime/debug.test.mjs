// tests/runtime/debug.test.mjs - PV_DEBUG and PV_MAXPROCS: the lines have Go's shape, and their figures are those of the run.
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Checks, build, run, skip } from "../lib/project.mjs";

const checks = new Checks();
const sample = (name) => join(build, "samples", name);
if (!existsSync(sample("slow-syscall"))) skip("the samples are not built");

function debug(name, PV_DEBUG, more = {}) {
  const { status, stderr } = spawnSync(sample(name), [], { encoding: "utf8", env: { ...process.env, PV_DEBUG, ...more }, timeout: 60000 });
  checks.equal(`${name} with PV_DEBUG=${PV_DEBUG}`, status, 0);
  return stderr.trim().split("\n").filter(Boolean);
}

const SCHED = /^SCHED (\d+)ms: gomaxprocs=(\d+) idleprocs=(\d+) threads=(\d+) spinningthreads=\d+ idlethreads=(\d+) runqueue=\d+/;
const lines = debug("slow-syscall", "schedtrace=20");
checks.check("several lines", lines.length >= 3, lines.join("\n"));
for (const line of lines) {
  const m = SCHED.exec(line);
  if (!checks.check("a line of schedtrace", m && / \[\d+ \d+\]$/.test(line), line)) continue;
  const [, , procs, idle, threads, idleThreads] = m.map(Number);
  checks.check("its figures fit one another", procs === 2 && idle <= procs && idleThreads < threads && threads >= 2, line);
}
const at = lines.map((l) => Number(SCHED.exec(l)?.[1]));
checks.check("times rise by the interval or more", at.every((t, i) => i === 0 || t - at[i - 1] >= 19), at.join(" "));

const detail = debug("slow-syscall", "schedtrace=30,scheddetail=1");
checks.check("P lines", detail.filter((l) => /^ {2}P\d: status=[0-2] schedtick=\d+ syscalltick=\d+ m=(\d+|nil) runqsize=\d+ gfreecnt=\d+ timerslen=\d+$/.test(l)).length >= 2);
checks.check("M lines", detail.some((l) => /^ {2}M\d+: p=(\d|nil) curg=(\d+|nil) spinning=(true|false) away=(true|false)$/.test(l)));
checks.check("the first goroutine waits for the others", detail.some((l) => l === "  G1: status=4(sync.WaitGroup.Wait) m=nil"));
checks.check("some are in system calls", detail.some((l) => /^ {2}G\d+: status=3\(\) m=\d+$/.test(l)), detail.slice(0, 20).join("\n"));

const gc = spawnSync(sample("gc-pressure"), [], { encoding: "utf8", env: { ...process.env, PV_DEBUG: "gctrace=1" } });
if (gc.status === 0) {
  const collections = gc.stderr.trim().split("\n");
  const shape = /^gc (\d+) @[\d.]+s \d+%: ([\d.e+-]+)\+([\d.e+-]+)\+([\d.e+-]+) ms clock, (\d+)->(\d+) MB, (\d+) MB goal, 4 P$/;
  collections.forEach((line, i) => {
    const m = shape.exec(line);
    checks.check("a line of gctrace, numbered", m && Number(m[1]) === i + 1, line);
  });
  checks.check("as many as the program counted", gc.stdout.includes(` ${collections.length} collections`), gc.stdout);
  checks.check("the cache stays", Number(shape.exec(collections.at(-1))?.[6]) >= 7, collections.at(-1));
}

const ring = join(process.env.TMPDIR ?? tmpdir(), "by-name.ring");
const named = spawnSync(sample("pipeline"), [], { encoding: "utf8", env: { ...process.env, PV_TRACE: ring } });
checks.check("PV_TRACE records", named.status === 0 && statSync(ring).size > 0 && run(["summary", ring]).status === 0, named.stderr);
const bad = spawnSync(sample("pipeline"), [], { encoding: "utf8", env: { ...process.env, PV_TRACE: "/nowhere/x.ring" } });
checks.equal("where it cannot, pv_run says so", bad.status, 1);
checks.end();
