// SPDX-License-Identifier: Apache-2.0
// What holds the loops most, in one sentence with one remedy.
import {CAUSES} from "./causes.js";
import {acceptsCause} from "./filter.js";
import {el, named, place, replace, tint} from "./elements.js";
import {percent, plural, seconds} from "./text.js";

// A function is called a culprit when it takes this share of a loop's time and holds it this long.
const CULPRIT_SHARE = 0.005;
const CULPRIT_P99_SECONDS = 0.01;

function findCulprits(services) {
  const found = [];
  for (const service of services) {
    for (const fn of service.functions) {
      if (fn.function.startsWith("~") || !acceptsCause(fn.cause)) continue;
      if (fn.occupancy < CULPRIT_SHARE || fn.p99_seconds < CULPRIT_P99_SECONDS) continue;
      found.push({service, fn});
    }
  }
  return found.sort((a, b) => b.fn.occupancy - a.fn.occupancy);
}

function culpritCard({service, fn}) {
  const verdict = el("p", "verdict", named("name", fn.function), " takes ",
    el("strong", "", percent(fn.occupancy)), " of ", named("name", service.labels.process),
    "’s loop, ", el("span", "cause " + tint(fn.cause), CAUSES[fn.cause] || fn.cause), ".");
  const where = el("p", "muted", place(fn.file, fn.line),
    fn.entry && fn.entry !== fn.function ? " · in " : "",
    fn.entry && fn.entry !== fn.function ? named("place", fn.entry) : "",
    fn.leaf && fn.leaf !== fn.function ? " · through " : "",
    fn.leaf && fn.leaf !== fn.function ? named("place", fn.leaf) : "");
  const numbers = el("p", "muted", plural(fn.holds, "hold"), " · half of them over ",
    seconds(fn.p50_seconds), " · 1 in 100 over ", seconds(fn.p99_seconds));
  const remedy = fn.advice
    ? el("p", "remedy", el("b", "", "Remedy"), named("", fn.advice)) : null;
  return el("article", "card culprit", verdict, where, numbers, remedy);
}

export function renderCulprits(services) {
  const culprits = findCulprits(services).slice(0, 3);
  if (culprits.length > 0) {
    replace("culprits", el("div", "culprits", ...culprits.map(culpritCard)));
    return;
  }
  const text = services.length > 0
    ? "Nothing: no function has held a loop for long."
    : "No event loop found yet. Loops appear here at their first wait.";
  replace("culprits", el("p", "card notice", text));
}
