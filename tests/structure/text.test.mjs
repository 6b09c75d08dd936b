// tests/structure/text.test.mjs - what every text file of the project has to be: free of machine
// paths and download addresses, without unfinished places, opened by a comment that names it.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Checks, projectFiles, root } from "../lib/project.mjs";

const checks = new Checks();
const files = projectFiles();
const isText = (path) => /\.(c|h|def|ts|tsx|mjs|css|html|json|md|cmake|txt|go|sh)$|\/(run|record)$|^(run|test)$/.test(path);

// Spelled so that this file does not hold what it looks for.
const NEVER = [
  [/[/]work[/]|[/]home[/](?!gopher)|[/]Users[/]/, "a path of one machine"],
  [/registry[.]npm|deb[.]debian|nodesour[c]e|snapshot[.]debian|proxy[.]golang/, "a package host"],
  [/"resolved"\s*:/, "a download address in a lock file"],
  [/\bT[O]DO\b|\bF[I]XME\b|\bX[X]X\b|\bH[A]CK\b/, "an unfinished place"],
  [/[ \t]+$/m, "white space at a line's end"],
  [/^<{7} |^>{7} /m, "a merge conflict"],
];

for (const path of files.filter(isText)) {
  if (path.startsWith("tests/corpus/")) continue;
  const text = readFileSync(join(root, path), "utf8");
  for (const [pattern, what] of NEVER) {
    const found = pattern.exec(text);
    const line = found ? text.slice(0, found.index).split("\n").length : 0;
    checks.check(`${path} holds ${what}`, !found, found && `line ${line}: ${found[0].slice(0, 60)}`);
  }
  if (/\.[ch]$/.test(path)) {
    checks.check(`${path} opens with its name`, text.startsWith(`/* ${path} - `), text.slice(0, 60));
    const long = text.split("\n").findIndex((line) => line.length > 100 && !line.includes('"'));
    checks.check(`${path} fits in 100 columns`, long < 0, `line ${long + 1}`);
  }
}

// ---- the top level ------------------------------------------------------------------------------

const TOP = ["tracer", "server", "frontend", "storage", "tests", "samples", "CMakeLists.txt", "CMakePresets.json",
  "README.md", "run", "test", "LICENSE", ".ci"];
const TOOL_DOT_FILES = [".clang-format", ".gitignore", ".gitattributes", ".editorconfig"];
for (const entry of new Set(files.map((f) => f.split("/")[0])))
  checks.check(`"${entry}" belongs to the top level`, [...TOP, ...TOOL_DOT_FILES].includes(entry));

for (const folder of ["tests", "samples"])
  checks.check(`${folder}/ has a README.md`, readdirSync(join(root, folder)).includes("README.md"));

checks.end();
