// What a user does with a report, in a browser. `tests/report.rs` makes the folders and names them:
// REPORT (of RUN: the lab's photographs, 130 copies of one that was read, and a hostile name), BLIND (of
// FOUR: two that were read, one that was not, one without a mark), MICROSTAMP (the program).

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { address, launch, pages, watched } from "./open.mjs";

const { REPORT, RUN, BLIND, FOUR, MICROSTAMP } = process.env;
const HOSTILE = "<img src=x onerror=alert(1)>";
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const results = (folder) =>
  readFileSync(path.join(folder, "results.jsonl"), "utf8").trim().split("\n").map((line) => JSON.parse(line));
const LINES = results(RUN);
const SURE = LINES.find((line) => line.path.startsWith("copies/"));
const SURE_PAGE = `photographs/${String(LINES.indexOf(SURE) + 1).padStart(5, "0")}.html`;
let browser;

before(async () => { browser = await launch(); });
after(async () => { await browser.close(); });

async function open(folder, name, { hash = "", ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await watched(context);
  await page.goto(address(folder, name, hash));
  return page;
}

async function close(page) {
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

const paths = (page) => page.locator("#photographs tbody tr td:nth-child(3)").allTextContents();
const column = (page, n) => page.locator(`#photographs tbody tr td:nth-child(${n})`).allTextContents();

test("every page opens from disk without an error, and asks for nothing off the disk", async () => {
  const page = await open(REPORT, "index.html");
  const all = pages(REPORT);
  assert.ok(all.filter((name) => name.startsWith("photographs/")).length === LINES.length, all.join(" "));
  for (const name of all) await page.goto(address(REPORT, name));
  await close(page);
});

test("a photograph's page tells its own code, confidence and hash", async () => {
  const page = await open(REPORT, SURE_PAGE);
  const text = await page.locator("body").textContent();
  for (const said of [SURE.code, SURE.sha256, SURE.path]) assert.ok(text.includes(said), said);
  for (const line of LINES.filter((line) => line.code && line.code !== SURE.code)) {
    assert.ok(!text.includes(line.sha256), line.path);
  }
  await close(page);
});

test("the list filters the whole batch by status, scene, code, name and confidence", async () => {
  const page = await open(REPORT, "list-001.html");
  assert.equal((await paths(page)).length, 100);
  await page.locator("[name=status]").selectOption("read");
  assert.ok((await column(page, 4)).every((status) => status === "read"));
  const read = Number((await page.locator("#count").textContent()).match(/of (\d+) found/)[1]);
  assert.equal(read, LINES.filter((line) => line.status === "read").length);
  // A code is found by a part of it, and by a place left open.
  await page.locator("[name=code]").fill(`${SURE.code.slice(1, 3)}?${SURE.code[4]}`.toLowerCase());
  assert.ok((await column(page, 5)).every((code) => code === SURE.code));
  assert.equal((await paths(page)).length, 100);
  await page.getByText("Show all").click();
  await page.locator("[name=scene]").fill("clean-00000-01");
  assert.deepEqual(await paths(page), LINES.map((line) => line.path).filter((p) => p.startsWith("clean-00000-01/")));
  await page.locator("[name=scene]").fill("");
  await page.locator("[name=from]").fill("0.3");
  await page.locator("[name=to]").fill("0.7");
  const between = LINES.filter((line) => line.best !== null && line.confidence >= 0.3 && line.confidence <= 0.7);
  assert.deepEqual(await paths(page), between.map((line) => line.path));
  await page.getByText("Show all").click();
  // The last photographs of the batch are on no page of the first hundred.
  await page.locator("[name=name]").fill("copies/129");
  assert.deepEqual(await paths(page), ["copies/129.png"]);
  await page.locator("[name=name]").fill("nowhere");
  assert.match(await page.locator("#count").textContent(), /^None of/);
  await close(page);
});

test("the list sorts the whole batch both ways, turns its pages, and goes back", async () => {
  const page = await open(REPORT, "list-001.html");
  await page.getByRole("button", { name: "Confidence" }).click();
  await page.getByRole("button", { name: "Confidence" }).click();
  const first = (await column(page, 7)).filter((p) => p !== "-").map((p) => p.startsWith("<") ? 0 : Number(p));
  assert.deepEqual(first, [...first].sort((a, b) => b - a));
  assert.equal(await page.locator("th[data-sort=confidence]").getAttribute("aria-sort"), "descending");
  await page.getByRole("navigation", { name: "Pages" }).getByText("2", { exact: true }).click();
  await page.waitForFunction(() => document.querySelector("#pages [aria-current]").textContent === "2");
  const second = await paths(page);
  assert.ok(second.length > 0);
  await page.goBack();
  await page.waitForFunction(() => document.querySelector("#pages [aria-current]").textContent === "1");
  assert.notDeepEqual(await paths(page), second);
  await close(page);
});

test("counts on the index lead to the photographs they count", async () => {
  const page = await open(REPORT, "index.html");
  const row = page.locator(".bars tbody tr", { hasText: "partial" });
  const count = Number(await row.locator(".number").textContent());
  await row.getByRole("link").click();
  await page.waitForURL(/status=partial/);
  assert.match(await page.locator("#count").textContent(), new RegExp(`of ${count} found`));
  await close(page);
});

test("without a script every photograph is in the tables", async () => {
  const page = await open(REPORT, "list-002.html", { javaScriptEnabled: false });
  assert.ok((await paths(page)).includes("copies/129.png"));
  await close(page);
});

test("a photograph zooms by button and key, and outlines are switched while the picture stays", async () => {
  const page = await open(REPORT, SURE_PAGE);
  const width = () => page.locator("#pane svg.drawing").evaluate((svg) => svg.getBoundingClientRect().width);
  const whole = await width();
  await page.getByRole("button", { name: "Zoom in" }).click();
  assert.ok(Math.abs(await width() / whole - 1.5) < 0.01);
  await page.locator("#pane").focus();
  await page.keyboard.press("+");
  assert.ok(await width() > 1.8 * whole);
  await page.keyboard.press("0");
  assert.ok(Math.abs(await width() - whole) < 1);
  await page.getByRole("button", { name: "Impression" }).click();
  const [off, size] = await page.locator("#pane ellipse.layer-rim").evaluate((rim) => {
    const [to, pane] = [rim.getScreenCTM(), rim.closest(".pane").getBoundingClientRect()];
    const middle = new DOMPoint(rim.cx.baseVal.value, rim.cy.baseVal.value).matrixTransform(to);
    const off = Math.hypot(middle.x - pane.x - pane.width / 2, middle.y - pane.y - pane.height / 2);
    return [off, 2 * rim.rx.baseVal.value * Math.hypot(to.a, to.b) / pane.height];
  });
  assert.ok(off < 10 && size > 0.6 && size < 0.9, `${off} ${size}`);
  for (const [name, layer] of [["primer", "primer"], ["rim", "rim"], ["mark", "mark"], ["cells", "cells"], ["ring", "ring"]]) {
    const drawn = page.locator(`#pane .layer-${layer}`).first();
    assert.ok(await drawn.isVisible(), name);
    await page.locator(`.viewer .layers [name=${name}]`).uncheck();
    assert.ok(!await drawn.isVisible(), name);
  }
  assert.ok(await page.locator("#pane image").first().isVisible());
  await close(page);
});

test("side by side: the plain photograph moves with the first, others show their impression", async () => {
  const page = await open(REPORT, SURE_PAGE);
  await page.locator("#choose").selectOption("plain");
  assert.equal(await page.locator("#beside .outlines").count(), 0);
  await page.getByRole("button", { name: "Zoom in" }).click();
  await page.locator("#pane").evaluate((pane) => pane.scrollTo(40, 60));
  await page.waitForFunction(() => {
    const [a, b] = ["pane", "beside"].map((id) => document.getElementById(id));
    return a.scrollTop > 0 && Math.abs(a.scrollTop - b.scrollTop) < 3 && Math.abs(a.scrollLeft - b.scrollLeft) < 3;
  });
  const other = await page.locator("#choose option", { hasText: "copies/" }).first().getAttribute("value");
  await page.locator("#choose").selectOption(other);
  assert.ok(await page.locator("#beside .layer-cells").isVisible());
  assert.ok(await page.locator("#beside-straight svg.drawing").isVisible());
  const href = await page.locator("#beside image").first().getAttribute("href");
  assert.ok(href.includes(other), href);
  await close(page);
});

test("names and records that look like markup are text", async () => {
  const page = await open(REPORT, "list-001.html", { hash: "#name=onerror" });
  const found = await paths(page);
  assert.deepEqual(found, [`<b>scene/${HOSTILE}.png`]);
  await page.locator("#photographs tbody a").click();
  await page.waitForURL(/photographs/);
  assert.ok((await page.locator("h1").textContent()).includes(HOSTILE));
  for (const name of ["index.html", "groups.html", "leads.html", "traces.html"]) {
    await page.goto(address(REPORT, name));
    assert.equal(await page.locator("img[src=x], b").count(), 0, name);
  }
  assert.ok((await page.locator("main").textContent()).includes(HOSTILE));
  await close(page);
});

test("leads and traces say what they mean, and lead to the photographs", async () => {
  const page = await open(REPORT, "leads.html");
  const text = await page.locator("main").innerText();
  for (const words of ["firing pin", "like a partial number plate", "says nothing of who fired"]) assert.ok(text.includes(words), words);
  assert.doesNotMatch(text, /match|identification/i);
  assert.equal(await page.locator("svg.graph circle").count(), 3);
  await page.locator("#pairs ~ .scroll a").first().click();
  await page.waitForURL(/photographs/);
  await page.goto(address(REPORT, "traces.html"));
  const traces = await page.locator("main").innerText();
  for (const words of ["not a random sample", "firing pin", "7XS0032"]) assert.ok(traces.includes(words), words);
  assert.doesNotMatch(traces, /match|identification|purchaser-1/i);
  await close(page);
});

test("a blind reading by keyboard alone, compared, changed, saved, and scored", async () => {
  const page = await open(BLIND, "index.html", { acceptDownloads: true });
  const codes = results(FOUR);
  const hidden = async () => {
    const html = await page.content();
    for (const { best } of codes) if (best) assert.ok(!html.includes(best), best);
  };
  await page.keyboard.type("E. Xaminer, second");
  await page.keyboard.press("Enter");
  const reading = page.locator("#reading");
  const at = (n) => page.waitForFunction((n) => document.getElementById("progress").textContent.startsWith(`Photograph ${n} `), n);
  await at(1);
  await hidden();
  // Turning, mirroring and zooming take no character.
  for (const key of [".", ".", "/", "+", "!", "Home"]) await page.keyboard.press(key);
  assert.equal(await reading.inputValue(), "");
  await page.keyboard.press("Control+Enter");
  assert.ok(!await page.locator("#machine").isVisible(), "nothing to see before the verdict");
  const wrong = codes[0].best.replace(/^./, (c) => (c === "A" ? "B" : "A"));
  await page.keyboard.type(wrong.toLowerCase());
  assert.equal(await reading.inputValue(), wrong);
  await page.keyboard.press("Enter");
  await at(2);
  await hidden();
  // A second reading that the examiner corrects while typing.
  await page.keyboard.type(`${codes[1].best.slice(0, 5)}X`);
  // Leaving it asks once.
  await page.keyboard.press("PageUp");
  assert.match(await page.locator("#message").textContent(), /not kept yet/);
  await at(2);
  await page.keyboard.press("Backspace");
  await page.keyboard.type("???");
  await page.keyboard.press("Enter");
  await at(3);
  await page.keyboard.type("AB");
  await page.keyboard.press("Enter");
  assert.match(await page.locator("#message").textContent(), /Enter again/);
  await page.keyboard.type("O?????");
  await page.keyboard.press("Enter");
  assert.match(await page.locator("#message").textContent(), /O and Q are not issued.*Enter again/);
  for (let i = 0; i < 6; i += 1) await page.keyboard.press("Backspace");
  await page.keyboard.type("??????");
  await page.keyboard.press("Enter");
  await at(4);
  await page.keyboard.press("Enter");
  assert.match(await page.locator("#message").textContent(), /no mark/);
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.getElementById("message").textContent.startsWith("Every photograph is read"));
  // What was typed is still there when the page is opened again.
  await page.reload();
  await page.keyboard.type("E. Xaminer, second");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.getElementById("progress").textContent.endsWith("4 read"));
  assert.equal(await reading.inputValue(), wrong);
  await page.keyboard.type("9");
  assert.equal(await reading.inputValue(), wrong, "a kept reading does not change");
  await page.keyboard.press("Control+Enter");
  await page.locator("#machine").waitFor();
  assert.ok((await page.locator("#machine").textContent()).includes(codes[0].best));
  await page.keyboard.press("Control+a");
  await page.keyboard.type(codes[0].best);
  await page.keyboard.press("Enter");
  const [download] = await Promise.all([page.waitForEvent("download"), page.keyboard.press("Control+s")]);
  assert.equal(download.suggestedFilename(), "verdicts.csv");
  const file = path.join(FOUR, "verdicts.csv");
  await download.saveAs(file);
  const lines = readFileSync(file, "utf8").trim().split("\n");
  assert.equal(lines[0], "sha256,path,examiner,time,reading,changed,reading_after,compared");
  assert.equal(lines.length, 5);
  assert.ok(lines[1].includes(`"E. Xaminer, second"`) && lines[1].endsWith(`,${wrong},true,${codes[0].best},true`), lines[1]);
  assert.ok(lines[4].endsWith(",,false,,false"), lines[4]);
  await close(page);

  const told = execFileSync(MICROSTAMP, ["score", FOUR, "--verdicts", file], { encoding: "utf8" });
  const list = told.slice(told.indexOf("Disagreements first")).split("\n").filter((line) => line.startsWith("| "));
  assert.ok(list[1].includes("contradicts") && list[1].includes(codes[0].path), told);
  assert.equal(list.length, 5, told);
});

