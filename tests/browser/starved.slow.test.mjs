// tests/browser/starved.slow.test.mjs - a page whose frames and timers come late, as on a machine with too much to do:
// what is told to it before its first frame must not be lost, nor what is told out of order.
import { join } from "node:path";
import { Checks, root } from "../lib/project.mjs";
import { browser, main, serve } from "./chromium.mjs";

const LATE_MS = 1500;
const checks = new Checks();

/** The end of an import is told while an answer that was written before it is still on its way. */
async function overtaken(later) {
  const server = await serve([]);
  later(server.stop);
  const { context, problems, close } = await browser();
  later(close);
  await context.addInitScript((late) => {
    const { set } = Object.getOwnPropertyDescriptor(WebSocket.prototype, "onmessage");
    Object.defineProperty(WebSocket.prototype, "onmessage", {
      set(take) {
        set.call(this, (e) => {
          if (typeof e.data !== "string" || !/"traces":\[\{/.test(e.data)) return take(e);
          setTimeout(() => take({ data: e.data.replace('"state":"failed"', '"state":"importing"') }), late);
        });
      },
    });
  }, LATE_MS);
  const page = await context.newPage();
  await page.goto(server.url);
  await page.waitForSelector("main.start");
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.locator("button", { hasText: "Choose a file" }).click()]);
  await chooser.setFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("These are no bytes of a trace. ".repeat(40)) });
  const said = page.waitForFunction(() => /notes\.txt (could not be opened|was not opened)/.test(document.body.innerText), undefined, { timeout: 20e3 });
  checks.check("a trace that failed is not taken for one that is being read", await said.then(() => true, () => false), await page.innerText("body"));
  checks.equal("nothing went wrong there", problems.join("\n"), "");
}

await main(checks, async (later) => {
  const server = await serve([join(root, "samples/lock-convoy.trace")]);
  later(server.stop);
  const { context, problems, close } = await browser();
  later(close);
  await context.addInitScript((late) => {
    const [frame, timer] = [requestAnimationFrame, setTimeout];
    window.requestAnimationFrame = (f) => timer(() => frame(f), late);
    window.setTimeout = (f, ms, ...rest) => timer(f, Math.max(ms ?? 0, late), ...rest);
  }, LATE_MS);
  const page = await context.newPage();
  await page.goto(server.url);
  await page.waitForFunction(() => window.parkview?.lanes().length > 0);
  await page.keyboard.press("Control+k");
  await page.keyboard.type("xyzzy");
  const said = await page.locator(".palette").innerText({ timeout: 10e3 }).catch(() => "");
  checks.check("keys are taken from the start, and typed into what they open", /No command/.test(said), said);
  await page.keyboard.press("Escape");
  const shown = await page.locator(".lanes").waitFor({ timeout: 10e3 }).then(() => true, () => false);
  checks.check("a trace that comes before the first frame is shown", shown);
  checks.equal("nothing went wrong on the page", problems.join("\n"), "");
  await overtaken(later);
});
