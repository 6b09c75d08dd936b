// tests/browser/area.test.mjs - figures of a window and of an area drawn on the lanes are what SQL says of the same slices, to
// the nanosecond, in every table; rows sort, lead to their longest slice, and are copied as CSV.
import { Checks, corpus, skip } from "../lib/project.mjs";
import { addressed, browser, main, open, serve, settled, view } from "./chromium.mjs";
import { copied, nearest, sql } from "./figures.mjs";

const trace = ["go1.26-mix.trace", "go1.22-mix.trace", "go1.26-http-p2.trace"].map((wanted) => corpus().find(({ name }) => name === wanted)).find(Boolean);
if (!trace) skip("no trace of the wanted kind in the corpus");
const file = trace.path;
const checks = new Checks();
const MOST = 2000; // rows of a table
const STATE = { waits: "waiting", ready: "runnable", running: "running", syscalls: "syscall" };
const COLUMN = { refined: "refined", reason: "reason", function: "user_function", stack: "stack", goroutine: "g", start: "start_function" };

function expected(by, where, { from, to }) {
  const groups = new Map();
  for (const s of sql(file, `SELECT ${COLUMN[by]} AS key, start_ns, duration_ns, end_ns FROM slices WHERE ${where} AND start_ns < ${to} AND end_ns > ${from} AND reason IS NOT 'forever'`)) {
    const g = groups.get(s.key) ?? { lengths: [], total: 0 };
    g.lengths.push(s.duration_ns);
    g.total += Math.min(s.end_ns, to) - Math.max(s.start_ns, from);
    groups.set(s.key, g);
  }
  return groups;
}

async function compare(page, name, by, where, window) {
  await settled(page);
  const rows = await copied(page);
  const groups = expected(by, where, window);
  checks.equal(`${name}: rows`, rows.length, Math.min(MOST, groups.size));
  const sum = rows.reduce((a, r) => a + r.count, 0);
  if (groups.size <= MOST) checks.equal(`${name}: count of all`, sum, [...groups.values()].reduce((a, g) => a + g.lengths.length, 0));
  checks.check(`${name}: there is something to compare`, rows.length > 0);
  for (const r of rows) {
    const key = by === "goroutine" ? Number(String(r.key).slice(1)) : /^(no function of|start function not|no stack|reason not)/.test(r.key) ? null : r.key;
    const g = groups.get(key) ?? (key === null ? groups.get("") : undefined);
    if (!checks.check(`${name}: ${r.key} is known to SQL`, g !== undefined)) continue;
    const sorted = g.lengths.sort((a, b) => a - b);
    const mean = Math.floor(sorted.reduce((a, n) => a + n, 0) / sorted.length);
    const want = [sorted.length, g.total, mean, nearest(sorted, 500), nearest(sorted, 990), nearest(sorted, 999), sorted.at(-1)];
    checks.equal(`${name}: ${r.key}`, [r.count, r.total_ns, r.mean_ns, r.p50_ns, r.p99_ns, r.p999_ns, r.max_ns].join(), want.join());
  }
  return rows;
}

async function tables(page, window, where, name) {
  for (const [key, tab] of ["waits", "ready", "running", "syscalls"].entries()) {
    await page.evaluate(() => document.activeElement?.blur());
    await page.keyboard.press(String(key + 1));
    for (const by of tab === "waits" ? ["refined", "reason", "function", "goroutine", "start"] : ["start", "goroutine"]) {
      await settled(page);
      if ((await page.locator(".dock .empty").count()) > 0) break;
      await page.selectOption(".tabs select", by);
      await compare(page, `${name}: ${tab} by ${by}`, by, `state = '${STATE[tab]}' AND ${where}`, window);
    }
  }
}

async function goroutines(page, window) {
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press("6");
  await settled(page);
  const { from, to } = window;
  const want = new Map();
  for (const r of sql(file, `SELECT start_function AS f, state, sum(min(end_ns, ${to}) - max(start_ns, ${from})) AS ns FROM slices WHERE start_ns < ${to} AND end_ns > ${from} AND reason IS NOT 'forever' GROUP BY start_function, state`))
    want.set(`${r.f} ${r.state}`, r.ns);
  for (const r of await copied(page))
    for (const state of ["running", "runnable", "syscall", "waiting"]) {
      const f = r.start_function || null;
      checks.equal(`goroutines: ${r.key}: ${state}`, r[`${state}_ns`], want.get(`${f} ${state}`) ?? 0);
    }
}