test("two windows of one examiner keep each other's readings, and what is typed stays in its place", async () => {
  const first = await open(BLIND, "index.html");
  const second = await watched(first.context());
  await second.goto(address(BLIND, "index.html"));
  const read = (page) => page.waitForFunction(() => document.getElementById("progress").textContent);
  for (const page of [first, second]) {
    await page.bringToFront();
    await page.locator("#examiner").fill("Two Windows");
    await page.keyboard.press("Enter");
    await read(page);
  }
  await first.bringToFront();
  // A character that is none, in the middle: the next goes where the caret was.
  await first.keyboard.type("ABD");
  await first.keyboard.press("ArrowLeft");
  await first.keyboard.type(" C");
  assert.equal(await first.locator("#reading").inputValue(), "ABCD");
  await first.keyboard.press("End");
  await first.keyboard.type("????");
  await first.keyboard.press("Enter");
  await second.bringToFront();
  await second.keyboard.press("PageDown");
  await second.keyboard.type("????????");
  await second.keyboard.press("Enter");
  await second.waitForFunction(() => document.getElementById("progress").textContent.endsWith("2 read"));
  await first.reload();
  await first.bringToFront();
  await first.locator("#examiner").fill("Two Windows");
  await first.keyboard.press("Enter");
  await first.waitForFunction(() => document.getElementById("progress").textContent.endsWith("2 read"));
  // As if all were of one scene: others are not read yet, and would be told their code.
  await first.evaluate(() => { for (const photograph of BATCH.photographs) photograph.name = `17/${photograph.name}`; });
  await first.keyboard.press("PageUp");
  await first.keyboard.press("Control+Enter");
  assert.match(await first.locator("#message").textContent(), /of this scene (is|are) not read yet/);
  assert.ok(!await first.locator("#machine").isVisible());
  await first.keyboard.press("Control+Enter");
  await first.locator("#machine").waitFor();
  // What one window has compared stays compared when the other, which has not seen it, keeps something else.
  await second.bringToFront();
  await second.keyboard.type("????????");
  await second.keyboard.press("Enter");
  await second.waitForFunction(() => document.getElementById("progress").textContent.endsWith("3 read"));
  const compared = await second.evaluate(() => Object.values(localStorage)
    .flatMap((kept) => Object.values(JSON.parse(kept))).filter((verdict) => verdict.after).length);
  assert.equal(compared, 1);
  assert.deepEqual(second.wrong, []);
  await close(first);
});

