// SPDX-License-Identifier: Apache-2.0
// The page over made-up snapshots, which the program that LOOPSTALL_PAGE_FIXTURE names serves.
import assert from "node:assert/strict";
import {spawn} from "node:child_process";
import {once} from "node:events";
import {after, before, test} from "node:test";
import {NARROW, startBrowser, Visit, WIDE} from "./visit.mjs";

let browser;
before(async () => { browser = await startBrowser(); });

class Fixture {
  static async start(scene) {
    const process_ = spawn(process.env.LOOPSTALL_PAGE_FIXTURE, [scene], {stdio: ["pipe", "pipe", "inherit"]});
    const [port] = await once(process_.stdout, "data");
    return Object.assign(new Fixture(), {process: process_, url: `http://127.0.0.1:${Number(port)}/`});
  }

  async end() {
    if (this.process.exitCode !== null) return;
    this.process.stdin.end();
    await once(this.process, "exit");
  }
}

/** A test with a visit to a scene, which it may use as it likes. */
function scene(title, {of = "busy", address = "", ...look}, check) {
  test(title, {timeout: 60_000}, async () => {
    const fixture = await Fixture.start(of);
    const visit = await Visit.to(browser, fixture.url + address, look);
    visit.url = fixture.url;
    try {
      await check(visit, fixture);
    } finally {
      await visit.end();
      await fixture.end();
    }
  });
}

/** A test that only looks: these share one visit. */
let shared = null;
function look(title, check) {
  test(title, {timeout: 60_000}, async () => {
    if (!shared) {
      const fixture = await Fixture.start("busy");
      shared = {fixture, visit: await Visit.to(browser, fixture.url)};
    }
    await check(shared.visit);
  });
}
after(async () => {
  await shared?.visit.end();
  await shared?.fixture.end();
  await browser.close();
});

look("names the culprit and the remedy first", async (visit) => {
  const first = await visit.text("#culprits article");
  for (const words of ["save_log takes 21 % of app.main:app", "waiting for the network", "app/services/log.py:12",
    "httpx.AsyncClient"]) assert.ok(first.includes(words), words);
  // It stands above the fold of a small laptop.
  const {y, height} = await visit.page.locator("#culprits article .remedy").first().boundingBox();
  assert.ok(y > 0 && y + height < 700, `its end is at ${y + height}`);
});

look("shows the loop that is held now", async (visit) => {
  const alarm = await visit.text("#now");
  assert.ok(alarm.includes("app.main:app is held now, for 4."), alarm);
  assert.ok(alarm.includes("save_log") && alarm.includes("pid 48211"), alarm);
  assert.equal(await visit.count("#now .alarm"), 1);
});

look("lists loops, functions, causes and stalls", async (visit) => {
  assert.equal(await visit.count("#loops tbody tr"), 4);
  const names = await visit.page.locator("#services section:first-child tbody .name").allTextContents();
  assert.deepEqual(names, ["save_log", "compress_image", "retry", "~framework", "read_model", "~unsampled"],
    "sorted by occupancy");
  assert.ok((await visit.text("#services .legend")).includes("network"));
  const stalls = await visit.text("#stalls");
  assert.equal(stalls.split("app.main:app").length - 1, 3);
  assert.ok(stalls.includes("210 ms"));
});

