// frontend/test/types.test.mjs - the page is free of type errors.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Checks, root, skip } from "../../tests/lib/project.mjs";

const tsc = join(root, "frontend/node_modules/typescript/bin/tsc");
if (!existsSync(tsc)) skip("npm ci in frontend/ was not run");
const checks = new Checks();
const run = spawnSync(process.execPath, [tsc, "--noEmit", "-p", join(root, "frontend")], { encoding: "utf8" });
checks.equal("tsc finds nothing", `${run.status} ${run.stdout}${run.stderr}`.trim(), "0");
checks.end();
