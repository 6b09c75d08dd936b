// tests/runtime/header.test.mjs - the example in tracer/runtime/goroutine.h compiles without a warning, and prints what it says.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Checks, build, root, skip } from "../lib/project.mjs";

const checks = new Checks();
const libraries = ["libparkview-runtime.a", "libparkview.a"].map((name) => join(build, name));
if (!libraries.every((f) => existsSync(f))) skip("the runtime's library is not built");
const scratch = process.env.TMPDIR ?? tmpdir();
const comment = /^\/\*[\s\S]*?\*\//.exec(readFileSync(join(root, "tracer/runtime/goroutine.h"), "utf8"))[0];
const [, indented] = / \*\n((?: \* {5}.*\n)+)/.exec(comment); // the first block
const example = indented.split("\n").map((line) => line.slice(7)).join("\n");
const source = join(scratch, "example.c");
const program = join(scratch, "example");
writeFileSync(source, `#include <stdio.h>\n#include "tracer/runtime/goroutine.h"\n${example}\n`);
const gc = spawnSync("pkg-config", ["--libs", "bdw-gc"], { encoding: "utf8" });
const libgc = gc.status === 0 ? gc.stdout.trim().split(/\s+/) : [];
const made = spawnSync(process.env.CC ?? "gcc", ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-D_GNU_SOURCE", "-I", root, source,
  "-o", program, ...libraries, ...libgc, "-pthread"], { encoding: "utf8" });
if (checks.check("the example compiles", made.status === 0, made.stderr)) {
  const { status, stdout } = spawnSync(program, [], { encoding: "utf8" });
  checks.equal("it ends well", status, 0);
  checks.equal("it prints what was sent", stdout, "42\n");
}
checks.end();
