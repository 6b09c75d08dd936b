// tests/runtime/lines.test.mjs - the frames of a C program's recording have file and line, as long as the program is where
// it was and still the same; else they have neither, and never those of another program.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Checks, build, parkview, root, skip } from "../lib/project.mjs";

const sample = (name) => join(build, "samples", name);
if (!existsSync(sample("pipeline"))) skip("the samples are not built");
if (!/libdw/.test(spawnSync("ldd", [parkview], { encoding: "utf8" }).stdout)) skip("built without libdw (apt install libdw-dev)");

const checks = new Checks();
const scratch = process.env.TMPDIR ?? "/tmp";
const [program, ring, copy] = ["lines-program", "lines.ring", "lines-copy.ring"].map((name) => join(scratch, name));
const source = readFileSync(join(root, "samples/pipeline.c"), "utf8").split("\n");

/** Each with its store of its own: what was found once is kept in it. */
function frames(file, cache) {
  const asked = spawnSync(parkview, ["query", "--format", "json", "--limit", "0", file, "SELECT DISTINCT function, file, line FROM frames"],
    { encoding: "utf8", env: { ...process.env, XDG_CACHE_HOME: join(scratch, cache) } });
  return checks.equal(`query of ${cache}`, asked.status, 0) ? JSON.parse(asked.stdout) : [];
}

rmSync(program, { force: true });
copyFileSync(sample("pipeline"), program);
checks.equal("it records", spawnSync(program, [ring]).status, 0);
copyFileSync(ring, copy);

const found = frames(ring, "there");
const own = found.filter((f) => f.file.endsWith("/samples/pipeline.c"));
checks.check("frames in its own source", own.length >= 5, JSON.stringify(found));
const calls = own.filter((f) => source[f.line - 1]?.includes("pv_"));
checks.check("a line where it waits calls the runtime", calls.some((f) => f.function === "parse") && calls.some((f) => f.function === "store"), JSON.stringify(own));
for (const { function: name, line } of own) {
  // The function's head is the last line before it that begins at the margin and is no brace.
  const head = source.slice(0, line).findLast((text) => /^[a-z].*\)\s*\{$/.test(text));
  checks.check(`${name}:${line} lies in ${name}`, head?.includes(` ${name}(`), head);
}
checks.check("frames in the runtime's source", found.some((f) => f.function === "pv_chan_send" && /\/chan\.c$/.test(f.file) && f.line > 0), JSON.stringify(found));

rmSync(program);
copyFileSync(sample("mutex-contention"), program);
const other = frames(copy, "another");
checks.check("another program in its place: no lines", other.length > 0 && other.every((f) => f.line === 0 && f.file === program), JSON.stringify(other.slice(0, 3)));

rmSync(program);
const gone = frames(copy, "gone");
checks.check("the program is gone: names as before", gone.some((f) => f.function === "parse") && gone.every((f) => f.line === 0), JSON.stringify(gone.slice(0, 3)));
checks.end();
