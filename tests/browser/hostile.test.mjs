// tests/browser/hostile.test.mjs - names in a trace may hold any bytes: they are shown, never run.
import { Checks, corpus, run, skip } from "../lib/project.mjs";
import { browser, main, open, serve, settled } from "./chromium.mjs";

const trace = corpus().find(({ name }) => /^go1\.2[2-6]-tasks\.trace$/.test(name));
if (!trace) skip("no *-tasks.trace in the corpus");
const checks = new Checks();

await main(checks, async (later) => {
  const dump = run(["dump", trace.path]);
  checks.check("the trace holds markup", dump.stdout.includes("<script"), "no <script in the dump");

  const server = await serve([trace.path]);
  later(server.stop);
  const { context, problems, close } = await browser();
  later(close);
  const page = await open(context, server.url);
  const scripts = () => page.evaluate(() => [...document.scripts].map((s) => s.src || "inline").join(" "));
  const before = await scripts();
  // Everywhere that a name may go: search, SQL, tables, details.
  await page.locator("#search").fill("script");
  await settled(page);
  await page.keyboard.press("Escape");
  await page.keyboard.press("0");
  for (const lane of ["P0", "P1"]) {
    const at = await page.evaluate((l) => window.parkview.sliceAt(l, (window.parkview.view().from + window.parkview.view().to) / 2).catch(() => null), lane);
    if (at) await page.mouse.click(at.x, at.y);
    await settled(page);
  }
  checks.equal("no script was added", await scripts(), before);
  checks.equal("no markup became an element", await page.locator("body script:not([src]), img[src=x], iframe, object").count(), 0);
  checks.equal("nothing went wrong", problems.join("\n"), "");
});
