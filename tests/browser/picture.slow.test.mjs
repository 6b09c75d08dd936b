// tests/browser/picture.slow.test.mjs - what the pictures of the lanes say, in pixels and in the words under the pointer, is what SQL
// says: threads, the collector, the heap, areas of groups, filtered or not; and the picture never goes away.
import { join } from "node:path";
import { Checks, root } from "../lib/project.mjs";
import { browser, lanes, main, open, serve, settled, view } from "./chromium.mjs";
import { sql } from "./figures.mjs";

const checks = new Checks();
const convoy = join(root, "samples/lock-convoy.trace");
const assist = join(root, "samples/gc-assist.trace");
const LEGEND = { chan: "channel", net: "network", sleep: "sleep, timer", gc: "GC assist, sweep", sys: "system, other" };

async function at(page, from, to) {
  await page.evaluate(([a, b]) => window.parkview.setView(a, b), [Math.round(from), Math.round(to)]);
  await settled(page);
}

async function press(page, ...keys) {
  await page.evaluate(() => document.activeElement?.blur());
  for (const key of keys) await page.keyboard.press(key);
  await settled(page);
}

const rowNamed = (page, name) => page.locator(".names .n", { hasText: name }).first();

/** What stands under the pointer in the middle of the window, as {name: figure}. */
async function under(page, kind, name) {
  const row = (await lanes(page)).find((l) => l.kind === kind && l.name === name);
  const box = await page.locator(".lanes").boundingBox();
  await page.mouse.move(box.x + box.width / 2 - 2, row.top + row.height / 2);
  await page.mouse.move(box.x + box.width / 2, row.top + row.height / 2);
  await page.waitForSelector(".tip .mixrow", { timeout: 5000 }).catch(() => undefined);
  const rows = await page.locator(".tip .mixrow").evaluateAll((all) => all.map((r) => [r.childNodes[1].textContent, Number(r.querySelector(".sec").textContent)]));
  await page.mouse.move(2, 2);
  return Object.fromEntries(rows);
}

/** How many goroutines were in each state or family then, of those that the condition names. */
function alive(file, when, where) {
  const rows = sql(file, `SELECT CASE state WHEN 'waiting' THEN family ELSE state END AS what, count(*) AS n FROM slices WHERE start_ns <= ${when} AND end_ns > ${when} AND ${where} GROUP BY 1`);
  return Object.fromEntries(rows.map((r) => [LEGEND[r.what] ?? r.what, r.n]));
}

function alike(name, got, wanted) {
  const ok = Object.keys(wanted).length === Object.keys(got).length && Object.entries(wanted).every(([k, n]) => Math.abs((got[k] ?? 0) - n) < 0.02 * n + 0.01);
  checks.check(name, ok, `${JSON.stringify(got)}, SQL ${JSON.stringify(wanted)}`);
}

async function groups(page) {
  const f = "net/http.(*conn).serve";
  const when = 70e6;
  await at(page, when - 500, when + 500);
  alike("a group's area is how many were in each state", await under(page, "group", f), alive(convoy, when, `start_function = '${f}'`));
  for (const [text, where] of [
    ["reason:sync >5ms", "state = 'waiting' AND (reason LIKE '%sync%' OR refined LIKE '%sync%') AND duration_ns >= 5000000"],
    ["func:writeToAuditLog", "stack IN (SELECT stack FROM frames WHERE function LIKE '%writeToAuditLog%')"],
    ["G66 G68", "g IN (66, 68)"],
  ]) {
    await page.locator("#search").fill(text);
    await page.locator("#search").press("Enter");
    await settled(page);
    await page.locator(".dock button", { hasText: "Use as filter" }).click();
    await page.evaluate(() => document.activeElement?.blur());
    await at(page, when - 500, when + 500);
    alike(`filtered by ${text}, it counts only what is left`, await under(page, "group", f), alive(convoy, when, `start_function = '${f}' AND ${where}`));
    await page.locator(".clear").click();
    await settled(page);
  }
}

