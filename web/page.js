// SPDX-License-Identifier: Apache-2.0
// Shows /api/v1/loops and /api/v1/stalls. Names in them are the observed programs' own words, so
// every one of them reaches the page through textContent and nothing else.
"use strict";

const REFRESH_MS = 2000;
const FUNCTIONS_SHOWN = 12;
const GAIN_SHOWN = 0.02; // of the loop
const STALLS_SHOWN = 20;
// A function is called a culprit when it takes this share of a loop's time and holds it this long.
const CULPRIT_SHARE = 0.005;
const CULPRIT_P99_SECONDS = 0.01;
const HELD_NOW_SECONDS = 1;

const CAUSES = {
  cpu: "computing",
  runqueue: "waiting for a CPU",
  throttled: "waiting for its CPU quota",
  sleep: "sleeping",
  network: "waiting for the network",
  file: "waiting for files",
  pipe: "waiting for a pipe",
  lock: "waiting for a lock",
  gil: "waiting for the GIL",
  process: "waiting for another process",
  pagefault: "waiting for memory pages",
  stopped: "stopped",
  gc: "collecting garbage",
  other: "waiting",
};

const RESERVED = {
  "~framework": "framework code only",
  "~unknown": "who it was could not be read",
  "~unsampled": "too short to be met by a sample",
  "~other": "functions beyond the limit of series",
  "~generated": "generated code",
  "~machine": "the machine did not let it run",
};

// ---- text -------------------------------------------------------------------------------------

// Characters that would hide or reorder text are shown as escapes.
function shown(text) {
  return String(text).replace(
    /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
}

function seconds(value) {
  if (value < 0.00095) return (value * 1e6).toFixed(0) + " µs";
  if (value < 0.0095) return (value * 1e3).toFixed(1) + " ms";
  if (value < 0.9995) return (value * 1e3).toFixed(0) + " ms";
  if (value < 59.95) return value.toFixed(value < 9.995 ? 2 : 1) + " s";
  if (value < 3600) return Math.floor(value / 60) + " min " + Math.floor(value % 60) + " s";
  return Math.floor(value / 3600) + " h " + Math.floor((value % 3600) / 60) + " min";
}

function percent(share) {
  const value = share * 100;
  return value.toFixed(value < 9.95 ? 1 : 0) + " %";
}

const count = (value) => Number(value).toLocaleString("en");
const plural = (value, word) => count(value) + " " + word + (value === 1 ? "" : "s");

function ago(start, now) {
  const age = Math.max(0, (now - start) / 1000);
  if (age < 60) return Math.floor(age) + " s ago";
  if (age < 3600) return Math.floor(age / 60) + " min ago";
  return Math.floor(age / 3600) + " h ago";
}

// ---- elements ---------------------------------------------------------------------------------

function el(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const child of children) {
    if (child !== null && child !== undefined && child !== "") node.append(child);
  }
  return node;
}

function named(className, text) {
  const node = el("span", className);
  node.textContent = shown(text);
  return node;
}

const tint = (cause) => "tint-" + (Object.hasOwn(CAUSES, cause) ? cause : "other");

function causeTag(cause) {
  const node = named("cause " + tint(cause), cause);
  if (Object.hasOwn(CAUSES, cause)) node.title = CAUSES[cause];
  return node;
}

function place(file, line) {
  return file ? named("place", line > 0 ? file + ":" + line : file) : null;
}

function meter(share, className) {
  const fill = el("div", "fill");
  fill.style.width = Math.min(100, Math.max(0, share * 100)) + "%";
  return el("div", "meter " + className, el("div", "track", fill), el("span", "", percent(share)));
}

function cell(label, className, ...children) {
  const td = el("td", className, el("div", "value", ...children));
  if (label) td.dataset.label = label;
  return td;
}

function table(columns, rows) {
  const head = el("tr");
  for (const [title, className] of columns) {
    const th = el("th", className, title);
    th.scope = "col";
    head.append(th);
  }
  return el("div", "card table-card",
    el("table", "", el("thead", "", head), el("tbody", "", ...rows)));
}

function replace(id, ...children) {
  document.getElementById(id).replaceChildren(...children.filter((child) => child !== null));
}

// ---- held right now ---------------------------------------------------------------------------

