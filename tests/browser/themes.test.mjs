// tests/browser/themes.test.mjs - both themes, and sizes from small to large, without a word on the console.
import { join } from "node:path";
import { Checks, quick, root } from "../lib/project.mjs";
import { browser, lanes, main, serve, settled } from "./chromium.mjs";

const checks = new Checks();
const LOOKS = [
  { theme: "light", width: 1440, height: 900 },
  { theme: "dark", width: 1440, height: 900 },
  { theme: "light", width: 1024, height: 700 },
  { theme: "dark", width: 2560, height: 1400 },
  { theme: "light", width: 900, height: 700 },
  { theme: "dark", width: 412, height: 860 },
];

/** Average brightness of what the browser really shows, 0 … 255. */
async function brightness(page, blank) {
  const png = (await page.screenshot()).toString("base64");
  return blank.evaluate(async (data) => {
    const image = new Image();
    image.src = `data:image/png;base64,${data}`;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 64 });
    const to = canvas.getContext("2d");
    to.drawImage(image, 0, 0, 64, 64);
    const pixels = to.getImageData(0, 0, 64, 64).data;
    let sum = 0;
    for (let i = 0; i < pixels.length; i += 4) sum += pixels[i] + pixels[i + 1] + pixels[i + 2];
    return sum / (3 * 64 * 64);
  }, png);
}

await main(checks, async (later) => {
  const server = await serve([join(root, "samples/gc-assist.trace")]);
  later(server.stop);
  const { context, problems, close } = await browser();
  later(close);
  const blank = context.pages()[0]; // the page itself may not load data: images
  for (const look of quick ? LOOKS.slice(-3) : LOOKS) {
    const name = `${look.theme} ${look.width} × ${look.height}`;
    const page = await context.newPage();
    await page.setViewportSize({ width: look.width, height: look.height });
    await page.emulateMedia({ colorScheme: look.theme, reducedMotion: "reduce" });
    await page.goto(server.url);
    await settled(page);
    checks.check(`${name}: lanes`, (await lanes(page)).length > 4);
    const scrolls = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    checks.check(`${name}: nothing sticks out to the right`, !scrolls);
    const overlaps = await page.evaluate(() => {
      const boxes = [".brand", ".searchbox", ".tools"].map((part) => document.querySelector(`.top ${part}`).getBoundingClientRect());
      return boxes.slice(1).some((b, i) => b.left < boxes[i].right - 0.5);
    });
    checks.check(`${name}: the top bar's parts stand side by side`, !overlaps);
    checks.check(`${name}: reasons in the table can be read`, await page.evaluate(() => document.querySelector("table.waits td").offsetWidth >= 120));
    if (look.width >= 900) {
      await page.locator(".names .l button", { hasText: /^P1$/ }).click();
      await settled(page);
      const cut = await page.evaluate(() => {
        const dock = document.querySelector(".dock").getBoundingClientRect();
        return [...document.querySelectorAll(".tabs select, .tabs button")].filter((e) => {
          const b = e.getBoundingClientRect();
          return b.left < dock.left || b.right > dock.right || b.bottom > dock.bottom;
        }).map((e) => e.textContent);
      });
      checks.equal(`${name}: beside details, nothing of the tables' bar is cut off`, cut.join(), "");
      await page.keyboard.press("Escape");
      await settled(page);
    }
    const bright = await brightness(page, blank);
    checks.check(`${name}: is ${look.theme}`, look.theme === "light" ? bright > 160 : bright < 90, `brightness ${bright}`);
    checks.equal(`${name}: nothing went wrong`, problems.join("\n"), "");
    await page.close();
  }
});
