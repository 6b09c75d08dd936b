// tests/browser/finding.test.mjs - the search, its conditions, the filter; SQL in the page; the address, Back and Forward.
import { join } from "node:path";
import { Checks, quick, root } from "../lib/project.mjs";
import { addressed, browser, lanes, main, open, serve, settled, view } from "./chromium.mjs";
import { copied, sql } from "./figures.mjs";

const checks = new Checks();
const convoy = join(root, "samples/lock-convoy.trace");
const tasks = join(root, "samples/gc-assist.trace");
const hash = (page) => new URLSearchParams(new URL(page.url()).hash.slice(1));

async function look(page, text) {
  await page.locator("#search").fill(text);
  await settled(page);
}

const QUESTIONS = [
  ["reason:sync >5ms", "state = 'waiting' AND (reason LIKE '%sync%' OR refined LIKE '%sync%') AND duration_ns >= 5000000"],
  ["state:ready >100us", "state = 'runnable' AND duration_ns >= 100000"],
  ["G66 state:waiting <1ms", "g = 66 AND state = 'waiting' AND duration_ns <= 1000000"],
  ["P2 state:running", "p = 2 AND state = 'running'"],
  ["mutex", "state = 'waiting' AND (reason LIKE '%mutex%' OR refined LIKE '%mutex%')"],
  ["func:main.client", "(start_function LIKE '%main.client%' OR stack IN (SELECT stack FROM frames WHERE function LIKE '%main.client%'))"],
  ['reason:"chan receive"', "state = 'waiting' AND (reason LIKE '%chan receive%' OR refined LIKE '%chan receive%')"],
];

async function searches(page) {
  for (const [text, where] of quick ? QUESTIONS.slice(0, 3) : QUESTIONS) {
    await look(page, text);
    await page.keyboard.press("Enter");
    await settled(page);
    const [{ n }] = sql(convoy, `SELECT count(*) AS n FROM slices WHERE ${where} AND reason IS NOT 'forever'`);
    const said = await page.innerText("#found-sum");
    checks.equal(`${text}: as many as SQL finds`, Number(said.split(" ")[0].replaceAll(",", "")), n);
    checks.equal(`${text}: marked on the overview`, (await page.locator(".ovc .hit").count()) > 0, n > 0);
  }
}

async function steps(page) {
  await look(page, "reason:sync >5ms");
  const all = sql(convoy, "SELECT g, start_ns FROM waits WHERE (reason LIKE '%sync%' OR refined LIKE '%sync%') AND duration_ns >= 5000000 ORDER BY start_ns, g");
  const here = async () => `${(await page.locator("aside.det dl .a").first().innerText()).slice(1)} ${(await page.$$eval("aside.det dd[title]", (d) => d.map((e) => e.title))).find((t) => /^\d+ ns$/.test(t))}`;
  for (const i of [0, 1, 2]) {
    await page.locator("#search").press("Enter");
    await settled(page);
    checks.equal(`Enter ${i + 1} is at hit ${i + 1}`, await here(), `${all[i].g} ${all[i].start_ns} ns`);
  }
  await page.locator("#search").press("Shift+Enter");
  await settled(page);
  checks.equal("Shift+Enter goes back", await here(), `${all[1].g} ${all[1].start_ns} ns`);
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press("F3");
  await settled(page);
  checks.equal("F3 goes on", await here(), `${all[2].g} ${all[2].start_ns} ns`);
  const listed = await copied(page);
  checks.equal("the list has them in order", listed.map((r) => `${r.goroutine} ${r.start_ns}`).join(), all.map((r) => `${r.g} ${r.start_ns}`).join());
  checks.equal("and shows where we are", await page.locator("table.found tr.sel").count(), 1);
}

