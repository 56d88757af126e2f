// SPDX-License-Identifier: Apache-2.0
// The page of a live agent, at LOOPSTALL_PAGE_URL, beside services that have done their work: what it
// shows is what the API says.
import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import {startBrowser, Visit} from "./visit.mjs";

const URL_ = process.env.LOOPSTALL_PAGE_URL;
let browser;
let visit;
let api;

/** Of holds that are meant to last 150 ms; a machine may have stood still meanwhile. */
const shownSeconds = (value) =>
  value < 0.9995 ? Math.round(value * 1000) + " ms" : value.toFixed(value < 9.995 ? 2 : 1) + " s";

async function ask(path) {
  const response = await fetch(URL_ + path);
  assert.equal(response.status, 200, path);
  return response.json();
}

before(async () => {
  browser = await startBrowser();
  visit = await Visit.to(browser, URL_);
  await visit.page.click("#pause");
  const [loops, stalls, history, flame] = await Promise.all(
    ["api/v1/loops", "api/v1/stalls?limit=20", "api/v1/history", "api/v1/flame"].map(ask));
  api = {loops, stalls, history, flame};
});
after(() => browser.close());

test("it is sound", async () => {
  await visit.shoot("live");
  await visit.assertSound();
});

test("the culprit is the function that blocked, with its remedy", async () => {
  const first = await visit.text("#culprits article");
  assert.match(first, /^hold takes /);
  assert.match(first, /blocking_victim\.py:\d+/);
  assert.match(first, /asyncio\.sleep/);
});

test("functions have the numbers of the API", async () => {
  const shown = await visit.page.locator("#services tbody tr").evaluateAll((rows) => rows.map((row) => ({
    function: row.querySelector(".name").textContent,
    holds: row.querySelector('[data-label="holds"] .value').textContent,
    p99: row.querySelector('[data-label="p99"] .value').textContent,
  })));
  const expected = api.loops.services.flatMap((service) => service.functions
    .filter((fn) => fn.busy_seconds > 0 || fn.holds > 0).sort((a, b) => b.occupancy - a.occupancy).slice(0, 12));
  assert.deepEqual(shown.map((row) => row.function).sort(), expected.map((fn) => fn.function).sort());
  const hold = expected.find((fn) => fn.function === "hold");
  const row = shown.find((one) => one.function === "hold");
  assert.equal(row.holds, String(hold.holds));
  assert.ok(hold.holds >= 5 && hold.holds <= 7, `${hold.holds} holds`);
  assert.equal(row.p99, shownSeconds(hold.p99_seconds));
});

test("stalls are those of the API, and last as long", async () => {
  const shown = await visit.page.locator("details.stall").evaluateAll((items) =>
    items.map((item) => [item.dataset.id, item.querySelector(".lasted").textContent]));
  assert.deepEqual(shown, api.stalls.stalls.map((stall) =>
    [stall.id, shownSeconds(stall.duration_seconds)]));
  assert.ok(shown.length >= 5);
});

test("history and flame graph have the time that was slept", () => {
  const own = (services) => services.find(({labels}) => labels.process === "blocking_victim.py");
  const slept = own(api.history.services).busy_seconds.sleep.reduce((sum, value) => sum + value, 0);
  const exact = own(api.loops.services).busy_seconds.sleep;
  assert.ok(Math.abs(slept - exact) < 0.02 * exact + 0.01, `${slept} s of ${exact} s`);
  const held = api.stalls.stalls.flatMap((stall) => stall.holds).reduce((sum, hold) => sum + hold.seconds, 0);
  assert.ok(Math.abs(api.flame.tree.value / 1e6 - held) < 0.001 * held, `${api.flame.tree.value} us of ${held} s`);
});

test("the charts show it", async () => {
  assert.ok(await visit.count("#causes canvas") === 1 && await visit.count("#turns canvas") === 1);
  const frames = await visit.page.locator("#flame title").allTextContents();
  assert.ok(frames.some((title) => title.startsWith("hold  ")), frames.join());
});
