// tests/faults/kill.slow.test.mjs - `parkview import` is killed with SIGKILL at a hundred points, spread by chance over
// the whole of its time.  Afterwards there is no store, or one that opens and says what a sound one says; what was left
// behind half-written is never taken for a store; and the next import succeeds.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Checks, corpus, parkview, run, skip } from "../lib/project.mjs";

const KILLS = 100;
const traces = corpus();
const trace = (traces.find((t) => t.name === "go1.26-http-p2.trace") ?? traces.find((t) => /http-p2\.trace$/.test(t.name)))?.path;
if (!trace) skip("no corpus");

const checks = new Checks();
const folder = mkdtempSync(join(tmpdir(), "parkview-kill-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const figures = (store) => {
  const got = [run(["waits", store]), run(["query", store, "SELECT count(*), sum(duration_ns), max(g) FROM slices"])];
  return { status: got.map((r) => r.status).join(), text: got.map((r) => r.stdout).join("\n"), err: got.map((r) => r.stderr).join("") };
};

/** Imports, killed after so many ms (never if null); resolves with how long it took, and the signal. */
function importing(store, killAfter) {
  return new Promise((resolve) => {
    const began = performance.now();
    const child = spawn(parkview, ["import", trace, "-o", store], { stdio: "ignore" });
    const timer = killAfter === null ? null : setTimeout(() => child.kill("SIGKILL"), killAfter);
    child.on("close", (status, signal) => {
      clearTimeout(timer);
      resolve({ took: performance.now() - began, status, signal });
    });
  });
}

const sound = join(folder, "sound.pvstore");
const times = [];
for (let i = 0; i < 3; i++) {
  const { took, status } = await importing(sound, null);
  if (!checks.equal("the import that nobody kills", status, 0)) checks.end();
  times.push(took);
}
const usual = times.sort((a, b) => a - b)[1];
const expected = figures(sound);
checks.equal("the sound store answers", expected.status, "0,0");
checks.check("and has slices", /[1-9]/.test(expected.text), expected.text);

const seen = { killed: 0, finished: 0, none: 0, partial: 0, whole: 0 };
const store = join(folder, "killed.pvstore");
for (let i = 0; i < KILLS; i++) {
  const { signal } = await importing(store, Math.random() * usual * 1.1);
  seen[signal ? "killed" : "finished"]++;
  const left = readdirSync(folder).filter((name) => name.startsWith("killed."));
  for (const name of left.filter((n) => n !== "killed.pvstore")) {
    seen.partial++;
    if (!/\.partial$/.test(name)) continue;
    const got = figures(join(folder, name));
    checks.equal(`kill ${i}: ${name} is not taken for a store`, got.status, "3,3");
    checks.check(`kill ${i}: it says so`, got.err.split("\n").filter((l) => l.startsWith("parkview: ")).length === 2, got.err);
  }
  if (existsSync(store)) {
    seen.whole++;
    const got = figures(store);
    checks.equal(`kill ${i}: the store opens`, got.status, "0,0");
    checks.equal(`kill ${i}: and says what a sound one says`, got.text, expected.text);
    rmSync(store);
  } else {
    seen.none++;
  }
  if (i % 10 === 9) {
    const { status } = await importing(store, null);
    checks.equal(`kill ${i}: the next import succeeds`, status, 0);
    checks.equal(`kill ${i}: with the same figures`, figures(store).text, expected.text);
    checks.equal(`kill ${i}: and tidies up`, readdirSync(folder).filter((n) => /partial/.test(n)).join(), "");
    rmSync(store, { force: true });
  }
}
console.log(`${KILLS} times within ${usual.toFixed(0)} ms: ${JSON.stringify(seen)}`);
checks.check("most were killed while they ran", seen.killed >= KILLS / 2, JSON.stringify(seen));
checks.check("some left a store half-written", seen.partial > 0, JSON.stringify(seen));
checks.end();
