// tests/browser/details.test.mjs - what the panels say about a slice, a goroutine, a processor and a GC cycle is what SQL says.
import { join } from "node:path";
import { Checks, root } from "../lib/project.mjs";
import { browser, main, open, serve, settled, view } from "./chromium.mjs";
import { nearest, sql } from "./figures.mjs";

const checks = new Checks();
const convoy = join(root, "samples/lock-convoy.trace");
const assist = join(root, "samples/gc-assist.trace");
const text = async (page) => (await page.innerText("aside.det")).replace(/\s+/g, " ");

/** As lib/format.ts writes three significant digits. */
function short(ns) {
  const [k, unit] = [[1e9, "s"], [1e6, "ms"], [1e3, "µs"]].find(([u]) => ns >= u * 0.9995) ?? [1, "ns"];
  const v = ns / k;
  if (k === 1) return `${ns} ns`;
  return `${v >= 99.95 ? v.toFixed(0) : v >= 9.995 ? v.toFixed(1) : v.toFixed(2)} ${unit}`;
}

async function slice(page) {
  const [w] = sql(convoy, "SELECT *, stack(stack) AS frames FROM waits WHERE refined = 'sync.(*Mutex).Lock' ORDER BY duration_ns DESC LIMIT 1");
  const window = { from: Math.max(0, w.start_ns - w.duration_ns), to: w.end_ns + w.duration_ns };
  await page.evaluate(([a, b]) => window.parkview.setView(a, b), [window.from, window.to]);
  await settled(page);
  const { x, y } = await page.evaluate(([g, t]) => window.parkview.sliceAt(`G${g}`, t), [w.g, w.start_ns + w.duration_ns / 2]);
  await page.mouse.click(x, y);
  await settled(page);
  const seen = await text(page);
  const now = await view(page);
  const same = sql(convoy, `SELECT duration_ns, end_ns, start_ns FROM waits WHERE refined = 'sync.(*Mutex).Lock' AND start_ns < ${now.to} AND end_ns > ${now.from}`);
  const lengths = same.map((s) => s.duration_ns).sort((a, b) => a - b);
  const total = same.reduce((a, s) => a + Math.min(s.end_ns, now.to) - Math.max(s.start_ns, now.from), 0);
  checks.check("slice: how many waits have its reason", seen.includes(`${lengths.length} waits`), seen);
  for (const [name, ns] of [["Total", total], ["p50", nearest(lengths, 500)], ["p99", nearest(lengths, 990)], ["p99.9", nearest(lengths, 999)], ["Longest", lengths.at(-1)]])
    checks.check(`slice: ${name} of them`, seen.includes(`${name} ${short(ns)}`), `${name} ${short(ns)} in ${seen}`);
  checks.check("slice: where it stands among them", seen.includes("the longest of them"), seen);
  checks.check("slice: who ended it", seen.includes(`until G${w.waker_g} called`), seen);
  checks.check("slice: its processor and thread", seen.includes(`P${w.p}, M${w.m}`), seen);
  await page.locator(".fold").first().click();
  const frames = w.frames.split(" < ");
  const shown = await page.$$eval("aside.det .stack", (all) => [...all[0].querySelectorAll(".fr span:first-child")].map((e) => e.textContent));
  checks.equal("slice: its stack, unfolded", shown.join(" < "), frames.join(" < "));
  await page.selectOption(".editors select", { label: "VS Code" });
  checks.equal("slice: a path that is whole leads to the editor", await page.locator("aside.det a.loc").count(), sql(convoy, `SELECT count(*) AS n FROM frames WHERE stack = ${w.stack} AND file LIKE '/%'`)[0].n + sql(convoy, `SELECT count(*) AS n FROM frames WHERE stack = ${w.waker_stack} AND file LIKE '/%' AND (library = 0 OR depth = 0)`)[0].n);
  return w;
}

async function goroutine(page, g) {
  await page.locator("aside.det dl .a").first().click();
  await settled(page);
  const seen = await text(page);
  const rows = sql(convoy, `SELECT state, refined, count(*) AS n, sum(duration_ns) AS ns, max(duration_ns) AS longest FROM slices WHERE g = ${g} GROUP BY state, refined`);
  const names = { running: "running", runnable: "ready", syscall: "in a syscall" };
  for (const r of rows) {
    const name = names[r.state] ?? r.refined;
    checks.check(`goroutine: ${name}`, seen.includes(`${name} ${r.n.toLocaleString("en-US")} ×, longest ${short(r.longest)} ${short(r.ns)}`), seen);
  }
  checks.equal("goroutine: its time is one bar", await page.locator("aside.det .share.tall i").count(), rows.length);
  const waits = rows.filter((r) => r.state === "waiting").reduce((a, r) => a + r.n, 0);
  checks.check("goroutine: how long its waits were", seen.includes(`How long its waits were ${waits.toLocaleString("en-US")} waits`), seen);
  const [{ parent_g }] = sql(convoy, `SELECT parent_g FROM goroutines WHERE g = ${g}`);
  checks.check("goroutine: its creator", seen.includes(`by G${parent_g}`), seen);
  const children = sql(convoy, `SELECT g FROM goroutines WHERE parent_g = ${g} ORDER BY start_ns`);
  const section = page.locator("aside.det section", { hasText: "Goroutines that it created" });
  checks.equal("goroutine: its children", await section.locator("button").count(), Math.min(50, children.length));
  await section.locator("button").first().click();
  await settled(page);
  checks.equal("goroutine: a child is a click away", await page.innerText("#d-name"), `G${children[0].g}`);
}

