// A browser for the tests, and pages that remember what must not happen.

import { chromium } from "playwright-core";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

// As root in a container: no sandbox, no calls home.
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

export const BROWSER = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(existsSync);

export async function launch() {
  return chromium.launch({ executablePath: BROWSER, args: FLAGS });
}

// A page whose `wrong` lists errors on the console, dialogs, and requests that leave the disk.
export async function watched(context) {
  const page = await context.newPage();
  page.wrong = [];
  page.on("console", (message) => { if (message.type() === "error") page.wrong.push(`console: ${message.text()}`); });
  page.on("pageerror", (error) => page.wrong.push(`script: ${error.message}`));
  page.on("dialog", (dialog) => { page.wrong.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => { if (!/^(file|data|blob):/.test(request.url())) page.wrong.push(`request: ${request.url()}`); });
  // What is given up because the page is left is no fault.
  page.on("requestfailed", (request) => {
    if (request.failure()?.errorText !== "net::ERR_ABORTED") page.wrong.push(`not there: ${request.url()}`);
  });
  return page;
}

export function address(folder, name, hash = "") {
  return pathToFileURL(path.join(folder, name)).href + hash;
}

// Every page of a report.
export function pages(folder) {
  const top = readdirSync(folder).filter((name) => name.endsWith(".html"));
  const photographs = path.join(folder, "photographs");
  const below = existsSync(photographs) ? readdirSync(photographs).map((name) => `photographs/${name}`) : [];
  return [...top, ...below].sort();
}
