// tests/lib/feed.mjs - a trace that comes in slowly: a pipe, fed as far as the test wants.
import { spawn, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { corpus } from "./project.mjs";

/**
 * A trace of three generations, unpacked into the folder; another with PARKVIEW_LARGE_TRACE.  Its
 * generations end at 35 %, 99.4 % and 100 % of its bytes.
 */
export function slowTrace(folder) {
  if (process.env.PARKVIEW_LARGE_TRACE) return process.env.PARKVIEW_LARGE_TRACE;
  const { path } = corpus().find((t) => t.name === "go1.26-log-gctrace.trace");
  const plain = join(folder, "slow.trace");
  const { status } = spawnSync("zstd", ["-dqf", path, "-o", plain]);
  if (status !== 0) throw new Error(`zstd cannot read ${path}`);
  return plain;
}

export class Feed {
  #bytes;
  #fed = 0;
  #cat;
  constructor(trace, pipe) {
    this.#bytes = readFileSync(trace);
    spawnSync("mkfifo", [pipe]);
    this.#cat = spawn("sh", ["-c", 'exec cat > "$0"', pipe], { stdio: ["pipe", "ignore", "ignore"] });
    this.#cat.stdin.on("error", () => {});
  }
  /** Up to that share of the trace. */
  to(share) {
    const end = Math.floor(this.#bytes.length * share);
    this.#cat.stdin.write(this.#bytes.subarray(this.#fed, end));
    this.#fed = end;
  }
  /** The rest, and the pipe's end. */
  end() {
    this.to(1);
    this.#cat.stdin.end();
  }
  /** The writer goes away in the middle. */
  stop() {
    this.#cat.kill();
  }
}
