// tests/browser/kept.test.mjs - rows that are painted already are not painted again: whatever a hand does, what stands there is,
// pixel by pixel, what the page paints on an empty canvas.
import { join } from "node:path";
import { Checks, quick, root } from "../lib/project.mjs";
import { browser, main, open, serve, settled } from "./chromium.mjs";

const STEPS = quick ? 18 : 48;
const LOOK_EVERY = 3; // steps
const checks = new Checks();
const traces = ["samples/lock-convoy.trace", "samples/gc-assist.trace"].map((f) => join(root, f));

/** Numbers that look random, the same in every run. */
function numbers(seed) {
  return () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
}

async function move(page, box, random) {
  switch (Math.floor(random() * 6)) {
    case 0:
    case 1:
      return page.mouse.wheel(0, Math.round((random() - 0.4) * 300));
    case 2:
      await page.keyboard.down("Control");
      await page.mouse.wheel(0, random() < 0.6 ? -120 : 120);
      return page.keyboard.up("Control");
    case 3:
      return page.mouse.wheel((random() - 0.5) * 300, 0);
    case 4:
      return page.keyboard.press(["w", "s", "a", "d", "p", "0"][Math.floor(random() * 6)]);
    default:
      return page.mouse.click(box.x + random() * 700 + 50, box.y + 60 + random() * 300);
  }
}

/** Empties the canvas and has all of it painted, as when the theme changes: how many pixels are not what they were. */
function paintAnew(page) {
  return page.evaluate(async () => {
    const x = document.querySelector(".lanes canvas").getContext("2d");
    const { width, height } = x.canvas;
    const pixels = () => new Uint32Array(x.getImageData(0, 0, width, height).data.buffer);
    const kept = pixels();
    x.save();
    x.resetTransform();
    x.clearRect(0, 0, width, height);
    x.restore();
    const page = document.documentElement;
    page.setAttribute("data-theme", page.getAttribute("data-theme"));
    for (let i = 0; i < 2; i++) await new Promise((done) => requestAnimationFrame(done));
    const anew = pixels();
    return { differ: kept.reduce((n, pixel, i) => n + (pixel !== anew[i]), 0), painted: new Set(anew).size };
  });
}

async function look(page, name, random) {
  const box = await page.locator(".lanes").boundingBox();
  await page.mouse.move(box.x + 300, box.y + 200);
  for (let i = 1; i <= STEPS; i++) {
    await move(page, box, random);
    if (i % LOOK_EVERY) continue;
    await settled(page);
    const { differ, painted } = await paintAnew(page);
    checks.check(`${name}, step ${i}: ${differ} pixels differ, ${painted} colours`, differ === 0 && painted > 8);
  }
}

main(checks, async (later) => {
  const server = await serve(traces);
  later(server.stop);
  const looks = [
    { width: 1280, height: 800, theme: "light" },
    { width: 2560, height: 1400, theme: "dark" },
  ];
  for (const { width, height, theme } of quick ? looks.slice(0, 1) : looks) {
    const { context, problems, close } = await browser({ width, height, theme });
    later(close);
    for (const [i, trace] of ["lock-convoy", "gc-assist"].entries()) {
      const page = await open(context, `${server.url}#trace=${trace}.trace`);
      await look(page, `${trace} at ${width}`, numbers(i + 5));
      await page.close();
    }
    const own = /willReadFrequently/; // of reading the canvas here
    checks.equal("nothing went wrong", problems.filter((p) => !own.test(p)).join("\n"), "");
  }
});
