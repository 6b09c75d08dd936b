// tests/browser/lanes.slow.test.mjs - lanes of every kind, and what can be done with them; figures against `parkview query`.
import { join } from "node:path";
import { Checks, corpus, root, run } from "../lib/project.mjs";
import { addressed, browser, lanes, main, open, serve, settled, view } from "./chromium.mjs";

const checks = new Checks();
const SAMPLE = join(root, "samples/gc-assist.trace");

function ask(file, sql) {
  const got = run(["query", file, sql, "--format", "json", "--limit", "0"]);
  if (got.status !== 0) throw new Error(`${sql}: ${got.stderr}`);
  return JSON.parse(got.stdout);
}

const hash = (page) => page.evaluate(() => decodeURIComponent(location.hash));
const at = async (page, from, to) => {
  await page.evaluate(([a, b]) => window.parkview.setView(a, b), [Math.round(from), Math.round(to)]);
  await settled(page);
};
const rowNamed = (page, name) => page.locator(".names .n", { hasText: name }).first();
const named = async (page, kind) => (await lanes(page)).filter((l) => l.kind === kind).map((l) => l.name);

/** "1.06 ms" -> ns */
function ns(text) {
  const [, value, unit] = /([\d.,]+)\s*(ns|µs|ms|s)/.exec(text) ?? [];
  return Number(value?.replaceAll(",", "")) * { ns: 1, "µs": 1e3, ms: 1e6, s: 1e9 }[unit];
}
const near = (text, wanted) => Math.abs(ns(text) - wanted) <= Math.max(1, wanted * 0.006);

async function press(page, ...keys) {
  for (const key of keys) await page.keyboard.press(key);
  await settled(page);
}

async function tip(page, lane, t) {
  const { x, y } = await page.evaluate(([l, when]) => window.parkview.sliceAt(l, when), [lane, t]);
  await page.mouse.move(x - 3, y);
  await page.mouse.move(x, y);
  return page.locator(".tip").innerText({ timeout: 5000 }).catch(() => "");
}

async function tasks(page) {
  const [{ n, duration }] = ask(SAMPLE, "SELECT count(*) AS n, max(duration_ns) AS duration FROM tasks WHERE type = 'request'");
  checks.check("the type of task has a row with its count", (await rowNamed(page, "request task").innerText()).replace(/\D/g, "") === String(n), `${n}, longest ${duration}`);
  const from = 100_000_000;
  const to = 104_000_000;
  await at(page, from, to);
  const [inside] = ask(SAMPLE, `SELECT count(*) AS n FROM tasks WHERE type = 'request' AND coalesce(start_ns, 0) < ${to} AND coalesce(end_ns, 1e18) >= ${from}`);
  checks.check("which is that of the window", (await rowNamed(page, "request task").innerText()).replace(/\D/g, "") === String(inside.n), inside.n);
  await rowNamed(page, "request task").locator("button").first().click();
  await settled(page);
  const longest = ask(SAMPLE, `SELECT id, g, duration_ns FROM tasks WHERE type = 'request' AND start_ns < ${to} AND end_ns >= ${from} ORDER BY duration_ns DESC, start_ns LIMIT 8`);
  const spans = (await lanes(page)).filter((l) => l.kind === "span");
  checks.equal("unfolded, the longest come first", spans.map((l) => l.name).join(" "), longest.map((t) => `#${t.id}`).join(" "));
  const first = await rowNamed(page, `#${longest[0].id}`).innerText();
  checks.check("each with its goroutine and its length", first.includes(`G${longest[0].g}`) && near(first.split(/\s(?=[\d.,]+\s)/).pop(), longest[0].duration_ns), first);
  checks.check("unfolded types are in the address", (await hash(page)).includes("types=task/request"), await hash(page));
  await rowNamed(page, "request task").locator("button").first().click();
  await settled(page);
}

