// tests/browser/figures.mjs - what a page's tables and details say, as numbers, and what SQL says of the same.
import { run } from "../lib/project.mjs";

/** Rows of `parkview query`. */
export function sql(file, text) {
  const answer = run(["query", "--format", "json", "--limit", "0", file, text]);
  if (answer.status > 1) throw new Error(`${answer.stderr}\n${text}`);
  return JSON.parse(answer.stdout);
}

/** Comma-separated values as objects by the names of the first line. */
export function parseCsv(text) {
  const lines = text.split("\n").map((line) => [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map((m) => (m[1] ?? m[2]).replaceAll('""', '"')));
  const [head, ...rows] = lines;
  return rows.map((row) => Object.fromEntries(head.map((name, i) => [name, /^-?\d+$/.test(row[i]) ? Number(row[i]) : row[i]])));
}

/** What "Copy CSV" of the open table puts on the clipboard. */
export async function copied(page) {
  await page.locator(".dock button", { hasText: "Copy CSV" }).first().click();
  return parseCsv(await page.evaluate(() => navigator.clipboard.readText()));
}

export const nearest = (sorted, ofThousand) => sorted[Math.max(0, Math.ceil((sorted.length * ofThousand) / 1000) - 1)];
