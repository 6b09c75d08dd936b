// tests/bench/page_bench.mjs - the page in a real Chromium without a GPU, by Chromium's own figures.
//   node tests/bench/page_bench.mjs [--minutes N] TRACE…
// One line per trace.  What each figure is: README.md beside it.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { gzipSync } from "node:zlib";
import { browser, open, serve, settled } from "../browser/chromium.mjs";

const SCREEN = { width: 1920, height: 1080, motion: "no-preference" };
const MOVES = 150; // of each kind, while frames are measured
const KEYS = 120;
const REST_MS = 1000;
const SAMPLE_MS = 20_000;

const rank = (list, share) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * share))];

/** A fixed sequence, so that every run goes the same way. */
function dice(seed) {
  let x = seed;
  return () => (x = (x * 1103515245 + 12345) % 2147483648) / 2147483648;
}

// ---- moving

class Hand {
  constructor(page, cdp, box) {
    Object.assign(this, { page, cdp, box });
  }
  wheel(x, deltaX, deltaY, modifiers = 0) {
    return this.cdp.send("Input.dispatchMouseEvent", { type: "mouseWheel", x: this.box.x + x * this.box.width, y: this.box.y + 300, deltaX, deltaY, modifiers });
  }
  zoom(x, by) {
    return this.wheel(x, 0, by, 2); // Ctrl
  }
  pan(by) {
    return this.wheel(0.5, by, 0);
  }
  scroll(by) {
    return this.wheel(0.5, 0, by);
  }
  key(key) {
    return this.page.keyboard.press(key);
  }
}

/** In, along, down the lanes and out again: what a hand at a touch pad does. */
async function scrub(hand, random, moves, until = Infinity) {
  for (let i = 0; i < moves && Date.now() < until; i++) {
    const kind = i % 10;
    if (kind < 4) await hand.zoom(random(), random() < 0.55 ? -60 : 60);
    else if (kind < 8) await hand.pan((random() - 0.5) * 400);
    else if (kind < 9) await hand.scroll((random() - 0.5) * 300);
    else await hand.key(["w", "a", "s", "d"][Math.floor(random() * 4)]);
    if (i % 97 === 96) await hand.key("0");
  }
}

// ---- frames: the main thread's tasks from the end of one to the end of the next

