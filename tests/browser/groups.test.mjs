// tests/browser/groups.test.mjs - goroutines grouped by task, label and creator: who is in a group, what it sums to.
import { join } from "node:path";
import { Checks, root } from "../lib/project.mjs";
import { browser, lanes, main, open, serve, settled, view } from "./chromium.mjs";
import { sql } from "./figures.mjs";

const checks = new Checks();
const assist = join(root, "samples/gc-assist.trace");
const downstream = join(root, "samples/slow-downstream.trace");
const hash = (page) => decodeURIComponent(new URL(page.url()).hash.slice(1));
const rows = async (page, kind) => (await lanes(page)).filter((l) => l.kind === kind).map((l) => l.name);
const head = (page, name) => page.locator(".names .n.g", { hasText: name }).first();
const countOf = async (page, name) => Number((await head(page, name).locator(".m").innerText()).replaceAll(",", ""));

async function group(page, by) {
  await page.locator(".ctl select").first().selectOption(by);
  await settled(page);
}

async function unfold(page, name) {
  await head(page, name).locator("button").first().click();
  await settled(page);
}

async function byTask(page) {
  await group(page, "task");
  const gs = "SELECT g FROM tasks WHERE type = 'request' UNION SELECT r.g FROM regions AS r JOIN tasks AS t ON t.id = r.task_id WHERE t.type = 'request'";
  const [{ n }] = sql(assist, `SELECT count(*) AS n FROM (${gs})`);
  checks.check("a type of task is a group", (await rows(page, "set")).includes("request"), (await rows(page, "set")).join());
  const heads = page.locator(".names .n.g", { hasText: "request task" });
  checks.equal("of the goroutines that worked on it", Number(await heads.last().locator(".m").innerText()), n);
  checks.check("who worked on none stands below", (await rows(page, "group")).includes("main.main") && !(await rows(page, "group")).some((g) => g.includes("Go.func1")), (await rows(page, "group")).join());

  await heads.last().locator("button").first().click();
  await settled(page);
  await page.evaluate(() => window.parkview.setView(100e6, 200e6));
  await settled(page);
  const total = (state) => `SELECT g, sum(min(end_ns, 200000000) - max(start_ns, 100000000)) AS ns FROM slices WHERE g IN (${gs}) AND state = '${state}'
    AND start_ns < 200000000 AND end_ns > 100000000 GROUP BY g ORDER BY ns DESC, g`;
  for (const [order, state] of [["running", "running"], ["wait", "waiting"]]) {
    await page.locator(".ctl select").nth(1).selectOption(order);
    await settled(page);
    checks.equal(`its members by time ${state} in the window`, (await rows(page, "g")).join(), sql(assist, total(state)).map((r) => `G${r.g}`).join());
  }

  // What its picture says at a moment is how many of them were in each state then.
  await page.evaluate(() => window.parkview.setView(120e6, 120.001e6));
  await settled(page);
  const row = (await lanes(page)).find((l) => l.kind === "set" && l.name === "request");
  const box = await page.locator(".lanes").boundingBox();
  await page.mouse.move(box.x + box.width / 2 - 2, row.top + 14);
  await page.mouse.move(box.x + box.width / 2, row.top + 14);
  const said = (await page.locator(".tip").innerText()).split("\n");
  const when = (await view(page)).from + 500;
  const [waits] = sql(assist, `SELECT family, count(*) AS n FROM slices WHERE g IN (${gs}) AND state = 'waiting' AND start_ns <= ${when} AND end_ns > ${when} GROUP BY 1 ORDER BY n DESC LIMIT 1`);
  const words = { sleep: "sleep, timer", sync: "sync", gc: "GC assist, sweep" };
  const line = said.join(" ");
  checks.check("its picture sums its members", new RegExp(`${words[waits.family]}\\s*${waits.n}(\\.0+)?(?!\\d)`).test(line), `${JSON.stringify(waits)}: ${line}`);

  checks.check("grouping and open groups are in the address", /group=task/.test(hash(page)) && /sets=task:request/.test(hash(page)), hash(page));
  await page.reload();
  await settled(page);
  checks.equal("and come back with it", (await rows(page, "g")).length, n);
}

async function byLabel(page) {
  await page.keyboard.press("0");
  await group(page, "label");
  const wanted = sql(assist, "SELECT label, count(DISTINCT g) AS n FROM labels GROUP BY label ORDER BY n DESC, label");
  for (const { label, n } of wanted) checks.equal(`label ${label}: so many goroutines`, await countOf(page, `${label} label`), n);
  await unfold(page, wanted[0].label);
  const gs = sql(assist, `SELECT DISTINCT g FROM labels WHERE label = '${wanted[0].label}'`).map((r) => `G${r.g}`);
  checks.equal("and these", (await rows(page, "g")).sort().join(), gs.sort().join());
  await group(page, "function");
}

/** Dialers are made by two functions: each gets its own. */
async function byCreator(page) {
  await group(page, "creator");
  const mixed = "SELECT o.start_function AS f, coalesce(c.start_function, '') AS by, o.g FROM goroutines AS o LEFT JOIN goroutines AS c ON c.g = o.parent_g WHERE o.start_function LIKE '%startDialConn%'";
  const wanted = sql(downstream, `SELECT by, count(*) AS n FROM (${mixed}) GROUP BY by ORDER BY n DESC`);
  checks.equal("the sample has a function with two creators", wanted.length, 2);
  for (const { by, n } of wanted) {
    const name = `by ${by.split("/").pop()}`;
    await unfold(page, name);
    const own = page.locator(".names .n.g", { hasText: "startDialConn", hasNotText: "by " });
    checks.equal(`${by}: its part of them`, Number(await own.first().locator(".m").innerText()), n);
    await own.first().locator("button").first().click();
    await settled(page);
    const gs = sql(downstream, `SELECT g FROM (${mixed}) WHERE by = '${by}'`).map((r) => `G${r.g}`);
    checks.equal(`${by}: and these`, (await rows(page, "g")).sort().join(), gs.slice(0, 8).sort().join());
    await own.first().locator("button").first().click();
    await unfold(page, name);
  }
}

/** Who is gone to is shown in the group that stands there. */
async function goes(page) {
  await group(page, "task");
  const [{ g }] = sql(assist, "SELECT g FROM tasks ORDER BY g DESC LIMIT 1");
  await page.locator("#search").fill(`G${g}`);
  await page.keyboard.press("Enter");
  await settled(page);
  checks.check("a goroutine that is gone to stands in its group", (await rows(page, "g")).includes(`G${g}`), (await rows(page, "g")).join());
  checks.check("which is unfolded", hash(page).includes("sets=task:request") || (await rows(page, "set")).includes("request"), hash(page));
}

await main(checks, async (later) => {
  const { context, problems, close } = await browser({ height: 1500 });
  later(close);
  const one = await serve([assist]);
  later(one.stop);
  const page = await open(context, `${one.url}#open=`); // nothing unfolded
  for (const part of [byTask, byLabel, goes]) await part(page);
  const two = await serve([downstream]);
  later(two.stop);
  await byCreator(await open(context, `${two.url}#open=`));
  checks.equal("nothing went wrong", problems.join("\n"), "");
});