async function processor(page) {
  await page.keyboard.press("0");
  for (let i = 0; i < 5; i++) await page.keyboard.press("PageUp");
  await settled(page);
  await page.locator(".names .l button", { hasText: /^P1$/ }).click();
  await settled(page);
  const seen = await text(page);
  const { to } = await view(page);
  const [ran] = sql(convoy, "SELECT count(*) AS n, sum(duration_ns) AS ns FROM slices WHERE state = 'running' AND p = 1");
  const [held] = sql(convoy, "SELECT count(*) AS n, sum(duration_ns) AS ns FROM proc_slices WHERE p = 1");
  checks.check("processor: utilisation", seen.includes(`P1 ${((ran.ns / to) * 100).toFixed(1)}% used`), seen);
  checks.check("processor: what it ran", seen.includes(`ran goroutines for ${short(ran.ns)} in ${ran.n.toLocaleString("en-US")} stretches`), seen);
  checks.check("processor: how long it was held", seen.includes(`for ${short(held.ns)}, taken ${held.n} times`), seen);
  const [top] = sql(convoy, "SELECT start_function AS f, sum(duration_ns) AS ns FROM slices WHERE state = 'running' AND p = 1 GROUP BY start_function ORDER BY ns DESC LIMIT 1");
  checks.check("processor: who used it most", seen.includes(top.f) && seen.includes(short(top.ns)), seen);
}

async function cycle(page) {
  const [c] = sql(assist, "SELECT start_ns, end_ns, duration_ns FROM gc_cycles ORDER BY duration_ns DESC LIMIT 1");
  await page.keyboard.press("5");
  await settled(page);
  await page.locator("table.waits tbody tr", { hasText: "concurrent mark phase" }).locator(".worst").click();
  await settled(page);
  const seen = await text(page);
  checks.check("cycle: the longest mark phase", seen.includes(`Mark phase ${short(c.duration_ns).replace(" ", "")}`), seen);
  const [a] = sql(assist, `SELECT count(*) AS n, sum(min(end_ns, ${c.end_ns}) - max(start_ns, ${c.start_ns})) AS ns, count(DISTINCT scope_id) AS gs, max(duration_ns) AS longest
    FROM ranges WHERE name = 'GC mark assist' AND start_ns < ${c.end_ns} AND end_ns > ${c.start_ns}`);
  checks.check("cycle: assists", seen.includes(`${a.gs} goroutines had to help: ${a.n} assists, ${short(a.ns)} together, the longest ${short(a.longest)}`), seen);
  const [late] = sql(assist, `SELECT start_function AS f, sum(min(end_ns, ${c.end_ns}) - max(start_ns, ${c.start_ns})) AS ns FROM slices
    WHERE state = 'runnable' AND start_ns < ${c.end_ns} AND end_ns > ${c.start_ns} GROUP BY start_function ORDER BY ns DESC LIMIT 1`);
  const delayed = (await page.locator("aside.det section", { hasText: "stood ready meanwhile" }).innerText()).replace(/\s+/g, " ");
  checks.check("cycle: what it delayed", delayed.includes(late.f) && delayed.includes(short(late.ns)), delayed);
  const phases = await page.locator("aside.det section", { hasText: "Phases" }).innerText();
  for (const phase of ["sweep termination", "concurrent mark phase", "mark termination"]) checks.check(`cycle: ${phase}`, phases.includes(phase), phases);
}

async function tasks(page) {
  const [r] = sql(assist, "SELECT g, count(*) AS n FROM (SELECT g FROM regions UNION ALL SELECT g FROM tasks) GROUP BY g ORDER BY n DESC LIMIT 1");
  await page.locator("#search").fill(`G${r.g}`);
  await page.keyboard.press("Enter");
  await settled(page);
  const section = page.locator("aside.det section", { hasText: "Its regions and tasks" });
  checks.equal("goroutine: its regions and tasks", await section.locator("button").count(), Math.min(40, r.n));
  const [longest] = sql(assist, `SELECT type, duration_ns FROM (SELECT type, duration_ns FROM regions WHERE g = ${r.g} UNION ALL SELECT type, coalesce(duration_ns, 0) FROM tasks WHERE g = ${r.g}) ORDER BY duration_ns DESC LIMIT 1`);
  const first = await section.locator("button").first().innerText();
  checks.check("the longest first", first.includes(longest.type) && first.includes(short(longest.duration_ns)), first);
}

await main(checks, async (later) => {
  const { context, problems, close } = await browser();
  later(close);
  const one = await serve([convoy]);
  later(one.stop);
  const page = await open(context, one.url);
  const w = await slice(page);
  await goroutine(page, w.g);
  await processor(page);
  const two = await serve([assist]);
  later(two.stop);
  const other = await open(context, two.url);
  await cycle(other);
  await tasks(other);
  checks.equal("nothing went wrong", problems.join("\n"), "");
});
