// tests/browser/upload.test.mjs - a trace dropped onto the start page is uploaded, imported and shown.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Checks, root, run } from "../lib/project.mjs";
import { browser, lanes, main, serve, settled, view } from "./chromium.mjs";

const checks = new Checks();
const file = join(root, "samples/gc-assist.trace");

await main(checks, async (later) => {
  const server = await serve([]);
  later(server.stop);
  const { context, problems, close } = await browser();
  later(close);
  const page = await context.newPage();
  await page.goto(server.url);
  await page.waitForFunction(() => document.body.innerText.length > 40);
  const bytes = readFileSync(file).toString("base64");
  const transfer = await page.evaluateHandle((base64) => {
    const data = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const dropped = new DataTransfer();
    dropped.items.add(new File([data], "dropped.trace", { type: "application/octet-stream" }));
    return dropped;
  }, bytes);
  for (const type of ["dragenter", "dragover", "drop"]) await page.dispatchEvent("body", type, { dataTransfer: transfer });
  await page.waitForFunction(() => window.parkview?.lanes().length > 3, undefined, { timeout: 30e3 });
  await settled(page);
  const summary = JSON.parse(run(["summary", "--json", file]).stdout);
  await page.keyboard.press("0");
  await settled(page);
  const { from, to } = await view(page);
  checks.equal("the whole of the dropped trace is shown", to - from, summary.duration_ns);
  checks.check("its name is shown", (await page.innerText("body")).includes("dropped.trace"));
  const processors = (await lanes(page)).filter((lane) => /^P\d+$/.test(lane.name));
  checks.equal("one lane for each P", processors.length, summary.per_p.filter((p) => p.id >= 0).length);
  checks.equal("nothing went wrong", problems.join("\n"), "");
});