async function hidden(page) {
  await at(page, 56e6, 84e6);
  const group = () => rowNamed(page, "(*conn).serve");
  await group().hover();
  await group().locator("button[aria-label^=Hide]").click();
  await settled(page);
  checks.check("a group is hidden", !(await lanes(page)).some((l) => l.kind === "group" && l.name.endsWith("(*conn).serve")));
  await page.locator("#search").fill("G66");
  await page.locator("#search").press("Enter");
  await settled(page);
  const standing = async () => page.locator(".n-fixed .n").evaluateAll((all) => all.map((e) => e.textContent));
  checks.check("one of its goroutines that is gone to stands above", (await standing()).some((t) => t.startsWith("G66")), (await standing()).join("|"));
  await press(page, "Escape");
  checks.equal("until it is let go", (await standing()).length, 0);
  await page.locator(".clear").click();
  await press(page, "Control+k");
  await page.keyboard.type("show what was hidden");
  await page.keyboard.press("Enter");
  await settled(page);
  checks.check("what was hidden comes back", await page.evaluate(() => window.parkview.lanes().some((l) => l.kind === "group" && l.name.endsWith("(*conn).serve"))) || (await group().count()) > 0);
}

/** Colour of the base canvas at a pixel of the page. */
const pixel = (page, x, y) =>
  page.evaluate(
    ([x, y]) => {
      const canvas = document.querySelector(".lanes canvas");
      const box = canvas.getBoundingClientRect();
      const copy = new OffscreenCanvas(1, 1).getContext("2d");
      copy.drawImage(canvas, Math.round(x - box.left), Math.round(y - box.top), 1, 1, 0, 0, 1, 1);
      return `#${[...copy.getImageData(0, 0, 1, 1).data].slice(0, 3).map((v) => v.toString(16).padStart(2, "0")).join("")}`;
    },
    [x, y],
  );
const token = (page, name) => page.evaluate((n) => getComputedStyle(document.documentElement).getPropertyValue(n).trim().toLowerCase(), name);

async function legend(page) {
  const [w] = sql(convoy, "SELECT g, start_ns, duration_ns FROM waits WHERE refined = 'sync.(*Mutex).Lock' ORDER BY duration_ns DESC LIMIT 1");
  await at(page, w.start_ns - w.duration_ns, w.start_ns + 2 * w.duration_ns);
  const place = await page.evaluate(([g, t]) => window.parkview.sliceAt(`G${g}`, t), [w.g, w.start_ns + w.duration_ns / 2]);
  const base = () => pixel(page, place.x, place.y + 8); // a wait's solid foot
  const solid = await token(page, "--sync-s");
  checks.equal("a wait has its family's colour", await base(), solid);
  await page.locator(".stat button", { hasText: "sync" }).click();
  await settled(page);
  checks.check("the legend greys its family", (await base()) !== solid, await base());
  await page.locator(".stat button", { hasText: "sync" }).click();
  await settled(page);
  checks.equal("and brings it back", await base(), solid);
}

/** Ink of the layer above the lanes, between two rows and around a moment. */
const inkAbove = (page, x, top, bottom) =>
  page.evaluate(
    ([x, top, bottom]) => {
      const canvas = document.querySelector(".lanes canvas.over");
      const box = canvas.getBoundingClientRect();
      const copy = new OffscreenCanvas(60, Math.ceil(bottom - top)).getContext("2d");
      copy.drawImage(canvas, x - box.left - 30, top - box.top, 60, bottom - top, 0, 0, 60, bottom - top);
      const { data } = copy.getImageData(0, 0, 60, Math.ceil(bottom - top));
      let rows = 0;
      for (let y = 0; y < Math.ceil(bottom - top); y++) if (data.slice(y * 240, y * 240 + 240).some((v, i) => i % 4 === 3 && v > 60)) rows++;
      return rows / Math.ceil(bottom - top);
    },
    [x, top, bottom],
  );

