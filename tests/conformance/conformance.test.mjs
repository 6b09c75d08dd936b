// tests/conformance/conformance.test.mjs - recorded traces of every Go version against the answers of
// Go's own reader.  What is compared, and how, stands in README.md.
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { quick, root, shared, skip } from "../lib/project.mjs";
import { inParallel, judge, judgeText, parkview, parseExpect, readAnswer } from "./judge.mjs";

const USAGE = `usage: node tests/conformance/conformance.test.mjs [--filter TEXT] [--quick]
  --filter TEXT   only traces whose name holds TEXT
  --quick         without the text forms (digest, dump) and without files above 1 MB`;
const TEXT_LIMIT = 300_000; // events: text forms are compared up to here, JavaScript hashes slowly

function options() {
  const args = process.argv.slice(2);
  const given = { quick, filter: "" };
  for (let arg = args.shift(); arg !== undefined; arg = args.shift()) {
    if (arg === "--quick") given.quick = true;
    else if (arg === "--filter") given.filter = args.shift() ?? "";
    else {
      console.log(USAGE);
      process.exit(2);
    }
  }
  return given;
}

function corpus() {
  const big = join(shared, "corpus");
  if (existsSync(join(big, "LIST.tsv"))) return big;
  console.log(`note: ${big} is absent, so only the selection in tests/corpus is compared`);
  return join(root, "tests/corpus");
}

function traces(folder, { filter, quick }) {
  const [, ...lines] = readFileSync(join(folder, "LIST.tsv"), "utf8").trim().split("\n");
  return lines
    .map((line) => line.split("\t")[1])
    .map((name) => {
      const plain = join(folder, name.replace(/\.zst$/, ""));
      const file = existsSync(plain) ? plain : `${plain}.zst`;
      return { name: name.replace(/\.zst$/, ""), base: plain, file };
    })
    .filter((t) => existsSync(`${t.base}.expect`) && t.name.includes(filter))
    .filter((t) => !quick || statSync(t.file).size <= 1e6);
}

if (!existsSync(parkview)) skip(`${parkview} is not built`);
const given = options();
const folder = corpus();
const list = traces(folder, given);
let passed = 0;
let failed = 0;
await inParallel(list, async ({ name, base, file }) => {
  let wrong;
  try {
    const expect = parseExpect(readFileSync(`${base}.expect`, "utf8"));
    const answer = await readAnswer(base);
    wrong = answer ? await judge(file, expect, answer) : ["has no answer of Go's reader beside it"];
    if (!wrong.length && !given.quick && answer.events <= TEXT_LIMIT) wrong = await judgeText(file, expect, answer);
  } catch (error) {
    wrong = [String(error)];
  }
  if (wrong.length) console.log(`FAILED ${name}: ${wrong.join("; ").slice(0, 700)}`);
  if (wrong.length) failed++;
  else passed++;
});
if (!list.length) {
  console.log(`FAILED: no trace in ${folder} has "${given.filter}" in its name`);
  failed++;
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
