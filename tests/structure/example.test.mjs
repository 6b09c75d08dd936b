// tests/structure/example.test.mjs - the example in the tracer's public header compiles without a warning,
// as C and as C++, and leaves a ring file.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Checks, build, root } from "../lib/project.mjs";

const checks = new Checks();
const folder = process.env.TMPDIR ?? "/tmp";
const header = readFileSync(join(root, "tracer/parkview.h"), "utf8");
const example = (/^ \*     #include[^]*?^ \*     }$/m.exec(header)?.[0] ?? "").replace(/^ \*(     )?/gm, "");
checks.check("the header has an example", /int main\(void\)/.test(example), example);

const source = join(folder, "example.c");
const program = join(folder, "example");
writeFileSync(source, example.replace("<parkview.h>", '"tracer/parkview.h"'));
const flags = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", `-I${root}`];
const run = (command, args) => spawnSync(command, args, { cwd: folder, encoding: "utf8" });
const compiled = run("gcc", ["-std=c11", ...flags, source, join(build, "libparkview.a"), "-pthread", "-o", program]);
checks.check("it compiles as C11", compiled.status === 0, compiled.stderr);
const ran = run(program, []);
checks.equal("it ends well", ran.status, 0);
checks.check("it leaves a ring file", existsSync(join(folder, "app.ring")));
const cpp = spawnSync("g++", ["-std=c++17", ...flags, "-fsyntax-only", "-x", "c++", "-"], {
  input: '#include "tracer/parkview.h"\nint main() { return pv_on(); }\n', encoding: "utf8",
});
if (cpp.error) console.log("no g++: the header was not tried as C++");
else checks.check("the header is C++ too", cpp.status === 0, cpp.stderr);
checks.end();
