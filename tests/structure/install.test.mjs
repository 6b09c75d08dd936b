// tests/structure/install.test.mjs - `cmake --install` gives a prefix from which the header's example is
// compiled by way of pkg-config, against the shared and the static library, and runs.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Checks, build, root, skip } from "../lib/project.mjs";

const checks = new Checks();
const folder = join(process.env.TMPDIR ?? "/tmp", "install");
const prefix = join(folder, "prefix");
mkdirSync(folder, { recursive: true });
if (spawnSync("pkg-config", ["--version"]).error) skip("no pkg-config");
const env = { ...process.env, PKG_CONFIG_PATH: join(prefix, "lib/pkgconfig"), LD_LIBRARY_PATH: join(prefix, "lib") };
const run = (command, args) => spawnSync(command, args, { cwd: folder, env, encoding: "utf8" });

const installed = run("cmake", ["--install", build, "--prefix", prefix, "--component", "libparkview"]);
checks.check("it installs", installed.status === 0, installed.stderr);
for (const file of ["include/parkview.h", "lib/libparkview.a", "lib/libparkview.so", "lib/pkgconfig/parkview.pc"])
  checks.check(`${file} is there`, existsSync(join(prefix, file)));

const header = readFileSync(join(root, "tracer/parkview.h"), "utf8");
const example = (/^ \*     #include[^]*?^ \*     }$/m.exec(header)?.[0] ?? "").replace(/^ \*(     )?/gm, "");
writeFileSync(join(folder, "example.c"), example);
const flags = run("pkg-config", ["--cflags", "--libs", "parkview"]).stdout.trim().split(/\s+/);
for (const [kind, extra] of [["shared", []], ["static", ["-Wl,-Bstatic", "-lparkview", "-Wl,-Bdynamic", "-pthread"]]]) {
  const libraries = kind === "static" ? [...flags.filter((f) => f !== "-lparkview"), ...extra] : flags;
  const compiled = run("gcc", ["-std=c11", "-Wall", "-Wextra", "-Werror", "example.c", "-o", kind, ...libraries]);
  checks.check(`the example compiles (${kind})`, compiled.status === 0, compiled.stderr);
  checks.equal(`it runs (${kind})`, run(join(folder, kind), []).status, 0);
}
const needed = run("ldd", [join(folder, "shared")]).stdout;
checks.check("the shared one is used", /libparkview\.so\.1 => .*install/.test(needed), needed);
const own = run("nm", ["-D", "--defined-only", join(prefix, "lib/libparkview.so")]).stdout;
const names = own.split("\n").map((l) => l.trim().split(" ").pop()).filter(Boolean);
checks.check("it exports nothing but pv_", names.length > 20 && names.every((n) => /^pv_/.test(n)), names.join(" "));
const libs = run("ldd", [join(prefix, "lib/libparkview.so")]).stdout;
checks.check("it needs libc only", !/lib(?!c\.|parkview|m\.|pthread|asan|tsan|ubsan|gcc_s|rt\.|dl\.)[a-z]+\.so(?!.*ld-linux)/.test(libs.replace(/linux-vdso\S*/, "")), libs);
checks.end();
