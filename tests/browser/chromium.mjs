// tests/browser/chromium.mjs - a served trace and a Chromium that looks at it.  Everything that must
// never happen on the page is collected on the way: errors, dialogs, requests to elsewhere.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parkview, root, skip } from "../lib/project.mjs";

const PROGRAMS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
const START_SECONDS = 60;

/** `parkview open FILE…`: resolves to {url, stop} once it has printed its address. */
export function serve(files, options = []) {
  const child = spawn(parkview, ["open", "--no-browser", ...options, ...files], { stdio: ["ignore", "pipe", "pipe"] });
  const stop = () =>
    new Promise((resolve) => {
      if (child.exitCode !== null) return resolve(child.exitCode);
      child.on("exit", resolve);
      child.kill("SIGINT");
    });
  return new Promise((resolve, reject) => {
    let out = "";
    let said = "";
    const timer = setTimeout(() => reject(new Error(`no address after ${START_SECONDS} s: ${said}`)), START_SECONDS * 1000);
    child.stderr.on("data", (data) => (said += data));
    child.stdout.on("data", (data) => {
      out += data;
      const url = /^http:\/\/127\.0\.0\.1:\d+\/\?token=\S+$/m.exec(out)?.[0];
      if (!url) return;
      clearTimeout(timer);
      resolve({ url, stop, said: () => said });
    });
    child.on("exit", (status) => reject(new Error(`parkview open ended with ${status}: ${said}`)));
  });
}

/** A fresh browser; `problems` fills with whatever must not happen. */
export async function browser({ theme = "light", width = 1440, height = 900, motion = "reduce" } = {}) {
  const executablePath = PROGRAMS.find((path) => existsSync(path));
  if (!executablePath) skip("no Chromium on this machine");
  if (!existsSync(join(root, "tests/node_modules/playwright-core"))) skip("npm ci in tests/ was not run");
  const { chromium } = await import("playwright-core");
  const profile = mkdtempSync(join(tmpdir(), "parkview-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    args: FLAGS,
    viewport: { width, height },
    colorScheme: theme,
    reducedMotion: motion,
  });
  const problems = [];
  const problem = (what) => problems.push(what);
  const watch = (page) => {
    page.on("console", (message) => ["error", "warning"].includes(message.type()) && problem(`console: ${message.text()}`));
    page.on("pageerror", (error) => problem(`uncaught: ${error.message}`));
    page.on("dialog", (dialog) => {
      problem(`dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
  };
  context.on("page", watch);
  for (const page of context.pages()) watch(page);
  context.on("request", (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (!["data:", "blob:"].includes(protocol) && hostname !== "127.0.0.1") problem(`request to ${request.url()}`);
  });
  const close = async () => {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  };
  return { context, problems, close };
}

/** Opens the address and waits until everything visible is drawn. */
export async function open(context, url) {
  const page = await context.newPage();
  await page.goto(url);
  await settled(page);
  return page;
}

/** Waits until the trace is complete and drawn. */
export async function settled(page) {
  await page.waitForFunction(() => window.parkview !== undefined, undefined, { timeout: 30e3 });
  await page.evaluate(() => window.parkview.idle());
}

/** Waits until the address says what is shown, too. */
export async function addressed(page) {
  await settled(page);
  await page.evaluate(() => window.parkview.addressed());
}

export const view = (page) => page.evaluate(() => window.parkview.view());
export const lanes = (page) => page.evaluate(() => window.parkview.lanes());

/** Ends the process with the runner's line even where the test itself threw. */
export async function main(checks, body) {
  const cleanups = [];
  try {
    await body((cleanup) => cleanups.push(cleanup));
  } catch (error) {
    checks.check("the test ran to its end", false, error.stack);
  }
  for (const cleanup of cleanups.reverse()) await cleanup();
  checks.end();
}