test("without the machine's readings the blind page says how to compare", async () => {
  const bare = mkdtempSync(path.join(tmpdir(), "blind-"));
  cpSync(BLIND, bare, { recursive: true });
  rmSync(path.join(bare, "reveal"), { recursive: true });
  const page = await open(bare, "index.html");
  await page.keyboard.type("Another");
  await page.keyboard.press("Enter");
  await page.keyboard.type("????????");
  await page.keyboard.press("Enter");
  await page.keyboard.press("PageUp");
  await page.keyboard.press("Control+Enter");
  await page.waitForFunction(() => document.getElementById("message").textContent.includes("--verdicts"));
  await page.context().close();
  rmSync(bare, { recursive: true });
});

for (const colorScheme of ["light", "dark"]) {
  for (const width of [1280, 390]) {
    test(`accessible and nothing cut: ${colorScheme}, ${width} pixels wide`, async () => {
      const options = { colorScheme, viewport: { width, height: 850 } };
      const page = await open(REPORT, "index.html", options);
      const look = async (name) => {
        const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(wider <= 0, `${name} is ${wider} pixels wider than the screen`);
        await page.evaluate(AXE);
        const { violations } = await page.evaluate(() => window.axe.run({ preload: false }));
        const serious = violations.filter((v) => ["serious", "critical"].includes(v.impact));
        assert.deepEqual(serious.map((v) => `${name} ${v.id}: ${v.nodes[0].html}`), []);
      };
      for (const name of ["index.html", "list-001.html", SURE_PAGE, "groups.html", "leads.html", "traces.html"]) {
        await page.goto(address(REPORT, name));
        await look(name);
      }
      await page.goto(address(BLIND, "index.html"));
      await look("blind start");
      await page.keyboard.type("Axe");
      await page.keyboard.press("Enter");
      await page.keyboard.type("????????");
      await page.keyboard.press("Enter");
      await page.keyboard.press("PageUp");
      await page.keyboard.press("Control+Enter");
      await page.locator("#machine").waitFor();
      await look("blind");
      await close(page);
    });
  }
}
