// tests/conformance/text.test.mjs - the commands that print text: dump byte for byte as Go's reader and
// `go tool trace -d=wire` have it (hashes in ../corpus/TEXT.tsv), and the page of summary.
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Checks, root } from "../lib/project.mjs";
import { inParallel, parkview, parseExpect, readAnswer, run, STABLE_THREADS } from "./judge.mjs";

const folder = join(root, "tests/corpus");
const checks = new Checks();
const hash = (bytes) => createHash("sha256").update(bytes).digest("hex");

async function checkDump(name, file, answer, events, wire) {
  if (answer.threads <= STABLE_THREADS) {
    const { stdout } = await run(parkview, ["dump", file]);
    checks.equal(`${name}: dump`, hash(stdout), events);
  }
  if (answer.format_version < 22 && answer.result === "ok") await checkOldWire(name, file, answer);
  if (wire === "-") return; // an old format, or so damaged that Go's tool stops
  const { stdout, status } = await run(parkview, ["dump", "--wire", file]);
  checks.equal(`${name}: status of dump --wire`, status, 0);
  checks.equal(`${name}: dump --wire`, hash(stdout), wire);
}

/** Go has no text form of the old formats; but some events stand for themselves in both orders. */
async function checkOldWire(name, file, answer) {
  const { stdout, status } = await run(parkview, ["dump", "--wire", file]);
  checks.equal(`${name}: status of dump --wire`, status, 0);
  const count = (event) => stdout.toString("latin1").split(`\n${event} `).length - 1;
  const same = { UserLog: "Log", UserTaskCreate: "TaskBegin", UserTaskEnd: "TaskEnd", CPUSample: "StackSample" };
  for (const [event, kind] of Object.entries(same))
    checks.equal(`${name}: ${event} in dump --wire`, count(event), answer.events_by_kind[kind] ?? 0);
}

/** A page that a person can read: the sum of what it says, its width, and nothing a terminal obeys. */
async function checkPage(name, file, expect, answer) {
  const { stdout, stderr, status } = await run(parkview, ["summary", file]);
  const page = stdout.toString();
  const lines = page.split("\n");
  if (!answer.format_version || status === 3) {
    checks.check(`${name}: a sentence for what is no trace`, stderr.startsWith("parkview: "), stderr);
    return;
  }
  checks.equal(`${name}: damage stands first`, lines[0].startsWith("This trace is damaged: "), !expect.ok);
  const tooLong = lines.slice(expect.ok ? 0 : 1).find((line) => [...line].length > 100);
  checks.check(`${name}: at most 100 columns`, !tooLong, tooLong);
  checks.check(`${name}: no control bytes`, !/[\x00-\x09\x0b-\x1f\x7f\ufffd]/.test(page), "");
  const events = `${answer.events.toLocaleString("en-US")} event`;
  checks.check(`${name}: tells the number of events`, page.includes(events), events);
  for (const reason of Object.keys(answer.wait_reasons).filter((r) => /^[ -~]+$/.test(r)).slice(0, 3))
    checks.check(`${name}: names "${reason}"`, page.includes(reason.slice(0, 30)) || page.includes(" other reasons for "), "");
}

async function checkUsage() {
  const cases = [
    [["digest"], 2, ""],
    [["summary", "--colour", "x"], 2, ""],
    [["dump", join(folder, "no-such-file")], 3, ""],
    [["digest", folder], 3, ""],
    [["summary", join(root, "LICENSE")], 3, ""],
    [["digest", join(root, "LICENSE")], 3, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 "],
  ];
  for (const [args, status, begin] of cases) {
    const done = await run(parkview, args);
    checks.equal(`status of ${args.join(" ")}`, done.status, status);
    checks.check(`output of ${args.join(" ")}`, done.stdout.toString().startsWith(begin), done.stdout.toString());
    if (!begin) checks.check(`${args.join(" ")} says why`, done.stderr.startsWith("parkview: "), done.stderr);
  }
}

await checkUsage();
const rows = readFileSync(join(folder, "TEXT.tsv"), "utf8").trim().split("\n").slice(1);
await inParallel(rows, async (row) => {
  const [name, events, wire] = row.split("\t");
  const base = join(folder, name);
  const file = existsSync(base) ? base : `${base}.zst`;
  const answer = await readAnswer(base);
  await checkDump(name, file, answer, events, wire);
  await checkPage(name, file, parseExpect(readFileSync(`${base}.expect`, "utf8")), answer);
});
checks.end();
