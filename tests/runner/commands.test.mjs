// tests/runner/commands.test.mjs - the two commands themselves: they explain themselves, find nothing to
// do when nothing changed, and say honestly when they cannot install what is missing.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Checks, root } from "../lib/project.mjs";

const checks = new Checks();
const command = (args, env = {}) => spawnSync("bash", args, { cwd: tmpdir(), encoding: "utf8", env: { ...process.env, ...env } });

for (const name of ["run", "test"]) {
  const help = command([join(root, name), "--help"]);
  checks.equal(`./${name} --help ends well`, help.status, 0);
  checks.check(`./${name} --help explains`, help.stdout.startsWith(`usage: ./${name}`), help.stdout);
}

const again = command([join(root, "run"), "--build"]);
checks.equal("./run --build ends well", again.status, 0);
checks.equal("and a second time has nothing to do", again.stderr.trim(), "parkview: built: build/parkview");

// A machine without cmake, on which installing fails: only these few programs are on its PATH.
const bin = join(mkdtempSync(join(tmpdir(), "parkview-bare-")), "bin");
mkdirSync(bin);
for (const tool of ["bash", "dirname", "readlink", "mkdir", "wc", "tail", "env", "cat", "sleep"])
  symlinkSync(spawnSync("sh", ["-c", `command -v ${tool}`], { encoding: "utf8" }).stdout.trim(), join(bin, tool));
const tool = (name, text) => writeFileSync(join(bin, name), `#!${bin}/bash\n${text}\n`, { mode: 0o755 });
const HERE = { PATH: bin, HOME: tmpdir() };

tool("id", "echo 1000");
tool("apt-get", "exit 1");
const noSudo = command([join(root, "run"), "--build"], HERE);
checks.check("without root and sudo it fails", noSudo.status !== 0);
checks.check("and says what to type", /As root:\s+apt-get install .*cmake.*libwebsockets-dev/.test(noSudo.stderr), noSudo.stderr);

tool("id", "echo 0");
const noNetwork = command([join(root, "run"), "--build"], HERE);
checks.check("without a network it fails", noNetwork.status !== 0);
checks.check("and says so", /could not install.*no network/.test(noNetwork.stderr), noNetwork.stderr);
checks.end();