async function arrow(page) {
  const waits = sql(convoy, "SELECT g, start_ns, end_ns, duration_ns, waker_g FROM waits WHERE refined = 'sync.(*Mutex).Lock' AND waker_g IS NOT NULL AND waker_g <> g ORDER BY duration_ns DESC LIMIT 20");
  const w = waits[0];
  await at(page, w.start_ns - w.duration_ns, w.start_ns + 2 * w.duration_ns);
  await page.evaluate((g) => window.parkview.sliceAt(`G${g}`, 0), w.waker_g);
  const place = await page.evaluate(([g, t]) => window.parkview.sliceAt(`G${g}`, t), [w.g, w.start_ns + w.duration_ns / 2]);
  await page.mouse.click(place.x, place.y);
  await settled(page);
  const seen = await lanes(page);
  const [a, b] = [w.g, w.waker_g].map((g) => seen.find((l) => l.name === `G${g}`));
  if (!checks.check("waiter and waker are on the screen", a && b, JSON.stringify([w, seen.map((l) => l.name)]))) return;
  const box = await page.locator(".lanes").boundingBox();
  const v = await view(page);
  const x = box.x + ((w.end_ns - v.from) / (v.to - v.from)) * box.width;
  const [top, bottom] = [Math.min(a.top, b.top) + 16, Math.max(a.top, b.top) + 6];
  await page.mouse.move(2, 2);
  checks.check("an arrow leads from the waker to the end of the wait", (await inkAbove(page, x, top, bottom)) > 0.9, await inkAbove(page, x, top, bottom));
  await press(page, "Escape");
  checks.check("and goes with the selection", (await inkAbove(page, x, top, bottom)) < 0.1, await inkAbove(page, x, top, bottom));
}

/** While no tile comes, what there was is stretched. */
async function stays(page) {
  await press(page, "0");
  const inked = () =>
    page.evaluate(() => {
      const canvas = document.querySelector(".lanes canvas");
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
      copy.drawImage(canvas, 0, 0);
      const { data, width } = copy.getImageData(0, 0, canvas.width, canvas.height);
      const green = getComputedStyle(document.documentElement).getPropertyValue("--running-s").trim();
      const [r, g, b] = [1, 3, 5].map((i) => parseInt(green.slice(i, i + 2), 16));
      let n = 0;
      for (let i = 0; i < data.length; i += 4) n += data[i] === r && data[i + 1] === g && data[i + 2] === b;
      return n / width;
    });
  checks.check("running is drawn", (await inked()) > 0);
  await page.evaluate(() => (window.held = []));
  const before = await view(page);
  for (const key of "wwwwwwww") await page.keyboard.press(key);
  await page.waitForFunction((width) => window.parkview.view().to - window.parkview.view().from < width * 0.06, before.to - before.from);
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done)))));
  checks.check("with no tile answered, the old picture stays", (await inked()) > 0, await inked());
  checks.equal("and is not called sharp", await page.evaluate(() => window.parkview.sharpAt()), null);
  const waited = await page.evaluate(() => {
    const { held } = window;
    window.held = null;
    for (const [socket, text] of held) socket.send(text);
    return held.length;
  });
  checks.check("tiles had been asked for", waited > 0);
  await settled(page);
  checks.check("when they come, it is sharp", (await page.evaluate(() => window.parkview.sharpAt())) !== null);
}

async function threads(page) {
  await page.locator(".names .s", { hasText: /^Threads/ }).locator("button").first().click();
  await settled(page);
  const m = sql(assist, "SELECT DISTINCT m FROM slices WHERE m IS NOT NULL UNION SELECT DISTINCT m FROM proc_slices WHERE m IS NOT NULL").map((r) => `M${r.m}`);
  const seen = (await lanes(page)).filter((l) => l.kind === "m").map((l) => l.name);
  checks.equal("a lane for each thread", seen.sort().join(), m.sort().join());
  const [s] = sql(assist, "SELECT m, start_ns, duration_ns, g FROM slices WHERE state = 'running' AND start_ns > 1000000 ORDER BY duration_ns DESC LIMIT 1");
  await at(page, s.start_ns, s.start_ns + s.duration_ns);
  const { x, y } = await page.evaluate(([l, t]) => window.parkview.sliceAt(l, t), [`M${s.m}`, s.start_ns + s.duration_ns / 2]);
  await page.mouse.click(x, y);
  await settled(page);
  checks.check("which says who ran there", (await page.innerText("aside.det")).includes(`G${s.g}`), JSON.stringify(s));
  await press(page, "Escape");
  await page.locator(".names .s", { hasText: /^Threads/ }).locator("button").first().click();
}