async function filters(page) {
  await page.evaluate(() => document.activeElement?.blur());
  const before = (await lanes(page)).filter((l) => l.kind === "group").length;
  await page.locator(".dock button", { hasText: "Use as filter" }).click();
  await settled(page);
  const groups = (await lanes(page)).filter((l) => l.kind === "group").map((l) => l.name);
  const left = sql(convoy, "SELECT DISTINCT start_function AS f FROM waits WHERE (reason LIKE '%sync%' OR refined LIKE '%sync%') AND duration_ns >= 5000000").map((r) => r.f);
  checks.check("groups without a match leave the lanes", groups.length > 0 && groups.length < before && groups.every((g) => left.includes(g)), `${groups.join()} of ${left.join()}`);
  await page.keyboard.press("0");
  await page.keyboard.press("1");
  await settled(page);
  const rows = await copied(page);
  const want = sql(convoy, "SELECT refined, count(*) AS n, sum(duration_ns) AS ns FROM waits WHERE (reason LIKE '%sync%' OR refined LIKE '%sync%') AND duration_ns >= 5000000 GROUP BY refined ORDER BY ns DESC");
  checks.equal("the tables count what matches", rows.map((r) => `${r.key} ${r.count} ${r.total_ns}`).join(), want.map((w) => `${w.refined} ${w.n} ${w.ns}`).join());
  await addressed(page);
  checks.equal("the address has the filter", hash(page).get("filter"), "reason:sync >5ms");
  await page.locator(".narrowed .chip").click();
  await settled(page);
  for (let i = 0; i < 6; i++) await page.keyboard.press("PageUp");
  await settled(page);
  const again = (await lanes(page)).filter((l) => l.kind === "group").map((l) => l.name);
  checks.check("a click on its chip brings all back", again.some((g) => !left.includes(g)), again.join());
}

/** Which of the moments on a lane are drawn as a wait: its base is as dark as its family. */
function drawn(page, moments) {
  return page.evaluate(async (all) => {
    const out = [];
    for (const { g, at, family } of all) {
      const place = await window.parkview.sliceAt(`G${g}`, at);
      const canvas = document.querySelector(".lanes canvas");
      const box = canvas.getBoundingClientRect();
      const copy = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
      copy.drawImage(canvas, Math.round(place.x - box.left), Math.round(place.y - box.top) + 8, 1, 1, 0, 0, 1, 1);
      const solid = getComputedStyle(document.documentElement).getPropertyValue(`--${family}-s`).trim();
      out.push([1, 3, 5].map((i) => parseInt(solid.slice(i, i + 2), 16)).join() === [...copy.getImageData(0, 0, 1, 1).data].slice(0, 3).join());
    }
    return out;
  }, moments);
}

/** A function is known slice by slice: what has it in its stack stays, what has not is grey. */
async function functionFilter(page) {
  const [from, to] = [56e6, 84e6];
  await page.evaluate(([a, b]) => window.parkview.setView(a, b), [from, to]);
  await settled(page);
  await page.evaluate(() => window.parkview.sliceAt("G66", 65e6)); // unfolds its group
  await settled(page);
  const waits = sql(convoy, `SELECT g, max(start_ns, ${from}) + (min(end_ns, ${to}) - max(start_ns, ${from})) / 2 AS at, family,
    (start_function LIKE '%writeToAuditLog%' OR stack IN (SELECT stack FROM frames WHERE function LIKE '%writeToAuditLog%')) AS fits
    FROM waits WHERE start_function = 'net/http.(*conn).serve' AND start_ns < ${to} AND end_ns > ${from} AND min(end_ns, ${to}) - max(start_ns, ${from}) > 1000000`)
    .filter((_, i) => !quick || i % 4 === 0);
  const before = await drawn(page, waits);
  checks.check("unfiltered, all waits are drawn", before.every(Boolean), `${before.filter(Boolean).length} of ${before.length}`);
  await look(page, "func:writeToAuditLog");
  await page.keyboard.press("Enter");
  await settled(page);
  await page.locator(".dock button", { hasText: "Use as filter" }).click();
  await page.evaluate(([a, b]) => (document.activeElement?.blur(), window.parkview.setView(a, b)), [from, to]);
  await settled(page);
  const after = await drawn(page, waits);
  const wrongly = waits.filter((w, i) => after[i] !== Boolean(w.fits));
  checks.check("a function filter leaves just its slices", wrongly.length === 0 && waits.some((w) => w.fits) && waits.some((w) => !w.fits), JSON.stringify(wrongly));
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await settled(page);
  checks.equal("Escape drops it", await page.locator(".narrowed .chip").count(), 0);
  checks.check("and all are drawn again", (await drawn(page, waits)).every(Boolean));
  await page.keyboard.press("0");
  await page.locator(".clear").click();
}