look("shows hostile names as text", async (visit) => {
  await visit.page.evaluate(() => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
  assert.equal(await visit.page.evaluate(() => typeof globalThis.pwned), "undefined");
  assert.equal(await visit.count("#culprits img, #services img, #stalls img, #flame img, main script"), 0);
  const text = await visit.text("main");
  assert.ok(text.split('<img src=x onerror="window.pwned=1">').length - 1 >= 4);
  assert.ok(text.includes("\\u202ecod.exe"), "a reversing character is shown, not obeyed");
  assert.ok(text.includes("\\u000a</script>"));
  const labels = await visit.page.locator("#flame title").allTextContents();
  assert.ok(labels.some((label) => label.startsWith("<img src=x")), "in the flame graph, too");
});

/** The second line of defence: even what would make markup or code of a text could not, nor load anything. */
scene("its policy stops what gets in", {}, async (visit) => {
  const refused = await visit.page.evaluate(() => {
    const tries = {
      markup: () => { document.body.innerHTML += "<b>bold</b>"; },
      code: () => { document.createElement("script").textContent = "window.pwned = 2"; },
      address: () => { document.createElement("script").src = "/page.js"; },
    };
    return Object.keys(tries).filter((name) => {
      try { tries[name](); } catch (error) { return error instanceof TypeError; }
      return false;
    });
  });
  assert.deepEqual(refused, ["markup", "code", "address"]);
  const blocked = await visit.page.evaluate(() => new Promise((resolve) => {
    document.addEventListener("securitypolicyviolation", (e) => resolve(e.effectiveDirective));
    document.body.append(Object.assign(new Image(), {src: "http://192.0.2.1/x.png"}));
    setTimeout(() => resolve("nothing"), 3000);
  }));
  assert.equal(blocked, "img-src");
});

look("an opened stall tells its whole story and stays open over refreshes", async (visit) => {
  await visit.page.evaluate(() => { document.querySelector("details.stall").open = true; });
  await visit.page.evaluate(() => { document.querySelector("#loops tbody").dataset.old = "yes"; });
  await visit.page.waitForFunction(() => !document.querySelector("#loops tbody").dataset.old);
  const stall = visit.page.locator("details.stall").first();
  assert.equal(await stall.evaluate((node) => node.open), true);
  const story = await stall.innerText();
  for (const words of ["HTTPAdapter.send", "one coroutine in all 7 samples", "network 100 %",
    "awaited by run_endpoint_function fastapi/routing.py:191 → upload app/main.py:48 → save_log app/services/log.py:12",
    "Without it the loop would be 21 % busy instead of 41 %."]) assert.ok(story.includes(words), words + " in " + story);
});

look("names the holder of the GIL as such", async (visit) => {
  const stall = visit.page.locator('details.stall[data-id="s00000"]');
  await stall.evaluate((node) => { node.open = true; });
  assert.ok((await stall.innerText()).includes("The GIL was held by compress_image app/services/image.py:33, for 95 ms"));
});

look("draws the last hour", async (visit) => {
  // Full time of one colour: what the loop waited for; turns of the most frequent length.
  for (const [id, variable] of [["causes", "--network"], ["turns", "--cpu"]]) {
    const painted = await visit.page.evaluate(([name, wanted]) => {
      const canvas = document.querySelector(`#${name} canvas`);
      const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const hex = getComputedStyle(document.documentElement).getPropertyValue(wanted).trim();
      const color = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
      let count = 0;
      for (let i = 0; i < data.length; i += 4) count += color.every((value, at) => data[i + at] === value);
      return count;
    }, [id, variable]);
    assert.ok(painted > 500, `${id} has ${painted} pixels of ${variable}`);
  }
  assert.match(await visit.text("#causes-read"), /network 30 %/);
  assert.match(await visit.text("#turns-read"), /1,010 turns, the longest up to 250 ms/);
  assert.equal(await visit.count("#loops .sparkline"), 2, "of the loops that have a past");
  const label = await visit.page.locator("#loops .sparkline").first().getAttribute("aria-label");
  assert.equal(label, "busy over 20 minutes, now 88 %");
});

look("reads a chart where the mouse is", async (visit) => {
  const before = await visit.text("#causes-read");
  await visit.page.locator("#causes .u-over").hover();
  assert.notEqual(await visit.text("#causes-read"), before, "it shows another moment");
});

scene("finds in the flame graph and zooms into it", {}, async (visit) => {
  const frames = await visit.count("#flame .frame");
  assert.ok(frames > 8, `${frames} frames`);
  await visit.page.fill("#flame-term", "log.py");
  assert.match(await visit.text("#flame-read"), /^1 frame, 210 ms of /);
  await visit.page.locator("#flame .frame", {hasText: "save_log"}).first().click();
  await visit.page.waitForFunction((all) => document.querySelectorAll("#flame .frame").length < all, frames);
  await visit.page.click("#flame-reset");
  await visit.page.waitForFunction((all) => document.querySelectorAll("#flame .frame").length === all, frames);
  assert.equal(await visit.page.inputValue("#flame-term"), "");
});

scene("shows what is asked for only", {}, async (visit) => {
  await visit.page.selectOption("#filter-process", "worker.py");
  await visit.page.waitForFunction(() => document.querySelectorAll("details.stall").length === 1);
  assert.equal(await visit.count("#loops tbody tr"), 1);
  assert.equal(await visit.count("#services > section"), 1);
  assert.ok(!(await visit.text("main")).includes("save_log takes"));
  assert.match(visit.page.url(), /#process=worker\.py$/);
  await visit.page.selectOption("#filter-process", "");
  await visit.page.selectOption("#filter-cause", "sleep");
  await visit.page.waitForFunction(() => { // there was one of the worker's before
    const shown = document.querySelectorAll("details.stall");
    return shown.length === 1 && shown[0].textContent.includes("retry");
  });
  assert.ok((await visit.text("#culprits")).includes("retry takes"));
  assert.ok(!(await visit.text("#culprits")).includes("save_log"));
  await visit.page.waitForFunction(() => /of the last 1 stall$/.test(document.getElementById("flame-read").textContent));
});

scene("puts functions in the order that is asked for", {}, async (visit) => {
  await visit.page.selectOption("#filter-by", "hold");
  const names = () => visit.page.locator("#services section:first-child tbody .name").allTextContents();
  assert.deepEqual(await names(),
    ["save_log", "retry", "compress_image", "read_model", "~framework", "~unsampled"]);
  assert.match(visit.page.url(), /#by=hold$/);
  await visit.page.selectOption("#filter-by", "harm");
  assert.deepEqual((await names()).slice(0, 2), ["retry", "save_log"]);
});

scene("opens with the filter of its address", {address: "#pod=worker-7d9f8b6c5-x2x9q&cause=lock"}, async (visit) => {
  assert.equal(await visit.count("#loops tbody tr"), 1);
  assert.equal(await visit.page.inputValue("#filter-pod"), "worker-7d9f8b6c5-x2x9q");
  assert.equal(await visit.page.inputValue("#filter-cause"), "lock");
});

scene("pauses and goes on", {}, async (visit) => {
  await visit.page.click("#pause");
  assert.match(await visit.text("#status"), /^paused at /);
  const asked = visit.requests.length;
  await visit.page.waitForTimeout(4500);
  assert.equal(visit.requests.length, asked, "it asks nothing");
  await visit.page.click("#pause");
  await visit.page.waitForFunction(() => document.getElementById("status").className === "status live");
  assert.ok(visit.requests.length > asked);
});

look("says what the agent leaves out", async (visit) => {
  const agent = await visit.text("#agent");
  for (const words of ["takes one stack of eight, to keep its budget; it costs 1.2 % of a core, of 1.5 %",
    "functions use 40 of 5000 series; 7 functions had no room"]) assert.ok(agent.includes(words), words);
  assert.ok(await visit.count("#agent .loss") >= 2);
});

scene("says when the agent is gone, and keeps what it knew", {}, async (visit, fixture) => {
  await fixture.end();
  await visit.page.waitForFunction(() => document.getElementById("status").className === "status lost");
  assert.ok((await visit.text("#culprits")).includes("save_log"));
});

for (const [name, size] of Object.entries({wide: WIDE, narrow: NARROW})) {
  for (const scheme of ["light", "dark"]) {
    scene(`is sound and fits its screen: ${name}, ${scheme}`, {size, scheme}, async (visit) => {
      await visit.shoot(`${name}-${scheme}-closed`);
      await visit.page.locator("details.stall summary").first().click();
      await visit.shoot(`${name}-${scheme}`);
      assert.ok(await visit.page.evaluate(() => document.documentElement.scrollWidth) <= size.width);
      await visit.assertSound();
    });
  }
}

scene("a healthy service has no culprit", {of: "calm"}, async (visit) => {
  await visit.shoot("calm");
  assert.ok((await visit.text("#culprits")).includes("no function has held a loop for long"));
  assert.equal(await visit.text("#now"), "");
  assert.ok((await visit.text("#stalls")).includes("None so far."));
  assert.ok((await visit.text("#flame")).includes("No stall so far."));
  assert.ok((await visit.text("#loops")).includes("calm.py"));
});

scene("an empty node says so", {of: "empty"}, async (visit) => {
  await visit.shoot("empty");
  assert.ok((await visit.text("#culprits")).includes("No event loop found yet"));
  await visit.assertSound();
});
