// tests/faults/disk_full.test.mjs - no room for the store: one sentence, exit status 3, and nothing left behind.
// Once as a limit on the size of a file (RLIMIT_FSIZE, SIGXFSZ ignored), at many sizes; once as a file system that is
// really full (a small tmpfs, where we may mount one).
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Checks, parkview, root, run } from "../lib/project.mjs";

const checks = new Checks();
const trace = join(root, "samples/lock-convoy.trace");
const folder = mkdtempSync(join(tmpdir(), "parkview-full-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const sound = join(folder, "sound.pvstore");
const good = run(["import", trace, "-o", sound]);
if (!checks.equal("with room the import succeeds", good.status, 0)) {
  console.log(good.stderr);
  checks.end();
}
const size = statSync(sound).size;
const figures = run(["waits", sound]).stdout;

function refused(name, got, at) {
  checks.equal(`${name}: exit status`, got.status, 3);
  const lines = got.stderr.split("\n").filter(Boolean);
  checks.equal(`${name}: one sentence`, lines.length, 1);
  checks.check(`${name}: that says what is wrong`, /^parkview: .*(full|space|too large|cannot|I\/O)/i.test(lines[0] ?? ""), got.stderr);
  checks.equal(`${name}: nothing left behind`, readdirSync(at).join(), "");
}

// Sizes of a file from nothing to a little less than the store, which must not fit.
const place = join(folder, "limited");
mkdirSync(place);
for (const share of [0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99]) {
  const limit = Math.floor(size * share);
  const script = `trap "" XFSZ; exec prlimit --fsize=${limit} "$@"`;
  const got = spawnSync("bash", ["-c", script, "bash", parkview, "import", trace, "-o", join(place, "a.pvstore")], { encoding: "utf8", timeout: 60_000 });
  refused(`no file above ${limit} bytes`, got, place);
}

const mount = join(folder, "tmpfs");
mkdirSync(mount);
const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${Math.max(4096, Math.floor(size / 2 / 4096) * 4096)}`, "tmpfs", mount], { encoding: "utf8" });
if (mounted.status === 0) {
  try {
    refused("a file system that is full", run(["import", trace, "-o", join(mount, "a.pvstore")]), mount);
    const cache = { env: { ...process.env, XDG_CACHE_HOME: mount } };
    const got = run(["waits", trace], cache);
    checks.equal("a cache folder that is full: exit status", got.status, 3);
    const left = readdirSync(mount, { recursive: true }).filter((f) => /partial|\.pvstore$|journal|wal|shm/.test(f));
    checks.equal("a cache folder that is full: no store left behind", left.join(), "");
  } finally {
    spawnSync("umount", [mount]);
  }
} else {
  console.log(`not tried: a full tmpfs, as none can be mounted here (${(mounted.stderr ?? "").trim()})`);
}

const again = join(place, "a.pvstore");
checks.equal("then, with room, the import succeeds", run(["import", trace, "-o", again]).status, 0);
checks.equal("with the same figures", run(["waits", again]).stdout, figures);
checks.check("under its own name", existsSync(again) && readdirSync(place).length === 1, readdirSync(place).join());
checks.end();
