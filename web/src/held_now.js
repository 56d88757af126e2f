// SPDX-License-Identifier: Apache-2.0
// Loops that hang at this moment.
import {causeTag, el, named, place, replace} from "./elements.js";
import {seconds} from "./text.js";

const HELD_NOW_SECONDS = 1;

// The innermost application frame, else the innermost one.
export function culpritFrame(stack) {
  return stack.find((frame) => frame.origin === "application") || stack[0] || null;
}

export function heldLoops(services) {
  const held = [];
  for (const service of services) {
    for (const loop of service.loops) {
      if (loop.state === "busy" && loop.phase !== "startup" &&
          loop.turn_age_seconds >= HELD_NOW_SECONDS) {
        held.push({service, loop});
      }
    }
  }
  return held.sort((a, b) => b.loop.turn_age_seconds - a.loop.turn_age_seconds);
}

export function alarm({service, loop}) {
  const frame = culpritFrame(loop.stack);
  const held = (loop.turn_age_at_least ? "at least " : "") + seconds(loop.turn_age_seconds);
  const sentence = el("p", "", named("name", service.labels.process), " is held now, for ",
    el("strong", "", held));
  if (frame) sentence.append(", by ", named("name", frame.function));
  sentence.append(" (", causeTag(loop.cause), ")");
  return el("div", "alarm", sentence,
    el("p", "place", "pid " + loop.pid, frame ? " · " : "", frame && place(frame.file, frame.line)));
}
