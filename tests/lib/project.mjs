// tests/lib/project.mjs - the project as its tests see it: files, programs, corpus, and how a test
// program says what it found (see tests/README.md for that convention).
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
export const build = process.env.PARKVIEW_BUILD ?? join(root, "build");
export const parkview = process.env.PARKVIEW ?? join(build, "parkview");
export const shared = process.env.PARKVIEW_SHARED ?? join(root, "../shared");
export const quick = Boolean(process.env.PARKVIEW_QUICK);

/** Ends the program: "skipped", and why. */
export function skip(why) {
  console.log(`skipped: ${why}`);
  process.exit(77);
}

/** Collects checks and ends the program with the line that the runner counts. */
export class Checks {
  #passed = 0;
  #failed = 0;
  check(name, ok, detail = "") {
    if (ok) this.#passed++;
    else {
      this.#failed++;
      console.log(`failed: ${name}${detail === "" ? "" : `\n    ${String(detail).replaceAll("\n", "\n    ")}`}`);
    }
    return Boolean(ok);
  }
  equal(name, got, expected) {
    return this.check(name, got === expected, `got ${JSON.stringify(got)}, expected ${JSON.stringify(expected)}`);
  }
  end() {
    console.log(`${this.#passed} passed, ${this.#failed} failed`);
    process.exit(this.#failed ? 1 : 0);
  }
}

/** The project's own files, relative to its root: what git tracks or would. */
export function projectFiles() {
  const out = execFileSync("git", ["-C", root, "ls-files", "-co", "--exclude-standard"], { encoding: "utf8" });
  return [...new Set(out.split("\n"))].filter((path) => path && existsSync(join(root, path)));
}

const isTrace = (name) => /\.(trace|bin)(\.zst)?$/.test(name);

/**
 * Traces with Go's own answers: the whole corpus where it is beside the project, else the part of
 * it that the project carries.  Each: {path, name, answers} (answers: path of NAME.oracle.json).
 */
export function corpus() {
  const folder = [join(shared, "corpus"), join(root, "tests/corpus")].find((f) => existsSync(f));
  if (!folder) return [];
  const walk = (at) =>
    readdirSync(at, { withFileTypes: true }).flatMap((e) =>
      e.isDirectory() ? walk(join(at, e.name)) : isTrace(e.name) ? [join(at, e.name)] : [],
    );
  return walk(folder)
    .sort()
    .map((path) => {
      const plain = path.replace(/\.zst$/, "");
      const answers = [".oracle.json", ".oracle.json.zst"].map((s) => plain + s).find((f) => existsSync(f));
      return { path, name: basename(plain), answers };
    });
}

export function corpusIsWhole() {
  return existsSync(join(shared, "corpus"));
}

/** JSON of a file that may be zstd-compressed. */
export function readJson(path) {
  if (!path.endsWith(".zst")) return JSON.parse(readFileSync(path, "utf8"));
  const { stdout, status } = spawnSync("zstd", ["-dcq", path], { maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`zstd cannot read ${path}`);
  return JSON.parse(stdout.toString("utf8"));
}

/** Runs parkview; returns {status, signal, stdout, stderr}. */
export function run(args, options = {}) {
  return spawnSync(parkview, args, { encoding: "utf8", maxBuffer: 1 << 28, ...options });
}
