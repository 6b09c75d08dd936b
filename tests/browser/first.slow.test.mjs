// tests/browser/first.slow.test.mjs - first use and help: the start page, what is wrong is said, the tour, the palette, and a whole
// way through a trace with the keyboard alone.
import { join } from "node:path";
import { Checks, root } from "../lib/project.mjs";
import { addressed, browser, main, open, serve, settled, view } from "./chromium.mjs";
import { sql } from "./figures.mjs";

const checks = new Checks();
const convoy = join(root, "samples/lock-convoy.trace");
const focused = (page) => page.evaluate(() => document.activeElement?.id || document.activeElement?.className || document.activeElement?.tagName);

async function drop(page, name, bytes) {
  const transfer = await page.evaluateHandle(
    ([name, base64]) => {
      const dropped = new DataTransfer();
      dropped.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name));
      return dropped;
    },
    [name, bytes.toString("base64")],
  );
  for (const type of ["dragenter", "dragover"]) await page.dispatchEvent("body", type, { dataTransfer: transfer });
  checks.check(`${name}: the page says that it can be dropped`, await page.locator(".dropping").isVisible());
  await page.dispatchEvent("body", "drop", { dataTransfer: transfer });
}

async function startPage(page) {
  const text = await page.innerText("main.start");
  for (const way of ["curl -o trace.out", "/debug/pprof/trace?seconds=5", "go test -trace", "runtime/trace", "NewFlightRecorder", "pv_start"])
    checks.check(`the start page says how to record: ${way}`, text.includes(way));
  checks.check("it lists the samples", (await page.locator(".row.s").count()) >= 4);
  await drop(page, "notes.txt", Buffer.from("These are no bytes of a trace. ".repeat(40)));
  const none = "notes\\.txt (could not be opened|was not opened)";
  await page.waitForFunction((text) => new RegExp(text).test(document.body.innerText), none, { timeout: 20e3 }).catch(() => undefined);
  const said = await page.innerText("body");
  checks.check("what is no trace is said to be none", new RegExp(none).test(said), said);
}

async function tour(page) {
  if (await page.locator(".between .btn").count()) await page.locator(".between .btn").click();
  await page.locator("button", { hasText: "A tour of two minutes" }).click();
  await page.waitForSelector(".tour");
  const said = [];
  for (let i = 0; i < 30; i++) {
    await settled(page);
    said.push((await page.innerText(".tour")).replace(/\s+/g, " "));
    const card = await page.locator(".tour").boundingBox();
    const size = page.viewportSize();
    checks.check(`step ${i + 1} is on the page`, card.x >= 0 && card.y >= 0 && card.x + card.width <= size.width && card.y + card.height <= size.height, JSON.stringify(card));
    checks.equal(`step ${i + 1} points at something`, await page.locator(".tour-ring").count(), 1);
    if (/Done/.test(said.at(-1))) break;
    await page.keyboard.press("ArrowRight");
  }
  const all = said.join(" ");
  for (const word of ["G: a goroutine", "P: a processor", "M: a thread", "Running", "Runnable", "syscall", "waiting", "Why was it waiting?", "sync.(*Mutex).Lock"]) checks.check(`the tour speaks of ${word}`, all.includes(word), all);
  checks.equal("beside the wait that it speaks of", await page.innerText("#d-name").catch(() => ""), "sync.(*Mutex).Lock");
  const [longest] = sql(convoy, "SELECT max(duration_ns) AS ns FROM waits WHERE refined = 'sync.(*Mutex).Lock'");
  checks.check("which is the longest", (await page.innerText("aside.det .big em")).startsWith((longest.ns / 1e6).toFixed(3)), await page.innerText("aside.det .big em"));
  await page.keyboard.press("ArrowRight");
  checks.equal("then it ends", await page.locator(".tour").count(), 0);
}

