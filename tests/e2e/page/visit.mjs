// SPDX-License-Identifier: Apache-2.0
// A visit of a real Chromium to the page, by Playwright; and what a page must never do.
//
// LOOPSTALL_PAGE_MODULES names the folder in whose node_modules the libraries are; screenshots go to the
// folder that LOOPSTALL_PAGE_SHOTS names, for a person to look at.
import assert from "node:assert/strict";
import {mkdirSync, readFileSync} from "node:fs";
import {createRequire} from "node:module";
import {join} from "node:path";

const require = createRequire(join(process.env.LOOPSTALL_PAGE_MODULES, "package.json"));
const {chromium} = require("playwright-core");
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const WIDE = {width: 1200, height: 900};
export const NARROW = {width: 360, height: 740};

export const startBrowser = () => chromium.launch({
  executablePath: process.env.LOOPSTALL_CHROMIUM,
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});

/** One tab. `requests` and `answers` are what the page asked for and got, `complaints` its errors and warnings. */
export class Visit {
  static async to(browser, url, {size = WIDE, scheme = "light"} = {}) {
    const context = await browser.newContext({viewport: size, colorScheme: scheme, reducedMotion: "reduce"});
    const visit = new Visit(context, await context.newPage(), url);
    await visit.page.goto(url);
    await visit.page.waitForFunction(() => document.body?.dataset.rendered === "yes");
    return visit;
  }

  constructor(context, page, url) {
    Object.assign(this, {context, page, url, requests: [], complaints: []});
    page.on("request", (request) => this.requests.push(request.url()));
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("console", (message) => {
      if (["error", "warning", "assert"].includes(message.type())) this.complaints.push(message.text());
    });
  }

  end() { return this.context.close(); }

  async text(selector) {
    const found = this.page.locator(selector).first();
    return (await found.count()) > 0 ? found.innerText() : "";
  }

  count(selector) { return this.page.locator(selector).count(); }

  async shoot(name) {
    const folder = process.env.LOOPSTALL_PAGE_SHOTS;
    if (!folder) return;
    mkdirSync(folder, {recursive: true});
    await this.page.waitForTimeout(700); // the flame graph grows
    await this.page.screenshot({path: join(folder, name + ".png"), fullPage: true});
  }

  /** No request to elsewhere, no error, nothing that a reader with a disability cannot use. */
  async assertSound() {
    const elsewhere = this.requests.filter((url) => !url.startsWith(this.url) && !url.startsWith("data:"));
    assert.ok(this.requests.length > 0, "the browser told of no request");
    assert.deepEqual(elsewhere, []);
    assert.deepEqual(this.complaints, []);
    await this.page.evaluate(AXE);
    const {violations} = await this.page.evaluate(() => globalThis.axe.run());
    assert.deepEqual(violations.map((one) => one.id + ": " + one.nodes.map((node) => node.html).join(" | ")), []);
  }
}