async function notes(page) {
  const [log] = ask(SAMPLE, "SELECT time_ns, g, category, message FROM logs WHERE time_ns > 20000000 ORDER BY time_ns LIMIT 1");
  await at(page, log.time_ns - 100_000, log.time_ns + 100_000);
  const said = await tip(page, `G${log.g}`, log.time_ns);
  checks.check("a log is named under the pointer", said.includes("log") && said.includes(log.message), `${JSON.stringify(log)}: ${said}`);
  const [region] = ask(SAMPLE, "SELECT start_ns, duration_ns, g, type FROM regions WHERE start_ns > 20000000 AND duration_ns > 5000 ORDER BY start_ns LIMIT 1");
  await at(page, region.start_ns - region.duration_ns, region.start_ns + 2 * region.duration_ns);
  const within = await tip(page, `G${region.g}`, region.start_ns + region.duration_ns / 2);
  const line = within.split("\n").find((l) => l.includes("region")) ?? "";
  checks.check("a region, with its length", line.includes(region.type) && near(line.slice(line.indexOf(region.type) + region.type.length), region.duration_ns), `${JSON.stringify(region)}: ${within}`);
  const [assist] = ask(SAMPLE, "SELECT start_ns, duration_ns, scope_id AS g FROM ranges WHERE name = 'GC mark assist' ORDER BY duration_ns DESC LIMIT 1");
  await at(page, assist.start_ns - assist.duration_ns, assist.start_ns + 2 * assist.duration_ns);
  const helped = await tip(page, `G${assist.g}`, assist.start_ns + assist.duration_ns / 2);
  checks.check("a mark assist on its goroutine's lane", helped.includes("GC mark assist"), helped);
}

async function samples(context, later) {
  const found = corpus().find(({ name }) => name === "go1.23-http-cpusamples.trace");
  if (!found) return;
  const [sample] = ask(found.path, "SELECT s.time_ns, s.p, f.function FROM samples s JOIN frames f ON f.stack = s.stack AND f.depth = 0 WHERE s.p IS NOT NULL AND s.time_ns > 1000000 LIMIT 1");
  const server = await serve([found.path]);
  later(server.stop);
  const page = await open(context, server.url);
  await at(page, sample.time_ns - 20_000, sample.time_ns + 20_000);
  const said = await tip(page, `P${sample.p}`, sample.time_ns);
  checks.check("a CPU sample on its processor's lane, with its function", said.includes("CPU sample") && said.includes(sample.function), `${JSON.stringify(sample)}: ${said}`);
}

async function counters(page) {
  await page.locator(".names .s", { hasText: "Counters" }).locator("button").first().click();
  const [procs] = ask(SAMPLE, "SELECT value FROM metrics WHERE name = '/sched/gomaxprocs:threads' ORDER BY time_ns DESC LIMIT 1");
  const t = 150_000_000;
  await at(page, t - 500, t + 500);
  checks.check("GOMAXPROCS stands beside the threads in use", (await rowNamed(page, "Threads in use").innerText()).includes(`GOMAXPROCS ${procs.value}`));
  const box = await page.locator(".lanes").boundingBox();
  const row = (await lanes(page)).find((l) => l.name === "Goroutines by state");
  await page.mouse.move(box.x + box.width / 2 - 2, row.top + 20);
  await page.mouse.move(box.x + box.width / 2, row.top + 20);
  const said = await page.locator(".tip").innerText({ timeout: 5000 });
  const when = (await view(page)).from + 500;
  const alive = ask(SAMPLE, `SELECT CASE state WHEN 'waiting' THEN family ELSE state END AS what, count(*) AS n FROM slices WHERE start_ns <= ${when} AND end_ns > ${when} GROUP BY 1`);
  const words = { chan: "channel", net: "network", sleep: "sleep, timer", gc: "GC assist, sweep", sys: "system, other" };
  const lines = said.split("\n").flatMap((l) => l.split(/(?<=\D)\s(?=[\d.]+$)/));
  for (const { what, n } of alive.slice(0, 4)) {
    const shown = Number(lines[lines.indexOf(words[what] ?? what) + 1]);
    checks.check(`goroutines ${what} at a moment`, Math.abs(shown - n) < 0.02 * n + 0.01, `${n}: ${said}`);
  }
  await page.locator(".names .s", { hasText: "Counters" }).locator("button").first().click();
}

