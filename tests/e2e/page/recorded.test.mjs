// SPDX-License-Identifier: Apache-2.0
// Recorded profiles in a real browser: LOOPSTALL_PROFILE_HTML as it is, and LOOPSTALL_PROFILE_SPEEDSCOPE in the
// speedscope package.
import assert from "node:assert/strict";
import {readFileSync, writeFileSync} from "node:fs";
import {createRequire} from "node:module";
import {dirname, join} from "node:path";
import {after, before, test} from "node:test";
import {pathToFileURL} from "node:url";
import {NARROW, startBrowser, Visit, WIDE} from "./visit.mjs";

const require = createRequire(join(process.env.LOOPSTALL_PAGE_MODULES, "package.json"));
const HTML = pathToFileURL(process.env.LOOPSTALL_PROFILE_HTML).href;
const HOSTILE = "</script><b>rest;</b>";
let browser;
before(async () => { browser = await startBrowser(); });
after(() => browser.close());

const titles = (visit) => visit.page.locator("#flame title").allTextContents();
const rows = (visit) => visit.page.locator("#functions tbody tr").evaluateAll((all) =>
  all.map((row) => [row.querySelector(".name").textContent, row.querySelector('[data-label="time"]').textContent]));

/** "0.98 s" or "980 ms". */
function secondsOf(text) {
  const [, value, unit] = /([\d.]+) (s|ms|µs)$/.exec(text);
  return value * {s: 1, ms: 1e-3, "µs": 1e-6}[unit];
}

for (const [name, look] of Object.entries({
  "wide, light": {}, "wide, dark": {scheme: "dark"}, "narrow, light": {size: NARROW}})) {
  test("the page is sound and needs nothing else: " + name, async () => {
    const visit = await Visit.to(browser, HTML, {size: WIDE, ...look});
    await visit.shoot("profile-" + name.replace(", ", "-"));
    await visit.assertSound();
    assert.equal(await visit.page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, "it is too wide");
    await visit.end();
  });
}

test("the page names what held the loop, a hostile name as it is", async () => {
  const visit = await Visit.to(browser, HTML);
  const [first, second] = (await rows(visit)).filter(([name]) => name !== "~machine"); // its share is what it is
  assert.deepEqual([first[0], second[0]].sort(), [HOSTILE, "burn"]);
  for (const [, time] of [first, second]) {
    const seconds = secondsOf(time);
    assert.ok(seconds > 0.6 && seconds < 1, time);
  }
  const frames = await titles(visit);
  assert.ok(frames.some((title) => title.startsWith(HOSTILE + "  recorded_service.py")), frames.join("\n"));
  assert.ok(frames.some((title) => title.startsWith("sleeping  ")), "the cause is innermost");
  assert.equal(await visit.count("#flame b"), 0);
  await visit.end();
});

test("a cause can be left out and comes back", async () => {
  const visit = await Visit.to(browser, HTML);
  const before = await titles(visit);
  await visit.page.uncheck('#causes input[value="sleep"]');
  assert.ok(!(await titles(visit)).some((title) => title.startsWith("sleeping")));
  const left = (await rows(visit)).find(([name]) => name === HOSTILE); // what it computed on its way to sleep
  assert.ok(!left || secondsOf(left[1]) < 0.1, String(left));
  await visit.page.check('#causes input[value="sleep"]');
  assert.deepEqual((await titles(visit)).sort(), before.sort());
  await visit.end();
});

test("frames can be found", async () => {
  const visit = await Visit.to(browser, HTML);
  await visit.page.fill("#flame-term", "burn");
  assert.match(await visit.text("#flame-read"), /^1 frame, .* of /);
  await visit.end();
});

test("speedscope shows it", async () => {
  const page = await (await browser.newContext()).newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("dialog", (dialog) => { complaints.push(dialog.message()); dialog.dismiss(); });
  const file = process.env.LOOPSTALL_PROFILE_SPEEDSCOPE;
  const script = file + ".js"; // as its own command hands files over
  writeFileSync(script, `speedscope.loadFileFromBase64("profile", "${readFileSync(file).toString("base64")}")`);
  const app = join(dirname(require.resolve("speedscope/package.json")), "dist", "release", "index.html");
  await page.goto(pathToFileURL(app).href + "#localProfilePath=" + script);
  await page.getByText("recorded_service.py").first().waitFor();
  await page.keyboard.press("3"); // the table of functions
  await page.getByText("[sleep]").first().waitFor();
  const text = await page.locator("body").innerText();
  assert.ok(text.includes(HOSTILE), text);
  assert.deepEqual(complaints, []);
});
