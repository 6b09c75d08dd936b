// tests/structure/links.test.mjs - what the documents point at is there: links, pictures, and the paths
// and commands that they name in code.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { Checks, projectFiles, root } from "../lib/project.mjs";

const checks = new Checks();
const files = projectFiles();
const commands = [...readFileSync(join(root, "server/src/commands.def"), "utf8").matchAll(/^COMMAND\((\w+),/gm)].map((m) => m[1]);

for (const path of files.filter((f) => f.endsWith(".md"))) {
  const text = readFileSync(join(root, path), "utf8");
  const inFolder = (target) => normalize(join(dirname(path), target));
  for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^(https?:|#)/.test(target)) continue;
    checks.check(`${path} links to ${target}`, existsSync(join(root, inFolder(target.replace(/#.*/, "")))));
  }
  // `storage/src/event.h`: from the root, the document's folder, or its src/.  NAME stands for any name.
  const named = [...text.matchAll(/`([\w.-]+(?:\/[\w.-]+)+\.(?:c|h|def|md|mjs|ts|tsx|go|json))`/g)].map((m) => m[1]);
  for (const target of new Set(named.filter((t) => !/NAME/.test(t))))
    checks.check(`${path} names ${target}`, [target, inFolder(target), inFolder(`src/${target}`)].some((t) => existsSync(join(root, t))));
  for (const [, command] of text.matchAll(/(?:build\/|^ {4,}|`)parkview ([a-z]+)\b/gm))
    checks.check(`${path} uses parkview ${command}`, commands.includes(command), commands.join(" "));
}
checks.end();
