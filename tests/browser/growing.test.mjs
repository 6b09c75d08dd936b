// tests/browser/growing.test.mjs - while a trace is still coming in, what is there of it is on the page: the lanes, the tables
// and how far it is; and when it is whole, the page shows what SQL says of the whole.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Feed, slowTrace } from "../lib/feed.mjs";
import { Checks } from "../lib/project.mjs";
import { browser, lanes, main, serve, settled, view } from "./chromium.mjs";
import { sql } from "./figures.mjs";

const checks = new Checks();
const until = async (what) => {
  for (let i = 0; i < 1200; i++) {
    if (await what()) return true;
    await new Promise((r) => setTimeout(r, 50));
  }
  return false;
};

await main(checks, async (later) => {
  const folder = mkdtempSync(join(tmpdir(), "parkview-grow-"));
  later(() => rmSync(folder, { recursive: true, force: true }));
  const trace = slowTrace(folder);
  const pipe = join(folder, "growing.trace");
  const feed = new Feed(trace, pipe);
  feed.to(0.7);
  const server = await serve([pipe]);
  later(server.stop);
  const { context, problems, close } = await browser({ height: 1500 });
  later(close);
  const page = await context.newPage();
  await page.goto(server.url);
  const drawn = await until(async () => await page.evaluate(() => (window.parkview?.lanes().length ?? 0) > 3));
  checks.check("lanes are there before the last byte is", drawn);
  checks.check("and how far it is", (await page.locator(".progress").count()) === 1 && /reading/.test(await page.innerText(".stat")), await page.innerText(".stat"));
  const early = (await view(page)).to;
  const counted = await until(async () => /waits/.test((await page.locator("#waits-sum").count()) ? await page.innerText("#waits-sum") : ""));
  checks.check("and figures of what is there", counted);
  await page.locator(".ctl select").first().selectOption("creator");
  const made = async () => (await page.locator(".names .n.g", { hasText: /^(by |made )/ }).locator(".m").allInnerTexts()).reduce((sum, t) => sum + Number(t.replaceAll(",", "")), 0);
  checks.check("goroutines by their creators, as far as they are known", await until(async () => (await made()) > 0));
  feed.end();
  const whole = await until(async () => !/reading/.test(await page.innerText(".stat")));
  checks.check("it comes to its end", whole);
  await settled(page);
  const late = (await view(page)).to;
  checks.check("the window has grown with it", late > early && early > 0, `${early} ${late}`);
  const [{ n }] = sql(trace, "SELECT count(*) AS n FROM waits WHERE reason <> 'forever'");
  const said = Number((await page.innerText("#waits-sum")).split(" ")[0].replaceAll(",", ""));
  const [{ forever }] = sql(trace, "SELECT count(*) AS forever FROM waits WHERE reason = 'forever'");
  checks.equal("in the end the tables are of the whole", said, n + forever);
  // The runtime's own are in no such group; none of the program's functions here is of runtime or runtime/trace.
  const [{ users }] = sql(trace, "SELECT count(*) AS users FROM goroutines WHERE coalesce(start_function, '') NOT LIKE 'runtime%'");
  checks.equal("the groups by creator, too", await made(), users);
  checks.check("and the lanes", (await lanes(page)).length > 3);
  checks.equal("nothing went wrong", problems.join("\n"), "");
});
