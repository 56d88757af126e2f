// SPDX-License-Identifier: Apache-2.0
// The loops, one by one.
import {sparkline} from "./charts.js";
import {causeTag, cell, el, meter, named, place, podOf, replace, table} from "./elements.js";
import {culpritFrame} from "./held_now.js";
import {seconds} from "./text.js";

// The last point is now; a loop without a past has no line.
function pastOf(loop, hour) {
  const past = hour.loop(loop.pid, loop.tid);
  return past.length > 0 ? sparkline([...past, Math.round(100 * loop.utilization)]) : null;
}

function loopRow(service, loop, hour) {
  const labels = service.labels;
  const pod = podOf(labels);
  const busy = loop.state === "busy";
  const frame = busy ? culpritFrame(loop.stack) : null;
  const state = busy
    ? (loop.phase === "startup" ? "starting" : "busy") : "idle";
  const age = (loop.turn_age_at_least ? "≥ " : "") + seconds(loop.turn_age_seconds);
  return el("tr", "",
    cell("", "", named("name", labels.process), pod ? el("div", "", named("place", pod)) : null),
    cell("runtime", "left", named("", labels.runtime)),
    cell("pid", "number", loop.pid === loop.tid ? loop.pid : loop.pid + " / " + loop.tid),
    cell("state", "left", named("state-" + (busy ? "busy" : "idle"), state)),
    cell("age", "number", busy ? age : "–"),
    cell("now in", "whole-line", busy ? causeTag(loop.cause) : "–",
      frame ? el("div", "", named("name", frame.function), " ", place(frame.file, frame.line)) : null),
    cell("utilised", "number whole-line utilised", pastOf(loop, hour), meter(loop.utilization, loop.utilization >= 0.8 ? "high" : "")));
}

export function renderLoops(services, hour) {
  const rows = services.flatMap((service) => service.loops.map((loop) => loopRow(service, loop, hour)));
  if (rows.length === 0) {
    replace("loops", el("p", "card notice", "None."));
    return;
  }
  replace("loops", table([["process", ""], ["runtime", ""], ["pid / tid", "number"], ["state", ""],
    ["turn age", "number"], ["now in", ""], ["utilisation, 60 s", "number"]], rows));
}
