// build.mjs - src/ -> dist/: the script, what it loads later (the SQL editor, charts), one style sheet, one page, one font.
// `--watch` rebuilds on change.
import { build, context } from "esbuild";
import { copyFileSync, mkdirSync, readFileSync, rmSync } from "node:fs";
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

/** storage/SQL.md's worked questions and functions, as the module "sql-manual": nothing is written twice. */
const manual = {
  name: "sql-manual",
  setup(b) {
    const file = join(here, "../storage/SQL.md");
    b.onResolve({ filter: /^sql-manual$/ }, () => ({ path: file, namespace: "manual" }));
    b.onLoad({ filter: /.*/, namespace: "manual" }, () => {
      const text = readFileSync(file, "utf8");
      const worked = /\n# Worked questions\n([\s\S]*?)\n# Reference\n/.exec(text)?.[1] ?? "";
      const questions = worked
        .split(/^## /m)
        .slice(1)
        .flatMap((part) => {
          const title = part.slice(0, part.indexOf("\n"));
          return [...part.matchAll(/([^\n]*)\n+```sql\n([\s\S]*?)\n```/g)].map(([, before, sql], i) => ({ title: i === 0 || !before.trim() ? title : before.replace(/[:.]$/, ""), sql }));
        });
      const functions = [...(/### Functions\n([\s\S]*)/.exec(text)?.[1] ?? "").matchAll(/^\| `([^`]+)` \| (.*?) \|$/gm)].map(([, call, meaning]) => ({ call, meaning }));
      if (questions.length < 10 || functions.length < 5) throw new Error("storage/SQL.md has another shape than build.mjs expects");
      return { contents: JSON.stringify({ questions, functions }), loader: "json", watchFiles: [file] };
    });
  },
};

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
  splitting: true,
  chunkNames: "[name]-[hash]",
  plugins: [manual],
  target: ["es2022"],
  jsx: "automatic",
  jsxImportSource: "preact",
  external: ["/inter-latin.woff2"],
  legalComments: "none",
  logLevel: "warning",
};
if (process.argv.includes("--watch")) await (await context(options)).watch();
else await build(options);
