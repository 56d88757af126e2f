// SPDX-License-Identifier: Apache-2.0
// The list of stalls, each of which opens.
import {causeTag, el, named, place, replace, split} from "./elements.js";
import {gainWithout} from "./services.js";
import {ago, count, percent, plural, seconds} from "./text.js";

const GAIN_SHOWN = 0.005;

const isAwaited = ({kind}) => kind === "coroutine" || kind === "async_generator";

function frameItem(frame) {
  return el("li", frame.origin === "application" ? "application" : "",
    isAwaited(frame) ? named("muted", "async ") : null,
    named("name", frame.function), " ", place(frame.path || frame.file, frame.line));
}

// One long or many small? A sample that met no other coroutine tells nothing, nor does a single one.
function sharedBy({seen, samples, longest_seconds: longest, task}) {
  const name = task ? [" · task ", named("name", task)] : [];
  if (samples < 2) return task ? el("p", "muted", "task ", named("name", task)) : null;
  const sure = longest > 0 ? ", one held it for " + seconds(longest) + " at least (95 % sure)" : "";
  if (seen === 1) {
    return el("p", "muted", "one coroutine in all " + count(samples) + " samples" + sure, ...name);
  }
  return el("p", "muted", "shared by at least " + count(seen) + " coroutines (" + count(samples) +
    " samples)" + sure, ...name);
}

// The coroutines that awaited each other, the outermost first.
function awaitChain(stack) {
  const chain = stack.filter(isAwaited).reverse();
  if (chain.length === 0) return null;
  const line = el("p", "chain", el("span", "muted", "awaited by "));
  chain.forEach((frame, i) => line.append(i > 0 ? " → " : "", named("name", frame.function), " ",
    place(frame.file, frame.line) || ""));
  return line;
}

function gainLine(hold, service) {
  const gain = service && gainWithout(hold, service.gain, GAIN_SHOWN);
  if (!gain) return null;
  return el("p", "muted", "Without it the loop would be ", el("b", "", percent(gain.utilization)),
    " busy instead of " + percent(service.gain.utilization) + ".");
}

function holdBlock(hold, service) {
  const isHolder = hold.cause === "gil" && !hold.function.startsWith("~");
  return el("div", "",
    el("h3", "", isHolder ? "The GIL was held by " : "", named("name", hold.function), " ",
      place(hold.file, hold.line), isHolder ? ", for " : " held ", seconds(hold.seconds), " · ",
      causeTag(hold.cause), hold.syscall ? " in " : "", hold.syscall ? named("place", hold.syscall) : ""),
    hold.advice ? el("p", "advice", named("", hold.advice)) : null,
    gainLine(hold, service), sharedBy(hold.coroutines), awaitChain(hold.stack),
    hold.stack.length > 0 ? el("ol", "stack", ...hold.stack.map(frameItem)) : null);
}

function stallItem(stall, now, service) {
  const top = stall.holds[0];
  const when = el("span", "when");
  when.textContent = ago(Date.parse(stall.start), now);
  when.dataset.start = stall.start;
  when.title = stall.start;
  const who = el("span", "who");
  if (top) {
    who.append(named("name", top.function), " ", place(top.file, top.line) || "");
    if (top.entry && top.entry !== top.function) who.append(" in ", named("place", top.entry));
    who.append(" · ");
  }
  who.append(named("place", stall.process));
  if (stall.phase === "startup") who.append(" · startup");
  const node = el("details", "stall",
    el("summary", "", when,
      el("span", "lasted", (stall.at_least ? "≥ " : "") + seconds(stall.duration_seconds)),
      causeTag(stall.cause), who),
    el("div", "stall-body",
      el("p", "muted", "pid " + stall.pid + " · tid " + stall.tid + " · ",
        plural(stall.delayed_events, "event"), " had to wait, ",
        seconds(stall.harm_seconds), " in all · ", named("place", stall.id)),
      split(stall.causes), ...stall.holds.map((hold) => holdBlock(hold, service))));
  node.dataset.id = stall.id;
  return node;
}

const serviceOf = (stall, services) => services.find(({labels}) =>
  ["process", "runtime", "namespace", "pod", "container"].every((key) => labels[key] === stall[key]));

// An opened record stays open, and what has focus keeps it, as long as the list is the same.
export function renderStalls(stalls, services) {
  const box = document.getElementById("stalls");
  const now = Date.now();
  const items = [...box.querySelectorAll("details.stall")];
  const same = items.length === stalls.length && stalls.length > 0 &&
    items.every((item, i) => item.dataset.id === stalls[i].id);
  if (same) {
    for (const when of box.querySelectorAll(".when")) {
      when.textContent = ago(Date.parse(when.dataset.start), now);
    }
    return;
  }
  if (stalls.length === 0) {
    replace("stalls", el("p", "card notice", "None so far."));
    return;
  }
  const open = new Set(items.filter((item) => item.open).map((item) => item.dataset.id));
  const fresh = stalls.map((stall) => stallItem(stall, now, serviceOf(stall, services)));
  for (const item of fresh) item.open = open.has(item.dataset.id);
  replace("stalls", el("div", "card table-card", ...fresh));
}
