// tests/sanitize/corpus.test.mjs - the commands of the sanitizers' builds over the corpus: whatever the
// file, an exit status of 0 to 3 and not a word from a sanitizer.  ThreadSanitizer only gets
// what has threads: reading and importing.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Checks, corpus, quick, root, skip } from "../lib/project.mjs";

const scratch = mkdtempSync(join(tmpdir(), "parkview-sanitize-"));
const store = join(scratch, "store");
const COMMANDS = [
  (trace) => ["digest", trace],
  (trace) => ["summary", "--json", trace],
  (trace) => ["dump", trace],
  (trace) => ["import", trace, "-o", store],
  (trace) => ["import", "--strict", trace, "-o", store],
];
const THREADED = [COMMANDS[0], COMMANDS[3]];
const BUILDS = [["build-asan", COMMANDS], ["build-tsan", THREADED]].filter(([b]) => existsSync(join(root, b, "parkview")));
if (BUILDS.length === 0) skip("there is no sanitizer's build");

/** All of the small ones, or in a hurry every seventh; the sanitizers are slow on large ones. */
function sample() {
  const small = corpus().filter(({ path }) => statSync(path).size < (quick ? 60e3 : 700e3));
  return quick ? small.filter((_, i) => i % 7 === 0) : small;
}

function expected({ path }) {
  const file = `${path.replace(/\.zst$/, "")}.expect`;
  return existsSync(file) ? readFileSync(file, "utf8").split(/\s/)[0] : "";
}

const checks = new Checks();
const traces = sample();
if (traces.length === 0) skip("no corpus");
for (const [build, commands] of BUILDS)
  for (const trace of traces)
    for (const command of commands) {
      const args = command(trace.path);
      rmSync(store, { force: true });
      const { status, signal, stderr } = spawnSync(join(root, build, "parkview"), args, {
        stdio: ["ignore", "ignore", "pipe"], // dump writes much
        timeout: 120e3,
      });
      const said = String(stderr);
      const name = `${build} ${args.slice(0, args.indexOf(trace.path)).join(" ")} ${trace.name}`;
      checks.check(`${name}: ends well`, [0, 1, 3].includes(status) && !signal, `status ${status} ${signal ?? ""}\n${said.slice(-1500)}`);
      checks.check(`${name}: no sanitizer speaks`, !/Sanitizer|runtime error:/.test(said), said.slice(0, 1500));
      if (expected(trace) === "SUCCESS") checks.equal(`${name}: is a sound trace`, status, 0);
    }
rmSync(scratch, { recursive: true });
checks.end();
