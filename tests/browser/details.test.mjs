// tests/browser/details.test.mjs - what the panels say about a slice, a goroutine, a processor and a GC cycle is what SQL says.
import { join } from "node:path";
import { Checks, corpus, root } from "../lib/project.mjs";
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
  await stacks(page, w);
  await around(page, w);
  return w;
}

/** Copied whole, leading to the editor of choice; the waker's beside it. */
async function stacks(page, w) {
  const frames = (id) => sql(convoy, `SELECT function, file, line, library FROM frames WHERE stack = ${id} ORDER BY depth`);
  const [own, wakers] = [frames(w.stack), frames(w.waker_stack)];
  const sections = page.locator("aside.det section", { has: page.locator(".stack") });
  for (const [i, of] of [own, wakers].entries()) {
    await sections.nth(i).locator("button", { hasText: /^Copy$/ }).click();
    const text = of.map((f) => `${f.function}\n\t${f.file}:${f.line}`).join("\n");
    checks.equal(`slice: ${i ? "the waker's stack" : "its stack"} is copied whole`, await page.evaluate(() => navigator.clipboard.readText()), text);
  }
  const seen = await sections.nth(1).locator(".stack > .fr > span:first-child").allInnerTexts();
  const plain = wakers.filter((f, i) => i === 0 || f.library === 0).map((f) => f.function);
  checks.check("slice: the waker's stack, its own functions unfolded", plain.length > 1 && plain.every((f) => seen.includes(f)), `${seen}\n${plain}`);
}

async function around(page, w) {
  const neighbours = sql(convoy, `SELECT state, refined, duration_ns AS ns FROM slices WHERE g = ${w.g} AND (end_ns = ${w.start_ns} OR start_ns = ${w.end_ns}) ORDER BY start_ns`);
  const section = page.locator("aside.det section", { hasText: "Before and after" });
  const rows = (await section.locator(".go").allInnerTexts()).map((t) => t.replace(/\s+/g, " ").trim());
  checks.equal("slice: the one before and the one after", rows.length, neighbours.length);
  for (const [i, n] of neighbours.entries()) checks.check(`slice: ${n.state} ${i ? "after" : "before"} it`, rows[i]?.startsWith(n.refined ?? n.state) && rows[i].endsWith(short(n.ns)), `${rows[i]} ${JSON.stringify(n)}`);
}

/** Of a trace with whole paths; a trimmed build's "./main.go" leads nowhere. */
async function editors(page, file) {
  const [w] = sql(file, "SELECT g, start_ns, duration_ns, stack FROM waits WHERE stack IN (SELECT stack FROM frames WHERE depth = 0 AND file LIKE '/%') AND start_ns > 0 AND reason IS NOT 'forever' ORDER BY duration_ns DESC LIMIT 1");
  const [leaf] = sql(file, `SELECT file, line FROM frames WHERE stack = ${w.stack} AND depth = 0`);
  await page.evaluate(([a, b]) => window.parkview.setView(a, b), [w.start_ns - w.duration_ns, w.start_ns + 2 * w.duration_ns]);
  await settled(page);
  const { x, y } = await page.evaluate(([g, t]) => window.parkview.sliceAt(`G${g}`, t), [w.g, w.start_ns + w.duration_ns / 2]);
  await page.mouse.click(x, y);
  await settled(page);
  const choose = (label) => page.selectOption(".editors select", { label });
  const links = async () => (await settled(page), page.$$eval("aside.det a.loc", (all) => all.map((a) => a.getAttribute("href"))));
  checks.equal("editor: none is chosen at first", (await links()).length, 0);
  await choose("VS Code");
  checks.equal("editor: a known one", (await links())[0], `vscode://file/${leaf.file}:${leaf.line}`);
  await choose("own pattern …");
  const field = page.locator(".editors input");
  await field.fill("my-editor://open?f={file}&l={line}");
  checks.equal("editor: a pattern of one's own", (await links())[0], `my-editor://open?f=${leaf.file}&l=${leaf.line}`);
  await page.reload();
  await settled(page);
  checks.equal("editor: it is kept", (await links())[0], `my-editor://open?f=${leaf.file}&l=${leaf.line}`);
  await choose("no editor");
  await choose("own pattern …");
  await field.fill("javascript://{file}");
  checks.equal("editor: a pattern that could run is none", [(await links()).length, await page.locator(".editors input.bad").count()].join(), "0,1");
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
  const lengths = sql(convoy, `SELECT duration_ns AS ns FROM waits WHERE g = ${g} AND reason IS NOT 'forever'`);
  const bars = new Set(lengths.map(({ ns }) => Math.min(33, Math.max(8, Math.floor(Math.log2(Math.max(1, ns)))))));
  checks.equal("goroutine: a bar for each power of two that its waits have", await page.locator("aside.det section", { hasText: "How long its waits were" }).locator("svg.spark > rect").count(), bars.size + 1);
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
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
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
  const whole = corpus().find(({ name, path }) => /^go1\.2[2-6]-(generations|mutex200)\.trace$/.test(name) && path.endsWith(name));
  if (whole) {
    const three = await serve([whole.path]);
    later(three.stop);
    await editors(await open(context, three.url), whole.path);
  }
  checks.equal("nothing went wrong", problems.join("\n"), "");
});
