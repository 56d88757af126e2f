// SPDX-License-Identifier: Apache-2.0
// The loops of one service together: where their time goes, and to which functions.
import {RESERVED} from "./causes.js";
import {acceptsCause, inOrder} from "./filter.js";
import {causeTag, cell, el, meter, named, place, podOf, split, table, tint} from "./elements.js";
import {count, percent, plural, seconds} from "./text.js";

const FUNCTIONS_SHOWN = 12;
const GAIN_SHOWN = 0.02;

const timeSplit = (service) => split({...service.busy_seconds, idle: service.idle_seconds});

function functionRow(fn, without) {
  const reserved = Object.hasOwn(RESERVED, fn.function) ? RESERVED[fn.function] : null;
  const where = place(fn.file, fn.line);
  return el("tr", "",
    cell("", "", named("name", fn.function), " ", where,
      reserved ? el("span", "muted", "(" + reserved + ")") : null,
      fn.entry && fn.entry !== fn.function ? el("div", "muted", "in ", named("place", fn.entry)) : null,
      fn.advice ? el("div", "advice", named("", fn.advice)) : null),
    cell("cause", "left", causeTag(fn.cause)),
    cell("holds", "number", count(fn.holds)),
    cell("p50", "number left", fn.holds > 0 ? seconds(fn.p50_seconds) : "–"),
    cell("p99", "number", fn.holds > 0 ? seconds(fn.p99_seconds) : "–"),
    cell("harm", "number", fn.harm_seconds > 0 ? seconds(fn.harm_seconds) : "–"),
    cell("occupancy", "number whole-line", meter(fn.occupancy, tint(fn.cause)),
      without === undefined ? null
        : el("div", "muted", "loop " + percent(without.utilization) + " busy without it")));
}

/** What a service would gain without a function; undefined below `least`, which is a share of its loops. */
export function gainWithout(fn, gain, least) {
  return gain.functions.find((one) => one.function === fn.function && one.file === fn.file &&
    gain.utilization - one.utilization >= least);
}

function functionTable(service) {
  const functions = inOrder(service.functions
    .filter((fn) => (fn.busy_seconds > 0 || fn.holds > 0) && acceptsCause(fn.cause)));
  if (functions.length === 0) return null;
  const rows = functions.slice(0, FUNCTIONS_SHOWN)
    .map((fn) => functionRow(fn, gainWithout(fn, service.gain, GAIN_SHOWN)));
  const hidden = functions.length - rows.length;
  const box = table([["function", ""], ["cause", ""], ["holds", "number"], ["p50", "number"],
    ["p99", "number"], ["harm", "number"], ["occupancy", "number"]], rows);
  return el("div", "", box,
    hidden > 0 ? el("p", "muted", plural(hidden, "more function") + " in /api/v1/loops") : null);
}

// Idle loop, slow users: the work may wait for a thread.
function poolFact({busy, idle}) {
  if (busy + idle === 0) return null;
  return el("span", "", el("b", "", count(busy)), " of ", count(busy + idle), " pool threads busy");
}

export function serviceSection(service) {
  const sum = (byCause) => Object.values(byCause).reduce((a, b) => a + b, 0);
  const stalls = sum(service.stalls);
  const pod = podOf(service.labels);
  const title = el("h2", "", named("name", service.labels.process));
  const fact = (value, text) => el("span", "", el("b", "", value), " " + text);
  return el("section", "service",
    el("div", "service-head", title, named("muted", service.labels.runtime),
      pod ? named("place", pod) : null),
    el("div", "facts",
      fact(percent(service.utilization), "busy in the last minute"),
      fact(count(stalls), stalls === 1 ? "stall" : "stalls"),
      stalls > 0 ? fact(seconds(sum(service.stall_seconds)), "lost in them") : null,
      fact(count(service.turns), "turns"),
      service.delayed_events > 0 ? fact(count(service.delayed_events), "events delayed") : null,
      poolFact(service.pool_threads),
      service.startup_seconds > 0 ? fact(seconds(service.startup_seconds), "of startup") : null),
    timeSplit(service), functionTable(service));
}
