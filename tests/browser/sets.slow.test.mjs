// tests/browser/sets.slow.test.mjs - groups by task and by creator of more goroutines than could be summed from their lanes are
// areas: their heights in pixels, and the words under the pointer, filtered or not, are what SQL says; figures of them, too.
import { Checks, corpus } from "../lib/project.mjs";
import { addressed, browser, lanes, main, open, serve, settled, view } from "./chromium.mjs";
import { copied, sql } from "./figures.mjs";

const checks = new Checks();
const trace = corpus().find(({ name }) => name === "go1.26-http-p4.trace").path;
const LEGEND = { chan: "channel", net: "network", sleep: "sleep, timer", gc: "GC assist, sweep", sys: "system, other" };
const TASK = "SELECT g FROM tasks WHERE type = 'handleWork' UNION SELECT r.g FROM regions AS r JOIN tasks AS t ON t.id = r.task_id WHERE t.type = 'handleWork'";
const MADE = "SELECT o.g FROM goroutines AS o JOIN goroutines AS c ON c.g = o.parent_g WHERE c.start_function = 'net/http.(*conn).serve'";
const SETS = [
  { by: "task", kind: "set", name: "handleWork", gs: TASK },
  { by: "creator", kind: "creator", name: "net/http.(*conn).serve", gs: MADE },
];

const rowOf = async (page, { kind, name }) => (await lanes(page)).find((l) => l.kind === kind && l.name === name);

async function at(page, from, to) {
  await page.evaluate(([a, b]) => window.parkview.setView(a, b), [Math.round(from), Math.round(to)]);
  await settled(page);
}

async function filter(page, text) {
  await page.locator("#search").fill(text);
  await page.locator("#search").press("Enter");
  await settled(page);
  await page.locator(".dock button", { hasText: "Use as filter" }).click();
  await page.evaluate(() => document.activeElement?.blur());
}

/** What stands under the pointer in the middle of the window, as {name: figure}; nothing is waited for briefly. */
async function under(page, set, some) {
  const row = await rowOf(page, set);
  const box = await page.locator(".lanes").boundingBox();
  await page.mouse.move(box.x + box.width / 2 - 2, row.top + row.height / 2);
  await page.mouse.move(box.x + box.width / 2, row.top + row.height / 2);
  await page.waitForSelector(".tip .mixrow", { timeout: some ? 10_000 : 500 }).catch(() => undefined);
  const rows = await page.locator(".tip .mixrow").evaluateAll((all) => all.map((r) => [r.childNodes[1].textContent, Number(r.querySelector(".sec").textContent)]));
  await page.mouse.move(2, 2);
  return Object.fromEntries(rows);
}

async function words(page, set, when, where, what) {
  await at(page, when - 500, when + 500);
  const rows = sql(trace, `SELECT CASE state WHEN 'waiting' THEN family ELSE state END AS what, count(*) AS n FROM slices
    WHERE start_ns <= ${when} AND end_ns > ${when} AND g IN (${set.gs}) AND ${where} GROUP BY 1 HAVING n > 0`);
  const wanted = Object.fromEntries(rows.map((r) => [LEGEND[r.what] ?? r.what, r.n]));
  const got = await under(page, set, rows.length > 0);
  const alike = Object.keys(wanted).length === Object.keys(got).length && Object.entries(wanted).every(([k, n]) => Math.abs((got[k] ?? 0) - n) < 0.02 * n + 0.01);
  checks.check(`${set.name}: ${what}`, alike, `${JSON.stringify(got)}, SQL ${JSON.stringify(wanted)}`);
}

/** How many pixels of each column of the row its area covers; its ground shows at the top of each column. */
const heights = (page, row) =>
  page.evaluate(({ top, height }) => {
    const canvas = document.querySelector(".lanes canvas");
    const box = canvas.getBoundingClientRect();
    const copy = new OffscreenCanvas(canvas.width, height).getContext("2d");
    copy.drawImage(canvas, 0, Math.round(top - box.top), canvas.width, height, 0, 0, canvas.width, height);
    const { data } = copy.getImageData(0, 0, canvas.width, height);
    const at = (x, y) => data.slice((y * canvas.width + x) * 4, (y * canvas.width + x) * 4 + 3).join();
    return Array.from({ length: canvas.width }, (_, x) => {
      let n = 0;
      for (let y = 2; y < height - 1; y++) n += at(x, y) !== at(x, 1) ? 1 : 0;
      return n;
    });
  }, row);

