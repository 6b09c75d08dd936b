// tests/browser/link.slow.test.mjs - the address holds the view: another browser that opens it sees the same.
import { join } from "node:path";
import { Checks, root } from "../lib/project.mjs";
import { addressed, browser, lanes, main, open, serve, settled, view } from "./chromium.mjs";

const checks = new Checks();

await main(checks, async (later) => {
  const server = await serve([join(root, "samples/lock-convoy.trace")]);
  later(server.stop);
  const first = await browser();
  later(first.close);
  const page = await open(first.context, server.url);
  await page.evaluate(() => window.parkview.setView(100e6, 130e6));
  await settled(page);
  const { x, y } = await page.evaluate(() => window.parkview.sliceAt("P0", 115e6));
  await page.mouse.click(x, y);
  await settled(page);
  const name = await page.locator("#d-name").allInnerTexts();
  await addressed(page);
  const seen = { view: await view(page), names: (await lanes(page)).map((lane) => lane.name) };
  const fragment = new URL(page.url()).hash;
  checks.check("the address says where we are", fragment.length > 1, page.url());

  await first.context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.locator("button[title='Copy a link to this view']").click();
  checks.equal("a button copies it", await page.evaluate(() => navigator.clipboard.readText()), page.url());

  const second = await browser();
  later(second.close);
  const other = await open(second.context, server.url + fragment);
  checks.equal("the same window", JSON.stringify(await view(other)), JSON.stringify(seen.view));
  checks.equal("the same slice", JSON.stringify(await other.locator("#d-name").allInnerTexts()), JSON.stringify(name));
  checks.equal("the same lanes", JSON.stringify((await lanes(other)).map((lane) => lane.name)), JSON.stringify(seen.names));

  await page.reload();
  await settled(page);
  checks.equal("a reload shows the same window", JSON.stringify(await view(page)), JSON.stringify(seen.view));
  checks.equal("nothing went wrong", [...first.problems, ...second.problems].join("\n"), "");
});
