// tests/structure/includes.test.mjs - arrows point one way: tracer <- storage <- server, and the
// page's lib <- net <- model <- draw <- view <- main.  X/src/ is private to X (tests excepted).
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { Checks, projectFiles, root } from "../lib/project.mjs";

const checks = new Checks();
const files = projectFiles();
const text = (path) => readFileSync(join(root, path), "utf8");

// ---- C ------------------------------------------------------------------------------------------

const MAY_INCLUDE = {
  tracer: ["tracer"],
  storage: ["storage", "tracer"],
  server: ["server", "storage"],
};
const isPublic = (header) => header.split("/").length === 2;

for (const path of files.filter((f) => /\.[ch]$/.test(f))) {
  const part = path.split("/")[0];
  if (!(part in MAY_INCLUDE)) continue;
  for (const [, header] of text(path).matchAll(/^\s*#\s*include\s+"([^"]+)"/gm)) {
    const target = header.split("/")[0];
    if (!header.includes("/")) {
      // Only what a build makes (assets.def) is named without its folder.
      checks.check(`${path} includes "${header}" by its path`, !files.some((f) => f.endsWith(`/${header}`)));
      continue;
    }
    checks.check(`${path} may include "${header}"`, MAY_INCLUDE[part].includes(target), `${part} <- ${target}`);
    if (target !== part) checks.check(`${path} includes a public header`, isPublic(header), header);
    checks.check(`${path} includes a file that exists`, files.includes(header), header);
  }
}

// ---- TypeScript ---------------------------------------------------------------------------------

const LAYERS = ["lib", "net", "model", "draw", "view", "main"];
const layerOf = (path) => {
  const inner = path.replace(/^frontend\/src\//, "");
  return inner.includes("/") ? inner.split("/")[0] : inner.replace(/\.[a-z]+$/, "");
};
const PACKAGES = ["preact", "uplot", "@codemirror", "codemirror", "@lezer", "sql-manual"]; // the last is made of storage/SQL.md by build.mjs

for (const path of files.filter((f) => /^frontend\/src\/.*\.tsx?$/.test(f) && !/\.d\.ts$|\.test\./.test(f))) {
  const mine = LAYERS.indexOf(layerOf(path));
  if (!checks.check(`${path} lies in a layer`, mine >= 0, `layers: ${LAYERS.join(" <- ")}`)) continue;
  const source = text(path);
  for (const [, from] of source.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)) {
    if (!from.startsWith(".")) {
      checks.check(`${path} may import "${from}"`, PACKAGES.some((p) => from === p || from.startsWith(`${p}/`)));
      continue;
    }
    const theirs = LAYERS.indexOf(layerOf(normalize(join(dirname(path), from))));
    checks.check(`${path} may import "${from}"`, theirs <= mine && (theirs >= 0 || /\.css$/.test(from)));
  }
  if (layerOf(path) === "draw")
    checks.check(`${path} paints: no DOM, no requests`, !/\bdocument\.|\bfetch\(|new WebSocket/.test(source));
}

checks.end();