/** "1.06 ms" -> ns, "5.37 MB" -> bytes */
function value(text) {
  const [, v, unit] = /([\d.,]+)\s*([µA-Za-z]+)/.exec(text) ?? [];
  return Number(v?.replaceAll(",", "")) * { ns: 1, µs: 1e3, ms: 1e6, s: 1e9, B: 1, KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 }[unit];
}
const near = (text, wanted) => Math.abs(value(text) - wanted) <= wanted * 0.006 + 1;

async function collector(page) {
  const [from, to] = [30e6, 130e6];
  await at(page, from, to);
  const [{ marks }] = sql(assist, `SELECT count(*) AS marks FROM ranges WHERE name = 'GC concurrent mark phase' AND start_ns < ${to} AND end_ns > ${from}`);
  const [{ ns }] = sql(assist, `SELECT sum(min(end_ns, ${to}) - max(start_ns, ${from})) AS ns FROM ranges WHERE name LIKE 'stop-the-world%' AND start_ns < ${to} AND end_ns > ${from}`);
  const said = await page.locator(".names .n.base").nth(1).innerText();
  checks.check("the collector's lane: cycles of the window", said.includes(`${marks} cycle`), `${said}, ${marks}`);
  checks.check("and how long the world stood still", near(/·\s*(.*) stopped/.exec(said)?.[1] ?? "", ns), `${said}, ${ns}`);
  await press(page, "5");
  const [mark] = sql(assist, `SELECT sum(min(end_ns, ${to}) - max(start_ns, ${from})) AS ns FROM ranges WHERE name = 'GC concurrent mark phase' AND start_ns < ${to} AND end_ns > ${from}`);
  const note = await page.innerText(".tabs .r");
  checks.check("its share of the window", note.includes(`marking ${((mark.ns / (to - from)) * 100).toFixed(1)} %`), `${note}, ${mark.ns}`);
  const t = 100e6;
  await at(page, t - 1000, t);
  const last = (name) => sql(assist, `SELECT value FROM metrics WHERE name = '${name}' AND time_ns <= ${t} ORDER BY time_ns DESC LIMIT 1`)[0].value;
  const heap = await rowNamed(page, "Heap").innerText();
  checks.check("the heap that is live", near(/live (.*?B)/.exec(heap.replace(/\s+/g, " "))?.[1] ?? "", last("/memory/classes/heap/objects:bytes")), `${heap} ${last("/memory/classes/heap/objects:bytes")}`);
  checks.check("and its goal", near(/goal (.*?B)/.exec(heap.replace(/\s+/g, " "))?.[1] ?? "", last("/gc/heap/goal:bytes")), `${heap} ${last("/gc/heap/goal:bytes")}`);
}

await main(checks, async (later) => {
  const { context, problems, close } = await browser({ height: 1200 });
  later(close);
  // Requests for tiles are held back while window.held is a list.
  await context.addInitScript(() => {
    const { send } = WebSocket.prototype;
    WebSocket.prototype.send = function (text) {
      if (window.held && String(text).includes('"op":"tiles"')) window.held.push([this, text]);
      else send.call(this, text);
    };
  });
  const one = await serve([convoy]);
  later(one.stop);
  const two = await serve([assist]);
  later(two.stop);
  const parts = [[one, [groups, hidden, legend, arrow, stays]], [two, [threads, collector]]];
  for (const [server, list] of parts)
    for (const part of list) {
      const page = await open(context, server.url); // each from the same beginning
      try {
        await part(page);
      } catch (error) {
        checks.check(`${part.name} ran to its end`, false, error.stack);
      }
      await page.close();
    }
  checks.equal("nothing went wrong", problems.join("\n"), "");
});