/** A column of a processor's lane is as high as the share in which somebody ran there. */
async function coverage(page) {
  const [{ total }] = ask(SAMPLE, "SELECT max(end_ns) AS total FROM slices");
  await at(page, 0, total);
  const v = await view(page);
  const lane = (await lanes(page)).find((l) => l.name === "P0");
  const { columns, width } = await page.evaluate((top) => {
    const canvas = document.querySelector(".lanes canvas");
    const box = canvas.getBoundingClientRect();
    const style = getComputedStyle(document.documentElement);
    const colours = ["running", "gc", "sys", "syscall"].map((c) => style.getPropertyValue(`--${c}-s`).trim()).map((h) => [1, 3, 5].map((i) => parseInt(h.slice(i, i + 2), 16)).join());
    const copy = new OffscreenCanvas(canvas.width, canvas.height);
    const x = copy.getContext("2d", { willReadFrequently: true });
    x.drawImage(canvas, 0, 0);
    const got = [];
    for (let px = 20; px < box.width; px += 37) {
      const d = x.getImageData(px, top - box.top + 2, 1, 18).data;
      let n = 0;
      for (let i = 0; i < d.length; i += 4) if (colours.includes([d[i], d[i + 1], d[i + 2]].join())) n++;
      got.push([px, n]);
    }
    return { columns: got, width: box.width };
  }, lane.top);
  const perPx = (v.to - v.from) / width;
  const ran = ask(SAMPLE, `SELECT start_ns, end_ns, state FROM slices WHERE p = 0 AND state IN ('running', 'syscall')`);
  let wrong = 0;
  let full = 0;
  for (const [px, n] of columns) {
    const a = v.from + px * perPx;
    const b = a + perPx;
    const share = ran.filter((s) => s.state === "running").reduce((sum, s) => sum + Math.max(0, Math.min(b, s.end_ns) - Math.max(a, s.start_ns)), 0) / perPx;
    if (share > 0.1) full++;
    // System calls add to it, sweeps cover the upper edge, and each kind is at least 2 px: a share may be drawn 6 px too high.
    if (n < share * 18 - 5.5 || (share < 0.005 && n > 8)) wrong++;
  }
  checks.check("columns are as high as their shares", wrong <= 1 && full > 5, `${wrong} of ${columns.length} wrong, ${full} with more than a tenth`);
}

async function order(page) {
  await at(page, 100e6, 200e6);
  const row = rowNamed(page, "Go.func1");
  if ((await row.getAttribute("aria-expanded")) !== "true") await row.locator("button").first().click();
  await settled(page);
  for (const [by, state] of [["running", "running"], ["wait", "waiting"]]) {
    await page.locator(".ctl select").nth(1).selectOption(by);
    await settled(page);
    const wanted = ask(SAMPLE, `SELECT g, sum(min(end_ns, 200000000) - max(start_ns, 100000000)) AS ns FROM slices
      WHERE start_function LIKE '%Go.func1' AND state = '${state}' AND start_ns < 200000000 AND end_ns > 100000000 GROUP BY g ORDER BY ns DESC, g LIMIT 8`);
    const got = (await named(page, "g")).slice(0, 8);
    checks.equal(`members by ${by} in the window`, got.slice(0, 6).join(" "), wanted.slice(0, 6).map((r) => `G${r.g}`).join(" "));
    const text = await rowNamed(page, `G${wanted[0].g}`).innerText();
    checks.check(`with the figure that orders them (${by})`, near(text.split("\n").pop(), wanted[0].ns), `${text} ${wanted[0].ns}`);
  }
}

const orderOf = async (page, kind) => (await named(page, kind)).join(" ");

