// tests/browser/timeline.test.mjs - the way of a person through a trace: lanes, zoom, a slice, waits.
// What the page shows is held against what the commands and Go's own reader say.
import { basename } from "node:path";
import { Checks, corpus, readJson, run, skip } from "../lib/project.mjs";
import { browser, lanes, main, open, serve, settled, view } from "./chromium.mjs";

const trace = ["go1.26-http-p8.trace", "go1.26-http-p2.trace", "go1.22-http-p2.trace", "go1.26-mix.trace"]
  .map((wanted) => corpus().find(({ name, answers }) => name === wanted && answers))
  .find(Boolean);
if (!trace) skip("no HTTP trace in the corpus");
const answers = readJson(trace.answers);
const checks = new Checks();

async function zoomsWithKeys(page) {
  const all = await view(page);
  checks.equal("the whole trace is shown at first", all.to - all.from, answers.duration_ns);
  await page.keyboard.press("w");
  await settled(page);
  const near = await view(page);
  checks.check("W zooms in", near.to - near.from < 0.9 * (all.to - all.from), JSON.stringify(near));
  await page.keyboard.press("d");
  await settled(page);
  const right = await view(page);
  checks.check("D pans to the right", right.from > near.from && right.to > near.to, JSON.stringify(right));
  for (const [key, way] of [["ArrowRight", 1], ["ArrowLeft", -1]]) {
    const before = await view(page);
    await page.keyboard.press(key);
    await settled(page);
    const after = await view(page);
    checks.check(`${key} pans`, Math.sign(after.from - before.from) === way && Math.abs(after.to - after.from - (before.to - before.from)) <= 1, JSON.stringify([before, after]));
  }
  await page.keyboard.press("a");
  await page.keyboard.press("s");
  await settled(page);
  const wide = await view(page);
  checks.check("S zooms out", wide.to - wide.from > near.to - near.from, JSON.stringify(wide));
  await page.keyboard.press("0");
  await settled(page);
  checks.equal("0 shows everything", JSON.stringify(await view(page)), JSON.stringify(all));
}

async function readsASlice(page, file) {
  // A wait that is long enough to be clicked, as SQL sees it.
  const sql = "SELECT g, start_ns, duration_ns, reason, refined FROM waits WHERE reason IN ('select', 'sync', 'chan receive') " +
    "AND start_ns > 0 AND duration_ns BETWEEN 100000 AND 50000000 ORDER BY duration_ns DESC LIMIT 1";
  const answer = run(["query", file, sql, "--format", "json"]);
  if (!checks.equal("parkview query answers", answer.status, 0)) return;
  const [wait] = JSON.parse(answer.stdout);
  const middle = wait.start_ns + Math.round(wait.duration_ns / 2);
  await page.evaluate(([from, to]) => window.parkview.setView(from, to), [
    wait.start_ns - 2 * wait.duration_ns,
    wait.start_ns + 3 * wait.duration_ns,
  ]);
  await settled(page);
  const { x, y } = await page.evaluate(([lane, at]) => window.parkview.sliceAt(lane, at), [`G${wait.g}`, middle]);
  await page.mouse.click(x, y);
  await page.waitForSelector("aside.det #d-name");
  await settled(page);
  const details = await page.innerText("aside.det");
  checks.equal("the slice's name is its refined reason", await page.innerText("#d-name"), wait.refined);
  checks.check("its goroutine is named", details.includes(`G${wait.g}`), details);
  checks.check("the trace's own reason is quoted", details.includes(`“${wait.reason}”`), details);
  checks.check("it opens with a sentence", /waited in .* (until|and was still)/.test(details.replace(/\s+/g, " ")), details);
  checks.check("its start is exact", (await page.$$eval("aside.det dd[title]", (all) => all.map((e) => e.title))).includes(`${wait.start_ns} ns`), details);
  await page.keyboard.press(".");
  await settled(page);
  checks.check("the next slice of it is another", (await page.innerText("#d-name")) !== wait.refined, await page.innerText("#d-name"));
  await page.keyboard.press("Escape");
  await settled(page);
  checks.equal("Escape closes the details", await page.locator("aside.det").count(), 0);
}

