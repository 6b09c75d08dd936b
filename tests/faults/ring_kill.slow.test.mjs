// tests/faults/ring_kill.slow.test.mjs - two hundred SIGKILLs at random moments under load never leave a
// ring file with a wrong record.  The quick tests do a few (tests/unit/ring_kill_test.c).
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { build, skip } from "../lib/project.mjs";

const program = join(build, "tests/ring_kill_test");
if (!existsSync(program)) skip(`${program} is not built`);
const { status, stdout } = spawnSync(program, [], { env: { ...process.env, PARKVIEW_KILLS: "200" }, encoding: "utf8" });
process.stdout.write(stdout);
process.exit(status ?? 1);
