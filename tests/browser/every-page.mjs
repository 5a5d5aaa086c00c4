// node every-page.mjs REPORT: opens every page of a report and says how long each took and what went wrong.

import { address, launch, pages, watched } from "./open.mjs";

const folder = process.argv[2];
const browser = await launch();
const page = await watched(await browser.newContext());
const times = [];
for (const name of pages(folder)) {
  const begun = performance.now();
  await page.goto(address(folder, name), { waitUntil: "load" });
  times.push([performance.now() - begun, name]);
}
await browser.close();
times.sort(([a], [b]) => a - b);
const at = (share) => times[Math.min(times.length - 1, Math.floor(share * times.length))];
console.log(`${times.length} pages; median ${at(0.5)[0].toFixed(0)} ms, 99 % under ${at(0.99)[0].toFixed(0)} ms, longest ${at(1)[0].toFixed(0)} ms (${at(1)[1]})`);
console.log(`${page.wrong.length} errors or requests off the disk`);
for (const line of page.wrong.slice(0, 20)) console.log(line);
process.exitCode = page.wrong.length > 0 ? 1 : 0;
