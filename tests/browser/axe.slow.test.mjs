// tests/browser/axe.slow.test.mjs - axe-core finds nothing serious on any screen, light and dark.
import { readFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { Checks, corpus, root, skip } from "../lib/project.mjs";
import { browser, main, open, serve, settled } from "./chromium.mjs";

const file = join(root, "tests/node_modules/axe-core/axe.min.js");
if (!existsSync(file)) skip("npm ci in tests/ was not run");
const axe = readFileSync(file, "utf8");
const checks = new Checks();

async function faults(page) {
  await settled(page);
  await page.evaluate(axe); // by the debugger's way: the page's policy would refuse a script element
  return page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
    return violations
      .filter((v) => v.impact === "serious" || v.impact === "critical")
      .flatMap((v) => v.nodes.slice(0, 4).map((n) => `${v.id}: ${n.target.join(" ")}: ${n.failureSummary?.split("\n").slice(1, 2).join("").trim()}`));
  });
}

async function judge(page, where) {
  checks.equal(where, (await faults(page)).join("\n"), "");
}

/** A button without a name is found; else this test could not fail. */
async function plant(page) {
  await page.evaluate(() => document.body.append(Object.assign(document.createElement("button"), { id: "planted" })));
  checks.check("a planted fault is found", (await faults(page)).some((f) => f.includes("planted")));
  await page.evaluate(() => document.getElementById("planted").remove());
}

async function walk(page, theme) {
  const name = (what) => `${theme}: ${what}`;
  await judge(page, name("the whole trace"));
  await page.evaluate(() => window.parkview.setView(56e6, 84e6));
  await settled(page);
  const { x, y } = await page.evaluate(() => window.parkview.sliceAt("G66", 65e6));
  await page.mouse.click(x, y);
  await judge(page, name("details of a slice"));
  await page.locator("aside.det dl .a").first().click();
  await judge(page, name("details of a goroutine"));
  await page.locator(".names .l button", { hasText: /^P1$/ }).click();
  await judge(page, name("details of a processor"));
  await page.evaluate(() => document.activeElement?.blur());
  for (const key of ["m", "e"]) await page.keyboard.press(key);
  await judge(page, name("the note of a mark"));
  for (const key of ["Escape", "ArrowDown", "ArrowDown", "x"]) await page.keyboard.press(key);
  await judge(page, name("an area"));
  for (const by of ["label", "creator", "function"]) {
    await page.locator(".ctl select").first().selectOption(by);
    await judge(page, name(`grouped by ${by}`));
  }
  for (const [key, tab] of ["ready", "running", "syscalls", "gc", "goroutines", "found", "sql"].entries()) {
    await page.evaluate(() => document.activeElement?.blur());
    await page.keyboard.press(String(key + 2));
    await judge(page, name(`table ${tab}`));
  }
  await page.locator(".ask .btn").click();
  await page.waitForSelector("table.free tbody tr");
  await judge(page, name("an answer in SQL"));
  await page.locator(".ask button", { hasText: "Examples" }).click();
  await judge(page, name("examples in SQL"));
  await page.locator(".questions button", { hasText: "How much ran at the same time" }).click();
  await settled(page);
  await page.locator(".out button", { hasText: "Chart" }).click();
  await judge(page, name("a chart"));
  await page.locator("#search").fill("reason:sync >5ms");
  await judge(page, name("hits of a search"));
  await page.keyboard.press("Enter");
  await judge(page, name("the list of hits"));
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press("?");
  await judge(page, name("help"));
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+k");
  await judge(page, name("palette"));
  await page.keyboard.type("tour of two");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".tour");
  await judge(page, name("tour"));
  await page.keyboard.press("Escape");
  await page.locator(".logo").click();
  await judge(page, name("start page"));
}

await main(checks, async (later) => {
  const server = await serve([join(root, "samples/lock-convoy.trace")]);
  later(server.stop);
  const damaged = corpus().find(({ name }) => name === "go1.26-http-p4.damaged-zeros.trace");
  const hurt = damaged && (await serve([damaged.path]));
  if (hurt) later(hurt.stop);
  for (const theme of ["light", "dark"]) {
    const { context, problems, close } = await browser({ theme });
    later(close);
    const page = await open(context, server.url);
    await plant(page);
    await walk(page, theme);
    if (hurt) {
      const other = await open(context, hurt.url);
      await other.keyboard.press("g");
      await judge(other, `${theme}: a damaged stretch`);
    }
    checks.equal(`${theme}: nothing went wrong`, problems.join("\n"), "");
  }
});