async function traced(cdp, body) {
  const events = [];
  const take = ({ value }) => events.push(...value);
  cdp.on("Tracing.dataCollected", take);
  await cdp.send("Tracing.start", { transferMode: "ReportEvents", traceConfig: { includedCategories: ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline", "cc"], excludedCategories: ["*"] } });
  await body();
  const done = new Promise((resolve) => cdp.once("Tracing.tracingComplete", resolve));
  await cdp.send("Tracing.end");
  await done;
  cdp.off("Tracing.dataCollected", take);
  return events;
}

function framesOf(events) {
  // The page's main thread is the one that ran its animation frames.
  const threads = new Map();
  for (const e of events) if (e.name === "FireAnimationFrame") threads.set(`${e.pid}/${e.tid}`, (threads.get(`${e.pid}/${e.tid}`) ?? 0) + 1);
  const main = [...threads].sort((a, b) => b[1] - a[1])[0]?.[0];
  const own = events.filter((e) => `${e.pid}/${e.tid}` === main);
  const callbacks = own.filter((e) => e.name === "FireAnimationFrame").map((e) => e.ts).sort((a, b) => a - b);
  const tasks = own.filter((e) => e.ph === "X" && /RunTask$/.test(e.name) && e.cat?.includes("toplevel")).sort((a, b) => a.ts - b.ts);
  // A task with animation callbacks in it is a frame, and so is all that ran since the one before.
  const frames = [];
  let sum = { cpu: 0, wall: 0 };
  let end = -Infinity;
  let i = 0;
  for (const t of tasks) {
    if (t.ts < end) continue; // inside another
    end = t.ts + t.dur;
    sum.wall += t.dur / 1000;
    sum.cpu += (t.tdur ?? t.dur) / 1000;
    while (i < callbacks.length && callbacks[i] < t.ts) i++;
    if (i === callbacks.length || callbacks[i] >= end) continue;
    frames.push(sum);
    sum = { cpu: 0, wall: 0 };
  }
  return { n: frames.length, cpu: frames.map((f) => f.cpu), wall: frames.map((f) => f.wall) };
}

// ---- from a key to a sharp picture

async function keyTimes(page, random) {
  await page.evaluate(() => {
    window.pressed = 0;
    addEventListener("keydown", (e) => (window.pressed = e.timeStamp), { capture: true });
  });
  const times = [];
  for (let i = 0; i < KEYS; i++) {
    await page.keyboard.press(["w", "w", "d", "a", "s", "w", "d", "s"][i % 8]);
    const ms = await page.evaluate(
      () =>
        new Promise((done) => {
          const look = () => {
            const at = window.parkview.sharpAt();
            if (at !== null && at > window.pressed && window.seenFrame) done(at - window.pressed);
            else {
              window.seenFrame = true;
              requestAnimationFrame(look);
            }
          };
          window.seenFrame = false;
          look();
        }),
    );
    times.push(ms);
    if (i % 20 === 19) await page.keyboard.press("0");
    await page.waitForTimeout(40 + random() * 60);
  }
  return times;
}

// ---- memory

async function memory(context, page, cdp) {
  await cdp.send("HeapProfiler.collectGarbage");
  const heap = await cdp.send("Runtime.getHeapUsage");
  const whole = await context.browser()?.newBrowserCDPSession().catch(() => null);
  const session = whole ?? cdp;
  const { processInfo } = await session.send("SystemInfo.getProcessInfo").catch(() => ({ processInfo: [] }));
  const anonymous = processInfo.filter((p) => p.type === "renderer").map((p) => {
    const status = readFileSync(`/proc/${p.id}/status`, "utf8");
    return Number(/RssAnon:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
  });
  return { heap: heap.usedSize + (heap.embedderHeapUsedSize ?? 0) + (heap.backingStorageSize ?? 0), process: Math.max(0, ...anonymous) };
}

/** Opens what a person would have open: the largest groups of goroutines, unfolded. */
async function unfold(page, groups) {
  const url = new URL(page.url());
  url.hash = `${url.hash ? `${url.hash.slice(1)}&` : ""}open=${groups.join(",")}&sections=counters`;
  await page.goto(url.href);
  await page.reload();
  await settled(page);
}

/** All figures of a page on one trace. */
export async function measurePage(file, { minutes = 10, log = () => {} } = {}) {
  const server = await serve([file]);
  const { context, problems, close } = await browser(SCREEN);
  try {
    let transferred = 0;
    context.on("response", async (r) => {
      if (r.request().url().startsWith("ws")) return;
      const body = await r.body().catch(() => null);
      if (body) transferred += /woff2$/.test(r.url()) ? body.length : gzipSync(body).length;
    });
    const page = await open(context, server.url);
    await page.waitForFunction(() => !document.querySelector(".progress"), undefined, { timeout: 300e3 });
    await settled(page);
    const page_bytes = transferred;
    const groups = await page.evaluate(() => window.parkview.lanes().filter((l) => l.kind === "group").slice(0, 2).map((l) => l.id));
    await unfold(page, groups);
    const cdp = await context.newCDPSession(page);
    const hand = new Hand(page, cdp, await page.locator(".lanes").boundingBox());
    const random = dice(7);
    await page.mouse.move(hand.box.x + hand.box.width / 2, hand.box.y + 300);
    await scrub(hand, random, 60); // warm
    await page.waitForTimeout(REST_MS);

    const frames = framesOf(await traced(cdp, () => scrub(hand, random, MOVES * 4)));
    log(`${frames.n} frames`);
    await page.keyboard.press("0");
    await settled(page);
    const keys = await keyTimes(page, random);

    const samples = [];
    const end = Date.now() + minutes * 60_000;
    while (Date.now() < end) {
      await scrub(hand, random, 1e9, Math.min(end, Date.now() + SAMPLE_MS));
      samples.push(await memory(context, page, cdp));
      log(`${(samples.at(-1).heap / 1e6).toFixed(0)} MB heap, ${(samples.at(-1).process / 1e6).toFixed(0)} MB process`);
    }
    return {
      frames: frames.n,
      frame_p50: rank(frames.cpu, 0.5),
      frame_p95: rank(frames.cpu, 0.95),
      frame_max: rank(frames.cpu, 1),
      frame_wall_p95: rank(frames.wall, 0.95),
      key_p50: rank(keys, 0.5),
      key_p95: rank(keys, 0.95),
      page_bytes,
      memory: samples,
      problems,
    };
  } finally {
    await close();
    await server.stop();
  }
}

const mine = process.argv[1]?.endsWith("page_bench.mjs");
if (mine) {
  const args = process.argv.slice(2);
  const at = args.indexOf("--minutes");
  const minutes = at < 0 ? 10 : Number(args.splice(at, 2)[1]);
  for (const file of args) {
    const m = await measurePage(file, { minutes, log: (text) => console.error(text) });
    const last = m.memory.at(-1);
    const first = m.memory[Math.floor(m.memory.length / 3)];
    console.log(
      `${basename(file)}: ${m.frames} frames, main thread p50 ${m.frame_p50.toFixed(1)}, p95 ${m.frame_p95.toFixed(1)}, max ${m.frame_max.toFixed(1)} ms (wall p95 ${m.frame_wall_p95.toFixed(1)}); ` +
        `key to sharp p50 ${m.key_p50.toFixed(0)}, p95 ${m.key_p95.toFixed(0)} ms; page ${(m.page_bytes / 1024).toFixed(0)} KiB` +
        (last ? `; heap ${(first.heap / 1e6).toFixed(0)} then ${(last.heap / 1e6).toFixed(0)} MB, process ${(first.process / 1e6).toFixed(0)} then ${(last.process / 1e6).toFixed(0)} MB` : "") +
        (m.problems.length ? `; problems: ${m.problems.join("; ")}` : ""),
    );
  }
  process.exit(0);
}
