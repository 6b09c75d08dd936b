// tests/browser/interaction.test.mjs - every way to move, select and filter, on the sample with the lock convoy.
import { join } from "node:path";
import { Checks, root } from "../lib/project.mjs";
import { addressed, browser, lanes, main, open, serve, settled, view } from "./chromium.mjs";

const checks = new Checks();
const width = (v) => v.to - v.from;
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

async function drag(page, from, to, key, rest = false) {
  if (key) await page.keyboard.down(key);
  await page.mouse.move(...from);
  await page.mouse.down();
  await page.mouse.move((from[0] + to[0]) / 2, (from[1] + to[1]) / 2, { steps: 2 });
  if (rest) await page.waitForTimeout(500); // a hand that rests in the middle: no place to come back to
  await page.mouse.move(...to, { steps: 2 });
  await page.mouse.up();
  if (key) await page.keyboard.up(key);
  await addressed(page); // a place to come back to
  return view(page);
}

async function press(page, key) {
  await page.keyboard.press(key);
  await settled(page);
  return view(page);
}

async function moves(page) {
  const box = await page.locator(".lanes").boundingBox();
  const y = box.y + 200;
  const a = await view(page);
  const b = await drag(page, [box.x + 500, y], [box.x + 400, y], "Shift", true);
  checks.check("Shift and a drag pan by as much", Math.abs(b.from - a.from - (100 / box.width) * width(a)) < width(a) / 500, JSON.stringify([a, b]));
  checks.check("and keeps the zoom", Math.abs(width(a) - width(b)) <= 1, JSON.stringify([a, b]));
  const c = await drag(page, [box.x + 200, y], [box.x + 400, y], "Control");
  checks.check("Ctrl and a drag zoom to the range", Math.abs(width(c) - (200 / box.width) * width(b)) < width(b) / 500, JSON.stringify([b, c]));
  const d = await drag(page, [box.x + 100, box.y + 12], [box.x + 300, box.y + 12]);
  checks.check("so does a drag on the ruler", Math.abs(width(d) - (200 / box.width) * width(c)) < width(c) / 500, JSON.stringify([c, d]));
  for (const [i, wanted] of [c, b, a].entries()) checks.check(`Ctrl+Z ${i + 1}`, same(await press(page, "Control+z"), wanted));
  for (const [i, wanted] of [b, c, d].entries()) checks.check(`Shift+Ctrl+Z ${i + 1}`, same(await press(page, "Control+Shift+Z"), wanted));
  await page.mouse.move(box.x + 300, y);
  await page.keyboard.down("Control");
  await page.mouse.wheel(0, -120);
  await page.keyboard.up("Control");
  await settled(page);
  const e = await view(page);
  const at = (v) => v.from + (300 / box.width) * width(v);
  checks.check("Ctrl and the wheel zoom in", width(e) < width(d), JSON.stringify([d, e]));
  checks.check("at the pointer", Math.abs(at(e) - at(d)) < width(d) / 500, `${at(d)} ${at(e)}`);
}

async function brush(page) {
  const all = await press(page, "0");
  const box = await page.locator(".ovc").boundingBox();
  const y = box.y + 20;
  const px = (v) => box.x + (v / all.to) * box.width;
  const a = await drag(page, [box.x + 300, y], [box.x + 500, y]);
  checks.check("the strip takes a new window", Math.abs(width(a) - (200 / box.width) * all.to) < all.to / 300, JSON.stringify(a));
  const b = await drag(page, [px((a.from + a.to) / 2), y], [px((a.from + a.to) / 2) + 50, y]);
  checks.check("its window is moved", Math.abs(width(a) - width(b)) <= 1 && b.from > a.from, JSON.stringify([a, b]));
  const c = await drag(page, [px(b.to), y], [px(b.to) + 60, y]);
  checks.check("and resized", c.from === b.from && c.to > b.to, JSON.stringify([b, c]));
}

