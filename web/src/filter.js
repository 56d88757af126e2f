// SPDX-License-Identifier: Apache-2.0
// What is to be shown, by process, pod and cause, and in which order. It stands in the address, so that it
// can be sent to somebody.
import {CAUSES} from "./causes.js";
import {shown} from "./text.js";

const ASKED = ["process", "pod", "cause"]; // of the agent, too
const KEYS = [...ASKED, "by"];
const wanted = {process: "", pod: "", cause: "", by: ""};
const ORDERS = {
  "": (fn) => fn.occupancy,
  hold: (fn) => fn.p99_seconds,
  harm: (fn) => fn.harm_seconds,
};
const WORDS = {process: "all", pod: "all", cause: "all", by: "occupancy"}; // for what is not wanted

const select = (key) => document.getElementById("filter-" + key);

/** Functions in the order that is asked for. */
export const inOrder = (functions) => {
  const value = ORDERS[wanted.by];
  return [...functions].sort((a, b) => value(b) - value(a) || b.occupancy - a.occupancy);
};

export const accepts = (labels) =>
  (!wanted.process || labels.process === wanted.process) && (!wanted.pod || labels.pod === wanted.pod);

export const acceptsCause = (cause) => !wanted.cause || cause === wanted.cause;

export function query(parameters = {}) {
  const all = new URLSearchParams(parameters);
  for (const key of ASKED) if (wanted[key]) all.set(key, wanted[key]);
  const text = all.toString();
  return text ? "?" + text : "";
}

function offer(key, values) {
  const box = select(key);
  if (document.activeElement === box) return; // it is open
  const list = ["", ...new Set([wanted[key], ...values].filter(Boolean))];
  if (list.length === box.options.length && list.every((value, i) => box.options[i].value === value)) return;
  box.replaceChildren(...list.map((value) => new Option(value ? shown(value) : WORDS[key], value)));
  box.value = wanted[key];
}

/** Offers what there is. */
export function offerServices(services) {
  offer("process", services.map((service) => service.labels.process).sort());
  const pods = services.map((service) => service.labels.pod).sort();
  offer("pod", pods);
  document.getElementById("pods").hidden = !pods.some(Boolean) && !wanted.pod;
}

function read() {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const key of KEYS) wanted[key] = given.get(key) || "";
  if (!Object.hasOwn(CAUSES, wanted.cause)) wanted.cause = "";
  if (!Object.hasOwn(ORDERS, wanted.by)) wanted.by = "";
}

export function startFilter(changed) {
  read();
  for (const key of KEYS) {
    offer(key, {cause: Object.keys(CAUSES), by: Object.keys(ORDERS)}[key] ?? []);
    select(key).addEventListener("change", (event) => {
      wanted[key] = event.target.value;
      history.replaceState(null, "", "#" + new URLSearchParams(KEYS.filter((k) => wanted[k])
        .map((k) => [k, wanted[k]])));
      changed();
    });
  }
  document.getElementById("filter").addEventListener("submit", (event) => event.preventDefault());
}
