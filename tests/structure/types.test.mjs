// tests/structure/types.test.mjs - the page's types: tsc --noEmit says nothing.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Checks, root, skip } from "../lib/project.mjs";

const page = join(root, "frontend");
if (!existsSync(join(page, "node_modules/typescript"))) skip("npm ci in frontend/ was not run");
const checks = new Checks();
const { status, stdout, stderr } = spawnSync("npm", ["run", "--silent", "check"], { cwd: page, encoding: "utf8" });
checks.check("tsc finds nothing", status === 0, stdout + stderr);
checks.end();