/** The mean number of goroutines in each pixel of the window, from their slices. */
function means({ gs }, { from, to }, width) {
  const px = (to - from) / width;
  const sum = new Float64Array(width);
  for (const s of sql(trace, `SELECT start_ns AS a, end_ns AS b FROM slices WHERE g IN (${gs}) AND start_ns < ${to} AND end_ns > ${from}`)) {
    const [a, b] = [Math.max(0, (s.a - from) / px), Math.min(width, (s.b - from) / px)];
    for (let x = Math.floor(a); x < b; x++) sum[x] += Math.min(b, x + 1) - Math.max(a, x);
  }
  return sum;
}

async function area(page, set, from, to, what) {
  await at(page, from, to);
  const row = await rowOf(page, set);
  const got = await heights(page, { top: Math.round(row.top), height: Math.round(row.height) });
  const wanted = means(set, await view(page), got.length);
  const full = Math.max(1, ...wanted);
  const room = row.height - 6;
  const wrong = got.map((h, x) => Math.abs(h - (wanted[x] / full) * room)).filter((d) => d > 2.5).length;
  checks.check(`${set.name}: there is something to see ${what}`, full > 1 && got.some((h) => h > room / 2), `${full}`);
  checks.check(`${set.name}: its area is as high as SQL says ${what}`, wrong < got.length / 50, `${wrong} of ${got.length} columns`);
}

await main(checks, async (later) => {
  const server = await serve([trace]);
  later(server.stop);
  const { context, problems, close } = await browser({ height: 1300 });
  later(close);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const page = await open(context, `${server.url}#open=`);
  const { to: end } = await view(page);
  for (const set of SETS) {
    await page.locator(".ctl select").first().selectOption(set.by);
    await settled(page);
    const [{ n }] = sql(trace, `SELECT count(*) AS n FROM (${set.gs})`);
    const head = page.locator(".names .n.g", { hasText: set.by === "task" ? "handleWork task" : "by http.(*conn).serve" });
    checks.equal(`${set.name}: so many goroutines`, Number((await head.last().locator(".m").innerText()).replaceAll(",", "")), n);
    checks.check(`${set.name}: more than a few lanes`, n > 200, n);
    const [busy] = sql(trace, `SELECT start_ns + duration_ns / 2 AS at FROM slices WHERE g IN (${set.gs}) AND state = 'waiting' AND duration_ns > 100000 AND start_ns > ${end * 0.3} ORDER BY start_ns LIMIT 1`);
    await area(page, set, busy.at - 400e6, busy.at + 400e6, "from what was summed");
    await area(page, set, busy.at - 5e6, busy.at + 5e6, "slice by slice");
    await words(page, set, Math.round(busy.at), "1", "its words at a moment");
    for (const [text, where] of [
      ["reason:sync", "state = 'waiting' AND (reason LIKE '%sync%' OR refined LIKE '%sync%')"],
      [">1ms", "duration_ns >= 1000000"],
      ["func:handleWork", "(stack IN (SELECT stack FROM frames WHERE function LIKE '%handleWork%') OR g IN (SELECT g FROM goroutines WHERE start_function LIKE '%handleWork%'))"],
    ]) {
      await filter(page, text);
      await words(page, set, Math.round(busy.at), where, `filtered by ${text}`);
      await page.locator(".clear").click();
      await settled(page);
    }
    // X: the tables are about this row.
    await at(page, busy.at - 50e6, busy.at + 50e6);
    const row = await rowOf(page, set);
    const { from, to } = await view(page);
    await page.evaluate(() => document.activeElement?.blur());
    const box = await page.locator(".lanes").boundingBox();
    await page.mouse.move(box.x + 50, row.top + 4);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width - 50, row.top + 20, { steps: 4 });
    await page.mouse.up();
    await settled(page);
    await addressed(page);
    const [, a, b] = /area=(\d+)-(\d+),S\d+/.exec(decodeURIComponent(page.url())) ?? [];
    checks.check(`${set.name}: an area of its row`, Number(a) >= from - 1 && Number(b) <= to + 1, page.url());
    await page.locator(".dock button", { hasText: "Waiting" }).first().click();
    await settled(page);
    const told = (await copied(page)).reduce((sum, r) => sum + Number(r.count ?? r.Count), 0);
    const [{ waits }] = sql(trace, `SELECT count(*) AS waits FROM slices WHERE g IN (${set.gs}) AND state = 'waiting' AND start_ns < ${b} AND end_ns > ${a}`);
    checks.equal(`${set.name}: figures of its goroutines alone`, told, waits);
    await page.keyboard.press("Escape");
    await settled(page);
  }
  checks.equal("nothing went wrong", problems.join("\n"), "");
});
