// tests/fuzz/fuzz.slow.test.mjs - every input that once crashed a target, and a short fresh run of each.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Checks, root, skip } from "../lib/project.mjs";

const programs = join(root, "build-fuzz/fuzz");
if (!existsSync(programs)) skip("the fuzz targets are not built (clang)");
const SECONDS = 10;
const checks = new Checks();
const scratch = mkdtempSync(join(tmpdir(), "parkview-fuzz-"));
const env = { ...process.env, ASAN_OPTIONS: "detect_leaks=1:allocator_may_return_null=1" };

function fuzz(target, args) {
  const { status, stderr } = spawnSync(join(programs, `${target}_fuzz`), args, { cwd: root, env, maxBuffer: 1 << 28 });
  return { ok: status === 0, detail: String(stderr).split("\n").slice(-25).join("\n") };
}

for (const program of readdirSync(programs).filter((name) => name.endsWith("_fuzz"))) {
  const target = program.replace(/_fuzz$/, "");
  const kept = join(root, "tests/fuzz/crashers", target);
  for (const name of existsSync(kept) ? readdirSync(kept) : []) {
    const { ok, detail } = fuzz(target, ["-timeout=20", join(kept, name)]);
    checks.check(`${target}: ${name}`, ok, detail);
  }
  const inputs = join(scratch, target);
  mkdirSync(inputs);
  spawnSync(process.execPath, [join(root, "tests/fuzz/seeds.mjs"), target, inputs], { stdio: "inherit" });
  // The same seed each time: what passes here passes elsewhere; new finds are for tests/fuzz/run.
  const limits = ["-seed=1", `-max_total_time=${SECONDS}`, "-timeout=20", "-rss_limit_mb=2048", "-max_len=65536"];
  const { ok, detail } = fuzz(target, [...limits, `-artifact_prefix=${scratch}/`, inputs]);
  if (!checks.check(`${target}: ${SECONDS} fresh seconds`, ok, detail))
    for (const name of readdirSync(scratch).filter((n) => /^(crash|leak|timeout|oom)-/.test(n)))
      cpSync(join(scratch, name), join(root, "build/test-logs", `${target}-${name}`));
}
checks.end();