async function wrong(page) {
  await look(page, "state:asleep");
  await page.keyboard.press("Enter");
  checks.check("a condition that is none is said to be none", /state:asleep/.test(await page.innerText(".dock .bad")));
  await look(page, "no such thing here");
  await page.keyboard.press("Enter");
  await settled(page);
  checks.check("nothing found is said in words", /Nothing in this trace is “no such thing here”/.test(await page.innerText(".dock .empty")));
  await page.locator(".clear").click();
}

async function logsAndTasks(page) {
  const [task] = sql(tasks, "SELECT type, count(*) AS n FROM tasks GROUP BY type ORDER BY n LIMIT 1");
  await look(page, `task:${task.type}`);
  await page.keyboard.press("Enter");
  await settled(page);
  checks.equal("tasks are found by name", Number((await page.innerText("#found-sum")).split(" ")[0]), Math.min(200, task.n));
  checks.check("and marked", (await page.locator(".ovc .hit").count()) > 0);
  await page.locator(".dock button", { hasText: "Use as filter" }).click();
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press("0");
  await page.keyboard.press("1");
  await settled(page);
  const gs = `SELECT g FROM tasks WHERE type = '${task.type}' UNION SELECT r.g FROM regions AS r JOIN tasks AS t ON t.id = r.task_id WHERE t.type = '${task.type}'`;
  const [want] = sql(tasks, `SELECT count(*) AS n, sum(duration_ns) AS ns FROM waits WHERE g IN (${gs}) AND reason <> 'forever'`);
  const rows = await copied(page);
  checks.equal("as a filter, a task leaves its goroutines", [rows.reduce((a, r) => a + r.count, 0), rows.reduce((a, r) => a + r.total_ns, 0)].join(), [want.n, want.ns].join());
}

async function run(page, text) {
  await page.locator(".editor").click();
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText(text);
  await page.keyboard.press("Escape"); // closes a list of completions
  await page.keyboard.press("Control+Enter");
  await settled(page);
}

async function asks(page) {
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press("`");
  await settled(page);
  await page.locator(".editor").click();
  await page.keyboard.press("Control+a");
  await page.keyboard.type("SELECT  FROM waits WHERE dur");
  const offered = page.waitForFunction(() => [...document.querySelector(".editor").shadowRoot.querySelectorAll(".cm-completionLabel")].some((e) => e.textContent === "duration_ns"), undefined, { timeout: 10e3 });
  checks.check("columns of the schema are offered", await offered.then(() => true, () => false));
  await page.keyboard.press("Escape");

  const question = "SELECT g, start_ns, duration_ns FROM waits WHERE refined = 'sync.(*Mutex).Lock' ORDER BY duration_ns DESC LIMIT 7";
  await run(page, question);
  checks.equal("rows as SQL on the command line", JSON.stringify(await copied(page)), JSON.stringify(sql(convoy, question)));
  checks.equal("rows with a time are marks on the lanes", await page.locator(".lanes .sqlmark").count(), 7);
  checks.equal("and on the overview", await page.locator(".ovc .sqlmark").count(), 7);
  await page.locator("table.free th button", { hasText: "duration_ns" }).click();
  await page.locator("table.free th button", { hasText: "duration_ns" }).click();
  const values = await page.$$eval("table.free tbody tr td:nth-child(3)", (all) => all.map((td) => Number(td.textContent.replaceAll(",", ""))));
  checks.check("a column sorts", values.length === 7 && values.every((v, i) => i === 0 || v >= values[i - 1]), values.join());

  await page.locator(".ask button", { hasText: "Examples" }).click();
  const n = await page.locator(".questions button").count();
  checks.check("SQL.md's questions are the examples", n > 20, n);
  for (let i = 0; i < n; i += quick ? 3 : 1) {
    if (i > 0) await page.locator(".ask button", { hasText: "Examples" }).click();
    const title = await page.locator(".questions button b").nth(i).innerText();
    await page.locator(".questions button").nth(i).click();
    await settled(page);
    checks.equal(`${title}: answers`, await page.locator(".sql .bad").count(), 0);
  }
  await run(page, "SELECT start_function, count(*) AS times FROM slices WHERE state = 'runnable' GROUP BY start_function ORDER BY times DESC");
  await page.locator(".out button", { hasText: "Chart" }).click();
  await settled(page);
  checks.equal("names and numbers are drawn as bars", await page.locator(".chart canvas").count(), 1);
  const drawn = await page.evaluate(() => {
    const c = document.querySelector(".chart canvas");
    const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
    const colours = new Map();
    for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200) colours.set(`${data[i]},${data[i + 1]},${data[i + 2]}`, (colours.get(`${data[i]},${data[i + 1]},${data[i + 2]}`) ?? 0) + 1);
    return Math.max(...colours.values());
  });
  checks.check("with ink on it", drawn > 500, drawn);
  await run(page, "SELECT key * 10 AS ms, round(value / 10e6, 2) AS running FROM json_each((SELECT sum_by(start_ns / 10000000, duration_ns) FROM slices WHERE state = 'running')) ORDER BY ms");
  checks.equal("a number that ascends is drawn as a line", await page.locator(".chart canvas").count(), 1);
  await page.locator(".ask button", { hasText: "History" }).click();
  checks.check("what was asked is in the history", (await page.locator(".questions button").count()) > 5);
  await page.locator(".questions button").nth(1).click();
  await settled(page);
  checks.check("and can be asked again", /start_function/.test(await page.innerText(".out")), await page.innerText(".out"));
}