async function palette(page) {
  const run = async (text) => {
    await page.keyboard.press("Control+k");
    await page.waitForSelector(".palette");
    await page.keyboard.type(text);
    const found = await page.locator(".commands .on .t").innerText();
    await page.keyboard.press("Enter");
    await settled(page);
    return found;
  };
  const all = await view(page);
  checks.equal("zoom in", await run("zoom in"), "Zoom in at the pointer");
  checks.check("zooms in", (await view(page)).to - (await view(page)).from < all.to - all.from);
  await run("show everything");
  checks.equal("show everything", JSON.stringify(await view(page)), JSON.stringify(all));
  await run("gc collections");
  checks.equal("opens a table", await page.innerText('[role=tab][aria-selected="true"]'), "GC");
  const dark = () => page.evaluate(() => document.documentElement.dataset.theme);
  const before = await dark();
  await run("light or dark");
  checks.check("changes the theme", (await dark()) !== before);
  await run("light or dark");
  await run("ask: do goroutines leak");
  checks.check("asks a worked question", (await page.locator("table.free, .out .empty").count()) > 0 && (await page.locator(".sql .bad").count()) === 0);
  await page.evaluate(() => document.activeElement?.blur());
  await run("go to main.main");
  checks.check("goes to a group of lanes", await page.evaluate(() => window.parkview.lanes().some((l) => l.kind === "group" && l.name === "main.main")));
  await page.keyboard.press("Control+k");
  await page.keyboard.type("xyzzy");
  const none = page.locator(".palette", { hasText: "No command" }).waitFor({ timeout: 5000 });
  checks.check("what is no command is said to be none", await none.then(() => true, () => false));
  await page.keyboard.press("Escape");
  await page.waitForSelector(".palette", { state: "detached", timeout: 5000 }).catch(() => undefined);
  checks.equal("Escape closes it", await page.locator(".palette").count(), 0);
}

/** Every button of the page that a pointer can reach, a keyboard can reach, too. */
async function tabsThrough(page) {
  await page.evaluate(() => document.activeElement?.blur());
  const seen = new Set();
  for (let i = 0; i < 160; i++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const e = document.activeElement;
      e.dataset.visited = "1";
      const ring = e === document.body || getComputedStyle(e).outlineStyle !== "none" || e.closest(".search, .palette, .editor, .names") !== null;
      return { what: `${e.tagName}.${e.className}`, ring };
    });
    if (!at.ring) checks.check(`a focus ring on ${at.what}`, false);
    seen.add(at.what);
  }
  const left = await page.evaluate(() =>
    [...document.querySelectorAll("button, a[href], input, select, [tabindex='0']")]
      .filter((e) => !e.dataset.visited && !e.disabled && e.tabIndex >= 0 && e.offsetParent !== null && !e.closest(".names"))
      .map((e) => `${e.tagName}.${e.className} ${e.textContent.slice(0, 20)}`),
  );
  checks.equal("nothing is out of the keyboard's reach", left.join("; "), "");
}

/** What a key does is said where the pointer rests. */
async function tooltips(page) {
  const titles = await page.$$eval(".top [title], .tabs [title], .stat [title], .names [title]", (all) => all.map((e) => e.title));
  for (const key of ["(Ctrl+Z)", "(Ctrl+Shift+Z)", "(`)", "(/)", "(1)", "(2)", "(7)", "(P)", "(H)"]) checks.check(`a tooltip names ${key}`, titles.some((t) => t.includes(key)), titles.join("|"));
}

/** Tables about the lanes that the keyboard names, as a drag would. */
async function areaByKeys(page) {
  await page.keyboard.press("0");
  await page.locator(".names").focus();
  for (let i = 0; i < 40; i++) await page.keyboard.press("ArrowUp");
  const at = () => page.evaluate(() => document.querySelector(".names .n.focus .t")?.innerText ?? "");
  await settled(page);
  for (let i = 0; i < 40 && (await at()) !== "P0"; i++) {
    await page.keyboard.press("ArrowDown");
    await settled(page);
  }
  checks.equal("the arrows reach a processor", await at(), "P0");
  await page.keyboard.press("x");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("x");
  await page.keyboard.press("3");
  await settled(page);
  const [{ n, ns }] = sql(convoy, "SELECT count(*) AS n, sum(duration_ns) AS ns FROM slices WHERE state = 'running' AND p IN (0, 1)");
  const said = await page.innerText("#waits-sum");
  checks.check("x makes the tables be about its lane and the next", said.startsWith(`${n.toLocaleString("en-US")} runs · ${(ns / 1e6).toFixed(1)} ms`), `${said}; ${n} ${ns}`);
  await page.keyboard.press("x");
  await settled(page);
  checks.check("x again takes one away", /· P0/.test(await page.innerText(".narrowed")), await page.innerText(".narrowed"));
  await page.keyboard.press("Escape");
  await page.locator(".narrowed").waitFor({ state: "detached", timeout: 10e3 }).catch(() => undefined);
  checks.equal("Escape drops the area", await page.locator(".narrowed").count(), 0);
}

