// tests/browser/many.test.mjs - a trace of very many goroutines (100,000 in the whole corpus, 10,000 in the part that the
// project carries) is readable: the folded group is the sum of them all, unfolded it shows the longest-waiting first.
import { Checks, corpus } from "../lib/project.mjs";
import { browser, lanes, main, open, serve, settled } from "./chromium.mjs";
import { sql } from "./figures.mjs";

const checks = new Checks();
const trace = corpus().find((t) => /-g100000\.trace$/.test(t.name)) ?? corpus().find((t) => /-g10000\.trace$/.test(t.name));
const [biggest] = sql(trace.path, "SELECT start_function AS name, count(*) AS n FROM goroutines GROUP BY 1 ORDER BY 2 DESC LIMIT 1");
const named = `start_function = '${biggest.name}'`;

const group = async (page) => (await lanes(page)).find((l) => l.kind === "group" && l.name === biggest.name);

/** What stands under the pointer on the folded group, as {name: figure}. */
async function under(page, x) {
  const row = await group(page);
  await page.mouse.move(x - 1, row.top + row.height / 2);
  await page.mouse.move(x, row.top + row.height / 2);
  await page.waitForSelector(".tip .mixrow");
  return page.locator(".tip .mixrow").evaluateAll((all) => all.map((r) => Number(r.querySelector(".sec").textContent.replaceAll(",", ""))));
}

await main(checks, async (later) => {
  const server = await serve([trace.path]);
  later(server.stop);
  const { context, problems, close } = await browser();
  later(close);
  const page = await open(context, server.url);
  const row = page.locator(".names .n", { hasText: biggest.name.split(".").pop() }).first();
  checks.check("the folded group says how many there are", (await row.innerText()).replaceAll(",", "").includes(String(biggest.n)), await row.innerText());

  const box = await page.locator(".lanes").boundingBox();
  const [{ from, to }] = sql(trace.path, `SELECT min(start_ns) AS "from", max(end_ns) AS "to" FROM slices WHERE ${named}`);
  const when = Math.round(from + (to - from) * 0.6);
  await page.evaluate(([a, b]) => window.parkview.setView(a, b), [when - 500, when + 500]);
  await settled(page);
  const [{ n }] = sql(trace.path, `SELECT count(*) AS n FROM slices WHERE start_ns <= ${when} AND end_ns > ${when} AND ${named}`);
  const seen = (await under(page, box.x + box.width / 2)).reduce((a, b) => a + b, 0);
  checks.check("its area is the sum of them all", n > biggest.n / 20 && Math.abs(seen - n) <= 0.02 * n, `${seen}, SQL ${n}`);

  await page.keyboard.press("0");
  await settled(page);
  const members = async () => (await lanes(page)).filter((l) => l.kind === "g");
  if ((await members()).length === 0) await row.click();
  await settled(page);
  const people = (await members()).map((l) => Number(l.name.slice(1)));
  const longest = sql(trace.path, `SELECT g, sum(duration_ns) AS ns FROM waits WHERE ${named} GROUP BY g ORDER BY ns DESC, g LIMIT 40`);
  const ns = new Map(longest.map((r) => [r.g, r.ns]));
  checks.check("unfolded, the longest-waiting come first", people.length > 5 && people.every((g) => ns.has(g)), `${people} of ${[...ns.keys()]}`);
  checks.check("in their order", people.every((g, i) => i === 0 || ns.get(people[i - 1]) >= ns.get(g)), people.join());
  checks.equal("nothing went wrong", problems.join("\n"), "");
});