async function goesBack(page, context, url) {
  await page.goto(url);
  await settled(page);
  const rest = () => addressed(page);
  const state = async () => JSON.stringify([await view(page), await page.locator("#d-name").allInnerTexts(), await page.locator('[role=tab][aria-selected="true"]').innerText(), await page.locator(".narrowed .chip").allInnerTexts()]);
  const seen = [];
  const stay = async () => (await rest(), seen.push(await state()));
  await stay();
  await page.evaluate(() => window.parkview.setView(56e6, 84e6));
  await stay();
  const { x, y } = await page.evaluate(() => window.parkview.sliceAt("G66", 65e6));
  await page.mouse.click(x, y);
  await stay();
  await page.keyboard.press("2");
  await stay();
  await page.locator("#search").fill("reason:sync >5ms");
  await page.locator("#search").press("Enter");
  await page.locator(".dock button", { hasText: "Use as filter" }).click();
  await stay();
  checks.equal("five different views", new Set(seen).size, 5);
  const link = page.url();
  const back = [];
  for (let i = 0; i < 12 && back.at(-1) !== seen[0]; i++) {
    await page.goBack();
    await rest();
    back.push(await state());
  }
  const wanted = seen.slice(0, 4).reverse();
  checks.check("Back goes through them", wanted.every((s) => back.includes(s)) && back.at(-1) === seen[0], `${back.join("\n")}\nwanted\n${wanted.join("\n")}`);
  const forth = [];
  for (let i = 0; i < 12 && forth.at(-1) !== seen[4]; i++) {
    await page.goForward();
    await rest();
    forth.push(await state());
  }
  checks.check("Forward, too", seen.slice(1).every((s) => forth.includes(s)), `${forth.join("\n")}\nwanted\n${seen.slice(1).join("\n")}`);
  const other = await open(context, link);
  const there = JSON.stringify([await view(other), await other.locator("#d-name").allInnerTexts(), await other.locator('[role=tab][aria-selected="true"]').innerText(), await other.locator(".narrowed .chip").allInnerTexts()]);
  checks.equal("the link shows the same elsewhere", there, seen[4]);
}

await main(checks, async (later) => {
  const { context, problems, close } = await browser();
  later(close);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const one = await serve([convoy]);
  later(one.stop);
  const page = await open(context, one.url);
  await searches(page);
  await steps(page);
  await filters(page);
  await functionFilter(page);
  await wrong(page);
  await asks(page);
  await goesBack(page, context, one.url);
  const two = await serve([tasks]);
  later(two.stop);
  await logsAndTasks(await open(context, two.url));
  checks.equal("nothing went wrong", problems.join("\n"), "");
});