/** The page's rounding: "1.06 ms" -> ns, and how far off it may be. */
function nanoseconds(text) {
  const [, value, unit] = /^([\d.,]+)\s*(ns|µs|ms|s|min|h)/.exec(text) ?? [];
  const scale = { ns: 1, "µs": 1e3, ms: 1e6, s: 1e9, min: 6e10, h: 3.6e12 }[unit];
  return Number(value?.replaceAll(",", "")) * scale;
}

async function comparesWaits(page, file, from, to) {
  await page.evaluate(([a, b]) => window.parkview.setView(a, b), [from, to]);
  await settled(page);
  const now = await view(page);
  const command = run(["waits", file, "--from", `${now.from}`, "--to", `${now.to}`, "--by", "refined", "--format", "json"]);
  if (!checks.equal("parkview waits answers", command.status, 0)) return;
  const expected = JSON.parse(command.stdout).rows;
  // Percentiles of sums are read from buckets; the page shows exact ones, as SQL does.
  const sql = `SELECT refined, percentile(duration_ns, 50) AS p50_ns, percentile(duration_ns, 99) AS p99_ns, percentile(duration_ns, 99.9) AS p999_ns
    FROM waits WHERE start_ns < ${now.to} AND end_ns > ${now.from} AND reason <> 'forever' GROUP BY refined`;
  for (const exact of JSON.parse(run(["query", file, sql, "--format", "json", "--limit", "0"]).stdout))
    for (const wait of expected.filter((w) => w.key === exact.refined)) Object.assign(wait, exact);
  const rows = await page.$$eval("table.waits tbody tr", (all) =>
    all.map((tr) => [tr.querySelector(".name").textContent, ...[...tr.children].slice(2).map((td) => td.innerText.trim())]),
  );
  const where = `${now.from}..${now.to}`;
  checks.equal(`as many reasons in ${where}`, rows.length, expected.length);
  const off = (got, ns) => Math.abs(nanoseconds(got) - ns) / Math.max(ns, 1);
  for (const wait of expected) {
    const row = rows.find(([name]) => name === (wait.refined || wait.key));
    if (!checks.check(`${wait.key} is in the table of ${where}`, row, JSON.stringify(rows))) continue;
    checks.equal(`${wait.key} in ${where}: count`, Number(row[1].replaceAll(",", "")), wait.count);
    for (const [i, key] of [[2, "total_ns"], [3, "mean_ns"], [4, "p50_ns"], [5, "p99_ns"], [6, "p999_ns"], [7, "max_ns"]])
      checks.check(`${wait.key} in ${where}: ${key}`, off(row[i], wait[key]) < 0.006, `page ${row[i]}, command ${wait[key]} ns`);
  }
}

await main(checks, async (later) => {
  const file = trace.path;
  const server = await serve([file]);
  later(server.stop);
  const { context, problems, close } = await browser();
  later(close);
  const page = await open(context, server.url);

  const processors = (await lanes(page)).filter((lane) => lane.kind === "P" || /^P\d+$/.test(lane.name));
  const expected = answers.per_p.filter((p) => p.id >= 0).length;
  checks.equal(`one lane for each P of ${basename(file)}`, processors.length, expected);
  await zoomsWithKeys(page);
  await readsASlice(page, file);
  const { duration_ns: all } = answers;
  await comparesWaits(page, file, 0, all);
  await comparesWaits(page, file, Math.round(0.31 * all), Math.round(0.52 * all));
  await comparesWaits(page, file, Math.round(0.6 * all), Math.round(0.6 * all) + 1e6);
  checks.equal("nothing went wrong on the page", problems.join("\n"), "");
});
