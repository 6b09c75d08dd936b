// tests/browser/pictures.mjs - pictures of the page, to be looked at, and those of the README.
//     node tests/browser/pictures.mjs FOLDER           every view, light and dark, at 1280 and 2560 px
//     node tests/browser/pictures.mjs --readme         the README's three, into frontend/pictures/
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { corpus, root } from "../lib/project.mjs";
import { browser, open, serve, settled } from "./chromium.mjs";

const sample = (name) => join(root, `samples/${name}.trace`);
const damaged = () => corpus().find(({ name }) => /damaged-(batch-dropped|bitflip)/.test(name))?.path;

async function convoy(page) {
  await page.evaluate(() => window.parkview.setView(56e6, 84e6));
  await settled(page);
  const { x, y } = await page.evaluate(() => window.parkview.sliceAt("G66", 65e6));
  await page.mouse.click(x, y);
}

async function question(page, part) {
  await page.keyboard.press("`");
  await settled(page);
  await page.locator(".ask button", { hasText: "Examples" }).click();
  await page.locator(".questions button", { hasText: part }).first().click();
}

/** name: [sample, how to get there] */
const VIEWS = {
  whole: ["lock-convoy", async () => undefined],
  slice: ["lock-convoy", convoy],
  goroutine: [
    "lock-convoy",
    async (page) => {
      await convoy(page);
      await settled(page);
      await page.locator("aside.det dl .a").first().click();
    },
  ],
  processor: [
    "gc-assist",
    async (page) => {
      await page.locator(".names .l button", { hasText: /^P1$/ }).click();
      await page.keyboard.press("2");
    },
  ],
  cycle: [
    "gc-assist",
    async (page) => {
      await page.evaluate(() => window.parkview.setView(30e6, 60e6));
      await page.keyboard.press("5");
      await settled(page);
      await page.locator("table.waits tbody tr", { hasText: "concurrent mark phase" }).locator(".worst").click();
    },
  ],
  found: [
    "lock-convoy",
    async (page) => {
      await page.locator("#search").fill("reason:sync >5ms");
      await page.keyboard.press("Enter");
      await settled(page);
      await page.keyboard.press("Enter");
      await page.locator(".dock button", { hasText: "Use as filter" }).click();
    },
  ],
  area: [
    "lock-convoy",
    async (page) => {
      await convoy(page);
      await settled(page);
      await page.keyboard.press("Escape");
      const rows = await page.evaluate(() => window.parkview.lanes().filter((l) => l.kind === "g"));
      const box = await page.locator(".lanes").boundingBox();
      await page.mouse.move(box.x + box.width * 0.2, rows[0].top + 6);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width * 0.75, rows[Math.min(3, rows.length - 1)].top + 6, { steps: 4 });
      await page.mouse.up();
    },
  ],
  goroutines: ["leaked-goroutines", async (page) => page.keyboard.press("6")],
  sql: [
    "lock-convoy",
    async (page) => {
      await page.keyboard.press("`");
      await settled(page);
      await page.locator(".ask .btn").click();
    },
  ],
  chart: [
    "gc-assist",
    async (page) => {
      await question(page, "How much ran at the same time");
      await settled(page);
      await page.locator(".out button", { hasText: "Chart" }).click();
    },
  ],
  palette: [
    "lock-convoy",
    async (page) => {
      await page.keyboard.press("Control+k");
      await page.keyboard.type("go to");
    },
  ],
  help: ["lock-convoy", async (page) => page.keyboard.press("?")],
  tour: [
    "lock-convoy",
    async (page) => {
      await page.keyboard.press("Control+k");
      await page.keyboard.type("tour of two");
      await page.keyboard.press("Enter");
      await page.waitForSelector(".tour");
      for (let i = 0; i < 7; i++) {
        await page.waitForTimeout(350);
        await page.keyboard.press("ArrowRight");
      }
    },
  ],
  start: ["lock-convoy", async (page) => page.locator(".logo").click()],
  damaged: ["", async () => undefined],
};

async function take(name, look, path) {
  const [trace, go] = VIEWS[name];
  const file = trace ? sample(trace) : damaged();
  if (!file) return;
  const server = await serve([file]);
  const { context, close } = await browser(look);
  const page = await open(context, server.url);
  await go(page);
  await settled(page);
  await page.mouse.move(2, look.height - 2);
  await page.waitForTimeout(500);
  await settled(page);
  await page.screenshot({ path });
  await close();
  await server.stop();
  console.log(path);
}

if (process.argv[2] === "--readme") {
  const folder = join(root, "frontend/pictures");
  mkdirSync(folder, { recursive: true });
  for (const [name, theme] of [["slice", "light"], ["cycle", "dark"], ["sql", "light"]]) await take(name, { theme, width: 1280, height: 800 }, join(folder, `${name}.png`));
} else {
  const [folder = "pictures", only = "", size = ""] = process.argv.slice(2);
  mkdirSync(folder, { recursive: true });
  for (const name of Object.keys(VIEWS).filter((v) => v.includes(only)))
    for (const theme of ["light", "dark"])
      for (const [width, height] of [[1280, 800], [2560, 1440]])
        if (`${theme}-${width}`.includes(size)) await take(name, { theme, width, height }, join(folder, `${name}-${theme}-${width}.png`));
}