async function follows(page) {
  const name = () => page.innerText("#d-name");
  const who = () => page.locator("aside.det dd button").first().innerText();
  await page.evaluate(() => window.parkview.setView(56e6, 84e6));
  await settled(page);
  const { x, y } = await page.evaluate(() => window.parkview.sliceAt("G66", 65e6));
  await page.mouse.click(x, y);
  await settled(page);
  checks.equal("the convoy's wait", await name(), "sync.(*Mutex).Lock");
  checks.check("says who ended it", /until G\d+ called \(\*Mutex\)\.Unlock/.test((await page.innerText("aside.det .why")).replace(/\s+/g, " ")));
  await press(page, "[");
  checks.check("[ goes to the waker's own wait", (await who()) !== "G66", await who());
  await press(page, "]");
  checks.equal("] comes back", `${await who()} ${await name()}`, "G66 sync.(*Mutex).Lock");
  await press(page, ".");
  checks.equal(". is the next slice", await name(), "runnable");
  await press(page, ",");
  const fit = await press(page, "f");
  checks.check("f fits the slice", width(fit) < 84e6 - 56e6 && fit.from < 65e6 && fit.to > 65e6, JSON.stringify(fit));
  await page.locator(".names .l button", { hasText: /^G66$/ }).click();
  await settled(page);
  checks.equal("a goroutine's name leads to its life", await name(), "G66");
  checks.check("in a sentence", /it waited \d+ %/.test(await page.innerText("aside.det .why")));
  await press(page, "Escape");
}

async function filters(page) {
  await page.locator(".stat button", { hasText: "network" }).click();
  await settled(page);
  checks.equal("the legend switches a family off", await page.locator(".lg.off").count(), 1);
  await page.locator(".stat button", { hasText: "network" }).click();
  await page.locator("table.waits tr", { hasText: "sync.(*Mutex).Lock" }).click();
  await settled(page);
  checks.equal("a row of the table is highlighted", await page.locator("tr.lit").count(), 1);
  await press(page, "Escape");
  checks.equal("Escape drops it", await page.locator("tr.lit").count(), 0);
  await page.locator("table.waits th button", { hasText: "Count" }).click();
  await settled(page);
  const counts = await page.$$eval("table.waits tbody tr td:nth-child(3)", (all) => all.map((td) => Number(td.textContent.replaceAll(",", ""))));
  checks.check("the table sorts by count", counts.length > 3 && counts.every((n, i) => i === 0 || n <= counts[i - 1]), counts.join(" "));
  await page.locator(".inputs input").fill("persistConn");
  await settled(page);
  const groups = (await lanes(page)).filter((l) => l.kind === "group");
  checks.check("functions are filtered by name", groups.length > 0 && groups.every((l) => l.name.includes("persistConn")), JSON.stringify(groups));
  await page.locator(".inputs input").fill("");
}

async function ask(page, sql) {
  await page.locator(".editor").click();
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Backspace");
  await page.keyboard.type(sql);
  await page.keyboard.press("Escape"); // closes a list of completions
  await page.keyboard.press("Control+Enter");
}

async function asks(page) {
  await page.evaluate(() => document.activeElement?.blur());
  await press(page, "`");
  await ask(page, "SELECT g, start_ns, duration_ns FROM waits WHERE refined = 'sync.(*Mutex).Lock' ORDER BY duration_ns DESC LIMIT 5");
  await page.waitForSelector("table.free tbody tr");
  checks.equal("SQL answers with rows", await page.locator("table.free tbody tr").count(), 5);
  const g = await page.locator("table.free tbody td button").first().innerText();
  await page.locator("table.free tbody td button").first().click();
  await settled(page);
  checks.equal("a cell leads to its slice", await page.innerText("#d-name"), "sync.(*Mutex).Lock");
  checks.equal("of its goroutine", await page.locator("aside.det dd button").first().innerText(), `G${g}`);
  await ask(page, "SELECT 1 FROM nowhere");
  await page.waitForSelector(".sql .bad");
  checks.check("a wrong question is answered in words", /nowhere/.test(await page.innerText(".sql .bad")), await page.innerText(".sql .bad"));
}

await main(checks, async (later) => {
  const server = await serve([join(root, "samples/lock-convoy.trace")]);
  later(server.stop);
  const { context, problems, close } = await browser();
  later(close);
  const page = await open(context, server.url);
  await page.evaluate(() => window.parkview.setView(56e6, 84e6));
  await addressed(page); // a place to come back to
  for (const part of [moves, brush, follows, filters, asks]) await part(page);
  checks.equal("nothing went wrong", problems.join("\n"), "");
});
