// build.mjs - src/ -> dist/: one script, one style sheet, one page, one font.  `--watch` rebuilds on change.
import { build, context } from "esbuild";
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
copyFileSync(join(here, "src/index.html"), join(dist, "index.html"));
copyFileSync(
  join(here, "node_modules/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2"),
  join(dist, "inter-latin.woff2"),
);
copyFileSync(join(here, "node_modules/@fontsource-variable/inter/LICENSE"), join(dist, "inter-LICENSE.txt"));

const options = {
  absWorkingDir: here,
  entryPoints: [
    { in: "src/main.tsx", out: "app" },
    { in: "src/page.css", out: "app" },
  ],
  outdir: dist,
  bundle: true,
  minify: !process.argv.includes("--readable"),
  format: "esm",
  target: ["es2022"],
  jsx: "automatic",
  jsxImportSource: "preact",
  external: ["/inter-latin.woff2"],
  legalComments: "none",
  logLevel: "warning",
};
if (process.argv.includes("--watch")) await (await context(options)).watch();
else await build(options);
