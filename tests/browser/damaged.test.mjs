// tests/browser/damaged.test.mjs - a damaged trace is shown as far as it goes, and the page says so.
import { Checks, corpus, run, skip } from "../lib/project.mjs";
import { browser, lanes, main, open, serve, settled } from "./chromium.mjs";

// One that goes on after the damage, so that there is a stretch to hatch and not only an end.
const trace = corpus().find(({ name }) => name === "go1.26-http-p4.damaged-zeros.trace");
if (!trace) skip("no damaged trace in the corpus");
const checks = new Checks();

/** What was lost, and why, is a key away, and the pointer's click on its flag. */
async function cards(page) {
  const lost = JSON.parse(run(["query", trace.path, "SELECT duration_ns AS ns, byte_offset AS at, cause AS message FROM gaps ORDER BY from_ns", "--format", "json"]).stdout);
  const card = page.locator(".gapcard");
  for (const gap of [...lost, lost[0]]) {
    await page.keyboard.press("g");
    await settled(page);
    const said = (await card.innerText()).replace(/\s+/g, " ");
    checks.check(`G: the stretch of ${gap.ns} ns`, said.includes(gap.message) && (gap.at < 0 || said.includes(`at byte ${gap.at.toLocaleString("en-US")} of the file`)), said);
    await page.evaluate(() => document.activeElement?.blur());
  }
  await page.keyboard.press("Escape");
  await settled(page);
  await page.keyboard.press("g");
  await settled(page);
  checks.equal("its button has the keyboard", await page.evaluate(() => document.activeElement?.textContent), "Close");
  await page.keyboard.press("Enter");
  await settled(page);
  checks.equal("Enter closes it", await card.count(), 0);
  await page.locator(".meta .bad").click();
  await settled(page);
  checks.equal("the word in the top bar opens it, too", await card.count(), 1);
  await page.keyboard.press("Escape");
  await settled(page);
  checks.equal("and Escape closes it", await card.count(), 0);
}

await main(checks, async (later) => {
  const command = run(["summary", trace.path]);
  checks.equal("the command says that it is damaged", command.status, 1);

  const server = await serve([trace.path]);
  later(server.stop);
  const { context, problems, close } = await browser();
  later(close);
  const page = await open(context, server.url);
  checks.check("there are lanes", (await lanes(page)).length > 2);
  const gaps = JSON.parse(run(["query", trace.path, "SELECT max(duration_ns) AS lost FROM gaps", "--format", "json"]).stdout);
  checks.check("the store knows of a lost stretch", JSON.stringify(gaps).includes("2275"), JSON.stringify(gaps));
  const words = (await page.innerText("body")).replace(/\s+/g, " ");
  checks.check("words say that it is damaged, and how much is lost", /damaged|lost/i.test(words), words.slice(0, 600));
  const hatched = await page.evaluate(() => {
    // A hatch is two colours that no other part of the picture mixes: count pixels of the gap's colour.
    const css = getComputedStyle(document.documentElement).getPropertyValue("--gap-b").trim();
    const probe = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
    probe.fillStyle = css;
    probe.fillRect(0, 0, 1, 1);
    const [r, g, b] = probe.getImageData(0, 0, 1, 1).data;
    let found = 0;
    for (const canvas of document.querySelectorAll("canvas")) {
      if (!canvas.width || !canvas.height) continue;
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      for (let i = 0; i < data.length; i += 4) found += data[i] === r && data[i + 1] === g && data[i + 2] === b && data[i + 3] === 255;
    }
    return found;
  });
  checks.check("the lost stretch is hatched", hatched > 500, `${hatched} pixels of the hatch's colour`);
  await cards(page);
  checks.equal("nothing went wrong", problems.join("\n"), "");
});