// The innermost application frame, else the innermost one.
function culpritFrame(stack) {
  return stack.find((frame) => frame.origin === "application") || stack[0] || null;
}

function heldLoops(services) {
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

function alarm({service, loop}) {
  const frame = culpritFrame(loop.stack);
  const held = (loop.turn_age_at_least ? "at least " : "") + seconds(loop.turn_age_seconds);
  const sentence = el("p", "", named("name", service.labels.process), " is held now, for ",
    el("strong", "", held));
  if (frame) sentence.append(", by ", named("name", frame.function));
  sentence.append(" (", causeTag(loop.cause), ")");
  return el("div", "alarm", sentence,
    el("p", "place", "pid " + loop.pid, frame ? " · " : "", frame && place(frame.file, frame.line)));
}

// ---- culprits ---------------------------------------------------------------------------------

function findCulprits(services) {
  const found = [];
  for (const service of services) {
    for (const fn of service.functions) {
      if (fn.function.startsWith("~")) continue;
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

function renderCulprits(services) {
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

// ---- loops ------------------------------------------------------------------------------------

function loopRow(service, loop) {
  const labels = service.labels;
  const pod = [labels.namespace, labels.pod, labels.container].filter(Boolean).join(" / ");
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
    cell("utilised", "number whole-line", meter(loop.utilization, loop.utilization >= 0.8 ? "high" : "")));
}

function renderLoops(services) {
  const rows = services.flatMap((service) => service.loops.map((loop) => loopRow(service, loop)));
  if (rows.length === 0) {
    replace("loops", el("p", "card notice", "None."));
    return;
  }
  replace("loops", table([["process", ""], ["runtime", ""], ["pid / tid", "number"], ["state", ""],
    ["turn age", "number"], ["now in", ""], ["utilisation, 60 s", "number"]], rows));
}

// ---- one service ------------------------------------------------------------------------------

function timeSplit(service) {
  const parts = Object.entries(service.busy_seconds).filter(([, value]) => value > 0)
    .sort((a, b) => b[1] - a[1]);
  const busy = parts.reduce((sum, [, value]) => sum + value, 0);
  const total = busy + service.idle_seconds;
  if (total <= 0) return null;
  const bar = el("div", "split");
  bar.setAttribute("aria-hidden", "true");
  const legend = el("p", "legend");
  for (const [cause, value] of [...parts, ["idle", service.idle_seconds]]) {
    const piece = el("span", cause === "idle" ? "tint-idle" : tint(cause));
    piece.style.width = (value / total) * 100 + "%";
    bar.append(piece);
    legend.append(el("span", "cause " + (cause === "idle" ? "tint-idle" : tint(cause)),
      cause + " " + percent(value / total)));
  }
  return el("div", "", bar, legend);
}

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

// What is worth showing of it.
function gainWithout(fn, gain) {
  return gain.functions.find((one) => one.function === fn.function && one.file === fn.file &&
    gain.utilization - one.utilization >= GAIN_SHOWN);
}

function functionTable(service) {
  const functions = service.functions.filter((fn) => fn.busy_seconds > 0 || fn.holds > 0)
    .sort((a, b) => b.occupancy - a.occupancy);
  if (functions.length === 0) return null;
  const rows = functions.slice(0, FUNCTIONS_SHOWN)
    .map((fn) => functionRow(fn, gainWithout(fn, service.gain)));
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

function serviceSection(service) {
  const sum = (byCause) => Object.values(byCause).reduce((a, b) => a + b, 0);
  const stalls = sum(service.stalls);
  const pod = [service.labels.namespace, service.labels.pod, service.labels.container]
    .filter(Boolean).join(" / ");
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

// ---- stalls -----------------------------------------------------------------------------------

function frameItem(frame) {
  return el("li", frame.origin === "application" ? "application" : "",
    frame.kind === "coroutine" || frame.kind === "async_generator" ? named("muted", "async ") : null,
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

function holdBlock(hold) {
  return el("div", "",
    el("h3", "", named("name", hold.function), " ", place(hold.file, hold.line), " held ",
      seconds(hold.seconds), " · ", causeTag(hold.cause),
      hold.syscall ? " in " : "", hold.syscall ? named("place", hold.syscall) : ""),
    hold.advice ? el("p", "advice", named("", hold.advice)) : null,
    sharedBy(hold.coroutines),
    hold.stack.length > 0 ? el("ol", "stack", ...hold.stack.map(frameItem)) : null);
}

function stallItem(stall, now) {
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
      ...stall.holds.map(holdBlock)));
  node.dataset.id = stall.id;
  return node;
}

// An opened record stays open, and what has focus keeps it, as long as the list is the same.
function renderStalls(stalls) {
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
  const fresh = stalls.map((stall) => stallItem(stall, now));
  for (const item of fresh) item.open = open.has(item.dataset.id);
  replace("stalls", el("div", "card table-card", ...fresh));
}

// ---- the agent itself -------------------------------------------------------------------------

/* What it measures, and what it leaves out to stay within its bounds. */
const DETAIL = {
  full: "measures everything",
  fewer_stacks: "takes one stack of eight, to keep its budget",
  no_stacks: "takes no stacks and names no function, to keep its budget",
  turns: "measures the length of turns only, to keep its budget",
};

function boundsOf(agent) {
  const { used_cores: used, allowed_cores: allowed, detail } = agent.budget;
  const cost = (100 * used).toFixed(1) + " % of a core, of " + (100 * allowed).toFixed(1) + " % that it may use";
  const lines = [el("p", detail === "full" ? "" : "loss", named("", "It " + (DETAIL[detail] || detail) + "; it costs " + cost))];
  const series = agent.function_series;
  const folded = agent.series_folded ? "; " + agent.series_folded + " functions had no room and are counted in ~other" : "";
  lines.push(el("p", folded ? "loss" : "", named("", "functions use " + series.used + " of " + series.limit + " series" + folded)));
  return lines;
}

function renderAgent(agent) {
  const losses = [
    ...agent.events_lost.map((loss) => [loss.reason, loss.count]),
    ...agent.stack_errors.map((error) => [error.runtime + " stack: " + error.reason, error.count]),
  ].filter(([, value]) => value > 0);
  const hooks = agent.hooks.map((hook) => hook.hook + " by " + hook.mode).join(", ");
  const lines = [el("p", "", named("", "loopstall " + (agent.version || "")),
    hooks ? named("", " · " + hooks) : null)];
  lines.push(...boundsOf(agent));
  for (const reason of agent.not_ready) lines.push(el("p", "loss", named("", "not ready: " + reason)));
  if (losses.length > 0) {
    lines.push(el("p", "", named("", "not measured: " +
      losses.map(([reason, value]) => reason + " " + count(value)).join(", "))));
  }
  replace("agent", ...lines);
}

// ---- refresh ----------------------------------------------------------------------------------

function worst(service) {
  return service.loops.reduce((max, loop) => Math.max(max, loop.utilization), service.utilization);
}

function render(data, stalls) {
  const services = [...data.services].sort((a, b) => worst(b) - worst(a));
  replace("now", ...heldLoops(services).slice(0, 5).map(alarm));
  renderCulprits(services);
  renderLoops(services);
  replace("services", ...services.map(serviceSection));
  renderStalls(stalls.stalls);
  renderAgent(data.agent);
  const loops = services.reduce((sum, service) => sum + service.loops.length, 0);
  setStatus("live", "live · " + plural(loops, "loop"));
}

function setStatus(kind, text) {
  const status = document.getElementById("status");
  status.className = "status " + kind;
  if (status.textContent !== text) status.textContent = text;
  document.body.classList.toggle("stale", kind === "lost");
}

async function fetchJson(path) {
  const response = await fetch(path, {cache: "no-store", signal: AbortSignal.timeout(8000)});
  if (!response.ok) throw new Error(path + " answered " + response.status);
  return response.json();
}

async function refresh() {
  try {
    const [data, stalls] = await Promise.all(
      [fetchJson("/api/v1/loops"), fetchJson("/api/v1/stalls?limit=" + STALLS_SHOWN)]);
    render(data, stalls);
    document.body.dataset.rendered = "yes";
  } catch (error) {
    setStatus("lost", "no answer from the agent; trying again");
    console.error(error);
  }
}

async function run() {
  if (!document.hidden) await refresh();
  setTimeout(run, REFRESH_MS);
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refresh();
});
run();
