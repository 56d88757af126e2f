// SPDX-License-Identifier: Apache-2.0
// A recorded profile, which is in the page itself: what held the loops, by stack and by function.
import {CAUSES, RESERVED} from "./causes.js";
import {causeTag, cell, color, el, meter, named, place, replace, split, table} from "./elements.js";
import {FlameGraph} from "./flame.js";
import {plural, seconds, shown} from "./text.js";
import "./profile.css";

const FUNCTIONS_SHOWN = 50;

const profile = JSON.parse(document.getElementById("data").textContent);
const hidden = new Set(); // causes
const flame = new FlameGraph({
  fill: ({cause, origin}) => paler(color(cause), origin === "application" ? 0.35 : 0.65),
  describe: () => seconds(total(accepted())) + " in all",
  empty: "Nothing held a loop.",
});

const total = (samples) => samples.reduce((sum, sample) => sum + sample.seconds, 0);
const accepted = () => profile.samples.filter((sample) => !hidden.has(sample.cause));

/** Mixed with white, so that dark text can be read on it. */
function paler(hex, share) {
  const parts = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return "rgb(" + parts.map((part) => Math.round(part + (255 - part) * share)).join(" ") + ")";
}

/** The key with the largest value. */
function largest(byName) {
  return [...byName].reduce((best, entry) => entry[1] > best[1] ? entry : best)[0];
}

class Node {
  causes = new Map();
  children = new Map();
  value = 0;

  constructor(name, file = "", origin = "") { Object.assign(this, {name, file, origin}); }

  add(cause, value) {
    this.value += value;
    this.causes.set(cause, (this.causes.get(cause) ?? 0) + value);
  }

  child(key, make) {
    if (!this.children.has(key)) this.children.set(key, make());
    return this.children.get(key);
  }

  // The library's form, with weights in microseconds.
  plain() {
    return {
      name: this.name,
      file: this.file,
      origin: this.origin,
      cause: largest(this.causes),
      value: this.value * 1e6,
      children: [...this.children.values()].map((child) => child.plain()),
    };
  }
}

function treeOf(samples) {
  if (samples.length === 0) return null;
  const root = new Node("all that held the loops");
  for (const {service, places, cause, seconds: value} of samples) {
    let node = root;
    const step = (key, make) => {
      node = node.child(key, make);
      node.add(cause, value);
    };
    root.add(cause, value);
    if (profile.services.length > 1) step("service " + service, () => new Node(profile.services[service].name));
    for (const index of places) {
      const {name, file, origin} = profile.places[index];
      step(name + "\n" + file, () => new Node(name, file, origin));
    }
    step("cause " + cause, () => new Node(CAUSES[cause] ?? cause));
  }
  return root.plain();
}

function functionsOf(samples) {
  const functions = new Map();
  for (const {blamed, cause, seconds: value} of samples) {
    const where = profile.places[blamed];
    const key = where.name + "\n" + where.file;
    if (!functions.has(key)) functions.set(key, {where, causes: new Map(), value: 0});
    const found = functions.get(key);
    found.value += value;
    found.causes.set(cause, (found.causes.get(cause) ?? 0) + value);
  }
  return [...functions.values()].sort((a, b) => b.value - a.value);
}

function functionRow({where, causes, value}, life) {
  const words = [...causes].sort((a, b) => b[1] - a[1]).slice(0, 3)
    .map(([cause, part]) => el("div", "", causeTag(cause), " " + seconds(part)));
  return el("tr", "",
    cell("function", "", named("name", where.name), " ", place(where.file, where.line),
      el("div", "muted", RESERVED[where.name] ?? "")),
    cell("cause", "", ...words),
    cell("time", "number", seconds(value)),
    cell("of the loops' time", "number", meter(value / life, "tint-" + largest(causes))));
}

function renderServices() {
  replace("services", ...profile.services.map(({name, runtime, causes, idle}) =>
    el("section", "card recorded",
      el("div", "service-head", named("name", name), el("span", "muted", shown(runtime))),
      split({...causes, idle}))));
}

function render() {
  const samples = accepted();
  const life = profile.services.reduce(
    (sum, {causes, idle}) => sum + idle + Object.values(causes).reduce((a, b) => a + b, 0), 0);
  const functions = functionsOf(samples);
  flame.show(treeOf(samples));
  replace("functions", table(
    [["Function"], ["Cause"], ["Time", "number"], ["Of the loops' time", "number"]],
    functions.slice(0, FUNCTIONS_SHOWN).map((found) => functionRow(found, life))),
  functions.length > FUNCTIONS_SHOWN
    ? el("p", "muted", "and " + plural(functions.length - FUNCTIONS_SHOWN, "more function")) : null);
}

function offerCauses() {
  const met = new Set(profile.samples.map((sample) => sample.cause));
  for (const cause of Object.keys(CAUSES).filter((name) => met.has(name))) {
    const box = el("input");
    box.type = "checkbox";
    box.checked = true;
    box.value = cause;
    box.addEventListener("change", () => {
      if (box.checked) hidden.delete(cause);
      else hidden.add(cause);
      flame.unzoom();
      render();
    });
    document.getElementById("causes").append(el("label", "", box, causeTag(cause)));
  }
}

document.title = shown(profile.title) + " – loopstall";
document.getElementById("what").textContent =
  shown(profile.title) + ", " + seconds(profile.seconds) + " from " + profile.start;
renderServices();
offerCauses();
render();
document.body.dataset.rendered = "yes";