async function collector(page, window, lanes = "1") {
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press("5");
  await settled(page);
  const { from, to } = window;
  const want = sql(file, `SELECT name, count(*) AS count, sum(min(end_ns, ${to}) - max(start_ns, ${from})) AS total_ns, max(duration_ns) AS max_ns FROM ranges WHERE start_ns < ${to} AND end_ns > ${from} AND ${lanes} GROUP BY name`);
  const rows = await copied(page);
  checks.equal("GC: kinds of ranges", rows.length, want.length);
  for (const w of want) {
    const r = rows.find((x) => x.name === w.name);
    checks.equal(`GC: ${w.name}`, [r?.count, r?.total_ns, r?.max_ns].join(), [w.count, w.total_ns, w.max_ns].join());
  }
}

async function sortsAndLeads(page) {
  await page.keyboard.press("1");
  await settled(page);
  await page.selectOption(".tabs select", "refined");
  await settled(page);
  for (const [name, column] of [["Count", "count"], ["p99.9", "p999_ns"], ["Mean", "mean_ns"], ["Longest", "max_ns"]]) {
    const head = page.locator("table.waits th button", { hasText: new RegExp(`^${name}`) });
    for (const dir of [1, -1]) {
      await head.click();
      const values = (await copied(page)).map((r) => r[column]);
      const falling = values.every((v, i) => i === 0 || v <= values[i - 1]);
      const rising = values.every((v, i) => i === 0 || v >= values[i - 1]);
      checks.check(`${name} sorts, ${dir > 0 ? "largest" : "smallest"} first`, dir > 0 ? falling : rising, values.join());
    }
  }
  await page.locator("table.waits th button", { hasText: /^Longest/ }).click();
  const [first] = await copied(page);
  checks.check("a row has a histogram", (await page.locator("table.waits tbody tr").first().locator("svg.spark rect").count()) > 1);
  await page.locator("table.waits .worst").first().click();
  await settled(page);
  checks.equal("its figure leads to the longest wait", await page.innerText("#d-name"), first.key);
  checks.equal("of its goroutine", await page.locator("aside.det dl .a").first().innerText(), `G${first.longest_g}`);
  const titles = await page.$$eval("aside.det dd[title]", (all) => all.map((e) => e.title));
  checks.check("at its start", titles.includes(`${first.longest_start_ns} ns`), titles.join());
  await page.keyboard.press("Escape");
}

async function drawsAnArea(page) {
  const seen = await page.evaluate(() => window.parkview.lanes().filter((l) => l.kind === "p"));
  const box = await page.locator(".lanes").boundingBox();
  const [top, bottom] = [seen[0], seen[1] ?? seen[0]];
  await page.mouse.move(box.x + 200, top.top + 8);
  await page.mouse.down();
  await page.mouse.move(box.x + 600, bottom.top + 8, { steps: 4 });
  await page.mouse.up();
  await settled(page);
  checks.check("a drag on the lanes narrows the tables", /area/.test(await page.innerText(".narrowed")), await page.innerText(".tabs"));
  const named = await page.locator(".narrowed .chip").getAttribute("title");
  checks.check("and says of which lanes", seen.slice(0, 2).every((l) => named.includes(l.name)), named);
  await addressed(page);
  const area = new URLSearchParams(new URL(page.url()).hash.slice(1)).get("area");
  const [span, ...lanes] = area.split(",");
  const [from, to] = span.split("-").map(Number);
  checks.check("to the lanes it touched", lanes.length >= 1 && lanes.every((l) => /^P\d+$/.test(l)), area);
  const ids = lanes.map((l) => l.slice(1));
  await tables(page, { from, to }, `p IN (${ids})`, "area");
  await collector(page, { from, to }, `(scope = 'program' OR name LIKE 'stop-the-world%' OR (scope = 'processor' AND scope_id IN (${ids})))`);
  await page.keyboard.press("Escape");
  await settled(page);
  checks.equal("Escape drops it", await page.locator(".narrowed").count(), 0);
}

await main(checks, async (later) => {
  const server = await serve([file]);
  later(server.stop);
  const { context, problems, close } = await browser();
  later(close);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const page = await open(context, server.url);
  const whole = await view(page);
  await tables(page, whole, "1", "whole");
  const a = Math.floor(whole.to * 0.31);
  await page.evaluate(([f, t]) => window.parkview.setView(f, t), [a, a + Math.floor(whole.to / 7)]);
  await settled(page);
  const window = await view(page);
  await tables(page, window, "1", "window");
  await goroutines(page, window);
  await page.keyboard.press("0");
  await settled(page);
  await collector(page, await view(page));
  await sortsAndLeads(page);
  await page.keyboard.press("0");
  await settled(page);
  await drawsAnArea(page);
  checks.equal("nothing went wrong", problems.join("\n"), "");
});
