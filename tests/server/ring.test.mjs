// tests/server/ring.test.mjs - every command on ring files: one that is being written, one that a killed
// program left, one that is packed, one that is cut off.
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Checks, build, parkview } from "../lib/project.mjs";

const checks = new Checks();
const folder = process.env.TMPDIR ?? "/tmp";
const at = (name) => join(folder, name);
const run = (...args) => spawnSync(parkview, args, { cwd: folder, encoding: "utf8", maxBuffer: 1 << 28 });
const count = (file) => Number(run("query", file, "SELECT count(*) FROM waits", "--format", "csv").stdout.split("\n")[1]);

const program = spawn(join(build, "tests/ring_record"), [at("live.ring"), "60000", String(1 << 20), "marks"]);
await new Promise((resolve) => program.stdout.once("data", resolve));
await new Promise((resolve) => setTimeout(resolve, 300));

const first = run("summary", "--json", "live.ring");
checks.equal("a live ring: summary", first.status, 0);
const seen = JSON.parse(first.stdout || "{}");
checks.check("it has events and goroutines", seen.events > 100 && seen.goroutines > 10, first.stdout?.slice(0, 300));
checks.check("a live ring: waits", /chan receive/.test(run("waits", "live.ring").stdout));
checks.check("a live ring: a query", count("live.ring") > 10);
const still = "SELECT count(*) > 0 AS n FROM waits WHERE open = 1 AND end_ns = (SELECT value FROM meta WHERE key = 'duration_ns')";
checks.equal("a live ring: who still waits does so until its end", run("query", "live.ring", still, "--format", "csv").stdout.split(/\s+/).join(" "), "n 1 ");
const before = run("query", "live.ring", "SELECT max(start_ns), min(g), max(g) FROM slices", "--format", "csv").stdout;
await new Promise((resolve) => setTimeout(resolve, 300));
checks.check("what it holds goes on", before !== run("query", "live.ring", "SELECT max(start_ns), min(g), max(g) FROM slices", "--format", "csv").stdout);
checks.equal("a live ring has no place in the cache", run("import", "live.ring").status, 2);
checks.equal("but may be imported", run("import", "-o", "live.pvstore", "live.ring").status, 0);

program.kill("SIGKILL");
await new Promise((resolve) => program.once("exit", resolve));
const killed = run("digest", "live.ring");
checks.check("after SIGKILL: digest", killed.status === 0 && /result=ok/.test(killed.stdout), killed.stdout + killed.stderr);
checks.equal("after SIGKILL: the same each time", run("digest", "live.ring").stdout, killed.stdout);
const objects = run("query", "live.ring", "SELECT count(*) > 10 AND min(object >> 4 = g) AS ok FROM wait_objects WHERE object", "--format", "csv").stdout;
checks.equal("wait objects are those of their goroutines", objects.split(/\s+/).join(" "), "ok 1 ");
checks.equal("cut", run("cut", "--from", "0", "--to", "1ms", "-o", "part.pvstore", "live.ring").status, 0);
checks.check("the cut store has waits", count("part.pvstore") > 0);

writeFileSync(at("packed.ring.gz"), gzipSync(readFileSync(at("live.ring")), { level: 1 }));
checks.equal("a packed ring", run("digest", "packed.ring.gz").stdout, killed.stdout);

copyFileSync(at("live.ring"), at("short.ring"));
truncateSync(at("short.ring"), Number(readFileSync(at("live.ring")).readBigUInt64LE(56)) + 10 * 65536 - 100); // within the tenth batch
const short = run("summary", "short.ring");
checks.check("a ring that is cut off says so", [1, 3].includes(short.status) && /cut off/.test(short.stdout + short.stderr), short.stdout + short.stderr);
const wire = run("dump", "--wire", "live.ring");
checks.check("no wire form: a sentence", wire.status !== 0 && /FORMAT\.md/.test(wire.stderr), wire.stderr);
checks.equal("export of a Go trace is refused", run("export", "-o", "x.trace", "part.pvstore").status, 3);
checks.check("and leaves nothing", !existsSync(at("x.trace")) && !existsSync(at("x.trace.part")));
checks.equal("export wants a file", run("export", "live.ring").status, 2);
checks.end();
