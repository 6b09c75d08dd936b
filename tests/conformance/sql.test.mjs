// tests/conformance/sql.test.mjs - storage/SQL.md keeps its word: the reference is what the program
// says of itself, and every worked question runs, with an answer where the trace has what it asks for.
import { readFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Checks, corpus, root, run } from "../lib/project.mjs";

const checks = new Checks();
const text = readFileSync(join(root, "storage/SQL.md"), "utf8");

// ---- the reference ------------------------------------------------------------------------------

const [questions, reference] = text.split("\n# Reference\n\n");
checks.equal("the reference is what `parkview query --tables` prints", reference, run(["query", "--tables"]).stdout);

// ---- the questions ------------------------------------------------------------------------------

const worked = [...questions.matchAll(/(?:^## (.+)\n)|```sql\n([\s\S]*?)```/gm)].reduce((list, [, title, sql]) => {
  if (title) list.title = title;
  else list.push({ title: list.title, sql });
  return list;
}, []);
checks.check("there are at least fifteen worked questions", new Set(worked.map((w) => w.title)).size >= 15);

const sample = (name) => join(root, "samples", `${name}.trace`);
const traces = [
  ...["lock-convoy", "gc-assist", "leaked-goroutines", "slow-downstream"].map(sample),
  ...["go1.26-tasks.trace", "go1.23-tasks.trace", "go1.23-http-cpusamples.trace", "go1.22-mix.damaged-bitflip1.trace",
    "go1.26-syscalls.trace", "go1.22v1-mix.trace", "go1.26-flightrecorder.damaged-batch-dropped.trace"]
    .flatMap((name) => corpus().filter((t) => t.name === name).slice(0, 1).map((t) => t.path)),
];

const folder = mkdtempSync(join(tmpdir(), "parkview-sql-"));
const stores = traces.map((trace, i) => {
  const store = join(folder, `${i}.pvstore`);
  const made = run(["import", "-o", store, trace]);
  checks.check(`${trace} becomes a store`, made.status <= 1, made.stderr);
  return store;
});
for (const { title, sql } of worked) {
  let most = 0;
  stores.forEach((store, i) => {
    const { status, stdout, stderr } = run(["query", "--format", "json", store, sql]);
    if (!checks.check(`"${title}" runs on ${traces[i]}`, status <= 1, stderr)) return;
    most = Math.max(most, JSON.parse(stdout).length);
  });
  checks.check(`"${title}" has an answer in one of the traces`, most > 0, sql);
}

// ---- the formats --------------------------------------------------------------------------------

const odd = `SELECT 1 AS a, 2.5 AS "b,c", NULL AS n, '' AS e, 'say "x", y' AS q, x'00ff' AS blob, char(27) || '[31m' AS esc`;
const json = run(["query", "--format", "json", stores[0], odd]);
checks.equal("json keeps values", JSON.stringify(JSON.parse(json.stdout)),
  JSON.stringify([{ a: 1, "b,c": 2.5, n: null, e: "", q: 'say "x", y', blob: "x'00ff'", esc: "\u001b[31m" }]));
const csv = run(["query", "--format", "csv", stores[0], odd]);
checks.equal("csv as RFC 4180 says", csv.stdout,
  'a,"b,c",n,e,q,blob,esc\r\n1,2.5,,"","say ""x"", y",x\'00ff\',\u001b[31m\r\n');
const table = run(["query", stores[0], odd]);
checks.check("a table has no control characters", !/[\u0000-\u0009\u000b-\u001f\u007f]/.test(table.stdout), table.stdout);
checks.equal("a table's numbers stand at the right", run(["query", stores[0], "SELECT 5 AS number, 'x' AS text UNION ALL SELECT 12345678, 'yy'"]).stdout,
  "  number  text\n       5  x\n12345678  yy\n");
checks.equal("no rows are an empty list", run(["query", "--format", "json", stores[0], "SELECT 1 WHERE 0"]).stdout, "[]\n");

const piped = join(folder, "question.sql");
writeFileSync(piped, "SELECT 42 AS answer -- from standard input\n");
checks.equal("- reads SQL from standard input",
  run(["query", "--format", "csv", stores[0], "-"], { input: readFileSync(piped) }).stdout, "answer\r\n42\r\n");

// ---- limits and exit status ---------------------------------------------------------------------

const forever = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
const stopped = run(["query", "--timeout", "200ms", stores[0], forever]);
checks.check("a query stops in time, with a sentence", stopped.status === 3 && /stopped after 0\.2 s/.test(stopped.stderr), stopped.stderr);
const few = run(["query", "--limit", "2", "--format", "csv", stores[0], "SELECT name FROM columns"]);
checks.check("--limit is told", few.stdout.split("\r\n").length === 4 && /only the first 2 rows/.test(few.stderr), few.stderr);
for (const sql of ["ATTACH 'x' AS y", "PRAGMA user_version", "DELETE FROM slices", "CREATE TABLE t(x)", "SELECT * FROM coltab", "nonsense"])
  checks.equal(`${sql} is refused`, run(["query", stores[0], sql]).status, 2);
checks.equal("a question is needed", run(["query", stores[0]]).status, 2);
checks.equal("a file is needed", run(["query", "/no/such/file", "SELECT 1"]).status, 3);
const damaged = traces.findIndex((t) => t.includes("damaged"));
if (damaged >= 0) checks.equal("a damaged trace answers, and says so", run(["query", stores[damaged], "SELECT 1"]).status, 1);

rmSync(folder, { recursive: true });
checks.end();