async function arranges(page) {
  await at(page, 0, 300e6);
  const before = await orderOf(page, "p");
  await page.locator(".names").focus();
  const focused = async () => ((await page.locator(".names .n.focus").count()) ? page.locator(".names .n.focus").innerText() : "");
  for (let i = 0; i < 30 && !(await focused()).startsWith("P1"); i++) await press(page, "ArrowDown");
  checks.check("the keyboard's row is named to readers of the screen", (await page.getAttribute(".names", "aria-activedescendant")) === "row-P1");
  await press(page, "Alt+ArrowUp");
  checks.equal("Alt and the arrow move a lane up", await orderOf(page, "p"), before.replace("P0 P1", "P1 P0"));
  await press(page, "p");
  const pinned = await page.locator(".n-fixed .n").allInnerTexts();
  checks.check("P keeps it in sight", pinned.length === 1 && pinned[0].startsWith("P1"), pinned.join("|"));
  for (let i = 0; i < 30 && !(await focused()).startsWith("P0"); i++) await press(page, "ArrowDown");
  await press(page, "h");
  checks.check("H hides a lane", !(await orderOf(page, "p")).includes("P0"), await orderOf(page, "p"));
  await addressed(page);
  const link = await hash(page);
  checks.check("all of it is in the address", /pins=P1/.test(link) && /hidden=P0/.test(link) && /ranks=P1,P0/.test(link), link);
  await page.reload();
  await settled(page);
  checks.equal("and comes back with it", await orderOf(page, "p"), before.replace("P0 ", ""));
  await page.locator(".names .s", { hasText: "Processors" }).locator("button", { hasText: "1 hidden" }).click();
  checks.equal("what was hidden is one click away", await orderOf(page, "p"), before.replace("P0 P1", "P1 P0"));
  await rowNamed(page, "P1").locator("button[aria-pressed=true]").click();
  await settled(page);
  checks.equal("and what was kept is let go", await page.locator(".n-fixed .n").count(), 0);
}

async function marks(page) {
  await at(page, 100e6, 104e6);
  const box = await page.locator(".lanes").boundingBox();
  await page.mouse.move(box.x + 300, box.y + 300);
  await press(page, "m");
  await page.mouse.move(box.x + 500, box.y + 300);
  await press(page, "m");
  await addressed(page);
  const [a, b] = /marks=(\d+),(\d+)/.exec(await hash(page)).slice(1).map(Number);
  checks.check("m marks the moment under the pointer", Math.abs(a - (100e6 + (300 / box.width) * 4e6)) < 1e4 && Math.abs(b - a - (200 / box.width) * 4e6) < 1e4, await hash(page));
  await page.mouse.click(box.x + 304, box.y + 12);
  await page.locator(".markcard input").fill("slow, here");
  await page.keyboard.press("Enter");
  await addressed(page);
  await page.reload();
  await settled(page);
  checks.check("its note is in the address", /marks=\d+:slow~2c here,\d+/.test((await hash(page)).replaceAll("+", " ")), await hash(page));
  await press(page, "0", "n");
  const v = await view(page);
  checks.check("n goes to a mark", [a, b].some((m) => m >= v.from && m <= v.to), JSON.stringify(v));
  await press(page, "Shift+M");
  await addressed(page);
  checks.check("Shift and M take them away", !(await hash(page)).includes("marks="), await hash(page));
}

async function area(page) {
  await at(page, 100e6, 104e6);
  const box = await page.locator(".lanes").boundingBox();
  const p = (await lanes(page)).filter((l) => l.kind === "p");
  await page.mouse.move(box.x + 200, p[0].top + 10);
  await page.mouse.down();
  await page.mouse.move(box.x + 400, p[1].top + 10, { steps: 4 });
  await page.mouse.up();
  await settled(page);
  await addressed(page);
  const link = await hash(page);
  const [, from, to, of] = /area=(\d+)[-,](\d+)@?([^&]*)/.exec(link) ?? [];
  checks.check("a drag on lanes chooses an area", Math.abs(Number(to) - Number(from) - (200 / box.width) * 4e6) < 2e4, link);
  checks.check("of the lanes that it crossed", (of ?? "").includes(p[0].name) && (of ?? "").includes(p[1].name), link);
  const x = 100e6 + (400 / box.width) * 4e6;
  await page.mouse.move(box.x + 400, p[0].top + 10);
  await page.mouse.down();
  await page.mouse.move(box.x + 500, p[0].top + 10, { steps: 3 });
  await page.mouse.up();
  await settled(page);
  await addressed(page);
  const [, , wider] = /area=(\d+)[-,](\d+)/.exec(await hash(page)) ?? [];
  checks.check("its edge is drawn wider", Number(wider) > x + (80 / box.width) * 4e6, `${wider} ${x}`);
  await press(page, "Escape");
  await addressed(page);
  checks.check("Escape drops it", !(await hash(page)).includes("area="), await hash(page));
}

