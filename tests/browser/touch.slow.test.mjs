// tests/browser/touch.slow.test.mjs - fingers on a screen and on a touch pad, as the browser gives them to a page.
import { join } from "node:path";
import { Checks, root } from "../lib/project.mjs";
import { addressed, browser, lanes, main, open, serve, settled, view } from "./chromium.mjs";
import { sql } from "./figures.mjs";

const checks = new Checks();
const convoy = join(root, "samples/lock-convoy.trace");
const [FROM, TO] = [100e6, 110e6];
const LONG_MS = 450; // view/gestures.ts: a finger that rests so long draws an area
const width = (v) => v.to - v.from;

async function start(page) {
  await page.evaluate(([a, b]) => window.parkview.setView(a, b), [FROM, TO]);
  await settled(page);
}

/** Fingers at points of the lanes. */
async function hand(page) {
  const cdp = await page.context().newCDPSession(page);
  const box = await page.locator(".lanes").boundingBox();
  const send = (type, points) => cdp.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(([x, y], id) => ({ x: box.x + x, y: box.y + y, id })) });
  const drag = async (...steps) => {
    await send("touchStart", steps[0]);
    for (const points of steps.slice(1)) await send("touchMove", points);
    await send("touchEnd", []);
    await settled(page);
    return view(page);
  };
  return { box, send, drag };
}

const firstTop = async (page) => (await lanes(page)).find((l) => l.name === "P0")?.top ?? -Infinity;

async function fingers(page) {
  const { box, send, drag } = await hand(page);
  const perPx = (TO - FROM) / box.width;
  await start(page);
  const panned = await drag([[500, 250]], [[480, 250]], [[440, 250]], [[400, 250]]);
  checks.check("one finger pans", Math.abs(panned.from - FROM - 100 * perPx) < 2e4 && width(panned) === TO - FROM, JSON.stringify(panned));
  const before = await firstTop(page);
  await drag([[500, 250]], [[500, 230]], [[500, 200]], [[500, 180]]);
  const after = await firstTop(page);
  checks.check("and scrolls", after < before && after >= before - 70, `${before} ${after}`);
  await drag([[500, 250]], [[500, 300]], [[500, 400]]);
  await start(page);
  const pinched = await drag([[400, 250], [500, 250]], [[390, 250], [510, 250]], [[370, 250], [530, 250]], [[350, 250], [550, 250]]);
  checks.check("two fingers zoom", Math.abs(width(pinched) - (TO - FROM) / 2) < 1e5, JSON.stringify(pinched));
  checks.check("about the moment between them", Math.abs(pinched.from + 450 * (width(pinched) / box.width) - (FROM + 450 * perPx)) < 2e4, JSON.stringify(pinched));
  await start(page);
  const top = await firstTop(page);
  const moved = await drag([[400, 250], [500, 250]], [[380, 230], [480, 230]], [[350, 190], [450, 190]]);
  checks.check("two fingers side by side pan", Math.abs(moved.from - FROM - 50 * perPx) < 2e4 && Math.abs(width(moved) - (TO - FROM)) < 1e4, JSON.stringify(moved));
  const now = await firstTop(page);
  checks.check("and scroll", now < top && now >= top - 60, `${top} ${now}`);
  await drag([[500, 250]], [[500, 300]], [[500, 400]]);

  const [w] = sql(convoy, "SELECT g, start_ns, duration_ns, refined FROM waits WHERE refined = 'sync.(*Mutex).Lock' ORDER BY duration_ns DESC LIMIT 1");
  await page.evaluate(([a, b]) => window.parkview.setView(a, b), [w.start_ns - w.duration_ns, w.start_ns + 2 * w.duration_ns]);
  await settled(page);
  const at = await page.evaluate(([g, t]) => window.parkview.sliceAt(`G${g}`, t), [w.g, w.start_ns + w.duration_ns / 2]);
  await drag([[at.x - box.x, at.y - box.y]]);
  checks.equal("a tap selects", await page.innerText("#d-name"), w.refined);
  await page.keyboard.press("Escape");
  await settled(page);

  await start(page);
  const p0 = (await lanes(page)).find((l) => l.name === "P0");
  const y = p0.top + 10 - box.y;
  await send("touchStart", [[300, y]]);
  await new Promise((done) => setTimeout(done, LONG_MS * 2)); // the gesture itself: a finger that rests
  for (const x of [320, 360, 400]) await send("touchMove", [[x, y]]);
  await send("touchEnd", []);
  await addressed(page);
  const [, from, to, of] = /area=(\d+)-(\d+),([^&]*)/.exec(decodeURIComponent(new URL(page.url()).hash)) ?? [];
  checks.check("a finger that rests first draws an area", Math.abs(Number(to) - Number(from) - 100 * perPx) < 3e4 && of === "P0", page.url());
  await page.keyboard.press("Escape");
  await settled(page);
}

/** A touch pad comes as a wheel: a pinch with Ctrl in small steps, two fingers with both deltas. */
async function pad(page) {
  const box = await page.locator(".lanes").boundingBox();
  const perPx = (TO - FROM) / box.width;
  await start(page);
  await page.mouse.move(box.x + 300, box.y + 250);
  for (let i = 0; i < 5; i++) await page.mouse.wheel(20, 0);
  await settled(page);
  const panned = await view(page);
  checks.check("two fingers along pan", Math.abs(panned.from - FROM - 100 * perPx) < 2e4 && width(panned) === TO - FROM, JSON.stringify(panned));
  const top = await firstTop(page);
  for (let i = 0; i < 3; i++) await page.mouse.wheel(0, 20);
  await settled(page);
  const now = await firstTop(page);
  checks.check("two fingers down scroll", now < top && now >= top - 60, `${top} ${now}`);
  for (let i = 0; i < 3; i++) await page.mouse.wheel(0, -40);
  await start(page);
  await page.keyboard.down("Control");
  for (let i = 0; i < 10; i++) await page.mouse.wheel(0, -6);
  await page.keyboard.up("Control");
  await settled(page);
  const zoomed = await view(page);
  checks.check("a pinch zooms", Math.abs(width(zoomed) / (TO - FROM) - Math.exp(-60 * 0.012)) < 0.02, JSON.stringify(zoomed));
  checks.check("at the pointer", Math.abs(zoomed.from + 300 * (width(zoomed) / box.width) - (FROM + 300 * perPx)) < 2e4, JSON.stringify(zoomed));
}

await main(checks, async (later) => {
  const server = await serve([convoy]);
  later(server.stop);
  const { context, problems, close } = await browser();
  later(close);
  const page = await open(context, server.url);
  for (const part of [fingers, pad]) await part(page);
  checks.equal("nothing went wrong", problems.join("\n"), "");
});