async function noteByKeys(page) {
  await page.keyboard.press("m");
  await page.keyboard.press("e");
  await page.waitForSelector(".markcard input:focus");
  await page.keyboard.type("here");
  await page.keyboard.press("Enter");
  await addressed(page);
  checks.check("m marks, e writes a note on it", /marks=\d+:here/.test(page.url()), page.url());
  await page.keyboard.press("Shift+M");
}

async function dockByKeys(page) {
  const height = () => page.locator(".dock").evaluate((e) => e.offsetHeight);
  const before = await height();
  await page.locator(".grip").focus();
  await page.keyboard.press("ArrowUp");
  checks.equal("the tables grow by a row", await height(), before + 22);
  await page.keyboard.press("ArrowDown");
  checks.equal("and shrink again", await height(), before);
  await page.locator(".names").focus();
}

async function keyboardAlone(page) {
  await page.keyboard.press("/");
  checks.equal("/ is the search", await focused(page), "search");
  await page.keyboard.type("reason:sync >5ms");
  await settled(page);
  await page.keyboard.press("Enter");
  await settled(page);
  const [first] = sql(convoy, "SELECT g FROM waits WHERE (reason LIKE '%sync%' OR refined LIKE '%sync%') AND duration_ns >= 5000000 ORDER BY start_ns, g LIMIT 1");
  checks.equal("Enter goes to the first hit", await page.locator("aside.det dl .a").first().innerText(), `G${first.g}`);
  await page.keyboard.press("Enter");
  await settled(page);
  checks.equal("again, to the next", await page.innerText("#d-name"), "sync.(*Mutex).Lock");
  await page.keyboard.press("Escape");
  const name = () => page.innerText("#d-name");
  await page.keyboard.press("f");
  await settled(page);
  await page.keyboard.press(".");
  await settled(page);
  checks.equal(". is the next slice", await name(), "runnable");
  await page.keyboard.press(",");
  await settled(page);
  await page.keyboard.press("[");
  await settled(page);
  checks.check("[ goes along the wake chain", (await page.locator(".hop.here").count()) === 1);
  for (const [key, title] of [["1", "Waiting"], ["2", "Ready"], ["3", "Running"], ["4", "Syscalls"], ["5", "GC"], ["6", "Goroutines"], ["7", "Found"]]) {
    await page.keyboard.press(key);
    await settled(page);
    checks.equal(`${key} opens a table`, await page.innerText('[role=tab][aria-selected="true"]'), title);
  }
  await page.keyboard.press("1");
  await settled(page);
  await page.locator("table.waits tbody .name").first().focus();
  await page.keyboard.press("Enter");
  await settled(page);
  checks.equal("Enter on a row lights it", await page.locator("tr.lit").count(), 1);
  await page.locator("table.waits tbody .worst").first().focus();
  await page.keyboard.press("Enter");
  await settled(page);
  checks.equal("Enter on its figure goes to the longest", await name(), await page.locator("table.waits tbody .name").first().innerText());
  await page.keyboard.press("Escape");
  await settled(page);
  checks.equal("Escape drops the selection", await page.locator("aside.det").count(), 0);
  await page.keyboard.press("Escape");
  await settled(page);
  checks.equal("and the light", await page.locator("tr.lit").count(), 0);
  await areaByKeys(page);
  await noteByKeys(page);
  await dockByKeys(page);
  await page.keyboard.press("?");
  checks.check("? lists the keys", /Zoom in at the pointer/.test(await page.innerText("dialog.help")));
  await page.keyboard.press("Escape");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await settled(page);
}

await main(checks, async (later) => {
  const server = await serve([]);
  later(server.stop);
  const { context, problems, close } = await browser({ width: 1280, height: 800 });
  later(close);
  const page = await context.newPage();
  await page.goto(server.url);
  await page.waitForSelector("main.start");
  await startPage(page);
  await tour(page);
  await palette(page);
  const two = await serve([convoy]);
  later(two.stop);
  const other = await open(context, two.url);
  await tooltips(other);
  await keyboardAlone(other);
  await tabsThrough(other);
  checks.equal("nothing went wrong", problems.join("\n"), "");
});