async function history(page) {
  await at(page, 0, 300e6);
  await addressed(page);
  await at(page, 50e6, 60e6);
  await addressed(page);
  await page.goBack();
  await addressed(page);
  checks.check("the browser's Back goes to the window before", (await view(page)).to > 250e6, JSON.stringify(await view(page)));
  await page.goForward();
  await addressed(page);
  checks.equal("and Forward to this one again", (await view(page)).from, 50e6);
}

async function chain(context, later) {
  const file = join(root, "samples/lock-convoy.trace");
  const [wait] = ask(file, "SELECT g, start_ns, duration_ns, waker_g FROM waits WHERE refined = 'sync.(*Mutex).Lock' AND waker_g IS NOT NULL ORDER BY duration_ns DESC LIMIT 1");
  const server = await serve([file]);
  later(server.stop);
  const page = await open(context, server.url);
  await at(page, wait.start_ns - wait.duration_ns, wait.start_ns + 2 * wait.duration_ns);
  const { x, y } = await page.evaluate(([l, t]) => window.parkview.sliceAt(l, t), [`G${wait.g}`, wait.start_ns + wait.duration_ns / 2]);
  await page.mouse.click(x, y);
  await settled(page);
  await press(page, "c");
  const rows = await page.locator(".n-fixed .n").allInnerTexts();
  checks.check("c shows the wake chain's lanes: the waiter, its waker, and so on", rows.length > 2 && rows[0].startsWith(`G${wait.g}`) && rows[1].startsWith(`G${wait.waker_g}`), rows.join("|"));
  const v = await view(page);
  checks.check("and all of it", v.from <= wait.start_ns && v.to >= wait.start_ns + wait.duration_ns, JSON.stringify(v));
  await press(page, "c");
  checks.equal("c again: only the last hop", await page.locator(".n-fixed .n").count(), 0);
}

async function creators(page) {
  await at(page, 0, 300e6);
  await page.locator(".ctl select").first().selectOption("creator");
  await settled(page);
  const wanted = ask(SAMPLE, "SELECT c.start_function AS by, count(*) AS n FROM goroutines g JOIN goroutines c ON c.g = g.parent_g WHERE g.start_function LIKE '%Go.func1' GROUP BY 1 ORDER BY n DESC LIMIT 1");
  const seen = (await lanes(page)).filter((l) => l.kind === "creator").map((l) => l.name);
  checks.check("goroutines below who created them", seen.includes(wanted[0].by), `${seen.join("|")}, ${JSON.stringify(wanted)}`);
  const text = await page.locator(".names .n.g", { hasText: "by main." }).first().innerText();
  const [{ n }] = ask(SAMPLE, `SELECT count(*) AS n FROM goroutines g JOIN goroutines c ON c.g = g.parent_g WHERE c.start_function = '${wanted[0].by}' AND g.start_function = (SELECT start_function FROM goroutines WHERE start_function LIKE '%Go.func1' LIMIT 1)`);
  checks.check("as many as they created", text.replace(/\D/g, "").endsWith(String(n)), `${text} ${n}`);
  await page.locator(".ctl select").first().selectOption("function");
  await settled(page);
}

/** A row for the heap stands where there are figures of it. */
async function heap(context, later) {
  for (const name of ["gc-pressure", "mutex-contention"]) {
    const ring = join(root, `samples/${name}.ring.zst`);
    const server = await serve([ring]);
    later(server.stop);
    const page = await open(context, server.url);
    const [{ n }] = ask(ring, "SELECT count(*) AS n FROM metrics WHERE name LIKE '%heap/objects%'");
    checks.equal(`${name}: a row for the heap`, (await lanes(page)).some((l) => l.kind === "heap"), n > 0);
  }
}

await main(checks, async (later) => {
  const server = await serve([SAMPLE]);
  later(server.stop);
  const { context, problems, close } = await browser({ height: 1500 });
  later(close);
  const page = await open(context, server.url);
  for (const part of [tasks, notes, counters, coverage, order, arranges, marks, area, history, creators]) {
    try {
      await part(page);
    } catch (error) {
      checks.check(`${part.name} ran to its end`, false, error.stack);
    }
  }
  await chain(context, later);
  await heap(context, later);
  await samples(context, later);
  checks.equal("nothing went wrong", problems.join("\n"), "");
});
