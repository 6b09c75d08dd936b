// tests/structure/headers.test.mjs - every header compiles alone, so that any .c may include it first.
import { spawnSync } from "node:child_process";
import { Checks, projectFiles, root } from "../lib/project.mjs";

const checks = new Checks();
const compiler = process.env.CC ?? "gcc";
const libraries = spawnSync("pkg-config", ["--cflags", "libwebsockets", "libcjson", "libzstd", "sqlite3", "zlib"], {
  encoding: "utf8",
});
const includes = libraries.stdout.trim().split(/\s+/).filter(Boolean);

for (const path of projectFiles().filter((f) => f.endsWith(".h"))) {
  const args = ["-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-Wno-unused", "-fsyntax-only", "-I.",
    ...includes, "-x", "c", "-"];
  const source = `#include "${path}"\n#include "${path}"\nint unit_is_not_empty;\n`;
  const { status, stderr } = spawnSync(compiler, args, { cwd: root, input: source, encoding: "utf8" });
  checks.check(`${path} compiles alone, and twice`, status === 0, stderr?.slice(0, 600));
}
checks.end();
