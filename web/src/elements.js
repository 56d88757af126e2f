// SPDX-License-Identifier: Apache-2.0
// Elements of the page. Names are the observed programs' own words, so every one of them reaches the
// page through textContent and nothing else.
import {CAUSES} from "./causes.js";
import {percent, shown} from "./text.js";

export function el(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const child of children) {
    if (child !== null && child !== undefined && child !== "") node.append(child);
  }
  return node;
}

export function named(className, text) {
  const node = el("span", className);
  node.textContent = shown(text);
  return node;
}

export const tint = (cause) => "tint-" + (Object.hasOwn(CAUSES, cause) ? cause : "other");

export function causeTag(cause) {
  const node = named("cause " + tint(cause), cause);
  if (Object.hasOwn(CAUSES, cause)) node.title = CAUSES[cause];
  return node;
}

export function place(file, line) {
  return file ? named("place", line > 0 ? file + ":" + line : file) : null;
}

export function meter(share, className) {
  const fill = el("div", "fill");
  fill.style.width = Math.min(100, Math.max(0, share * 100)) + "%";
  return el("div", "meter " + className, el("div", "track", fill), el("span", "", percent(share)));
}

/** A colour of the style sheet, as it is now. */
export const color = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

/** Namespace, pod and container, as far as they are known. */
export const podOf = ({namespace, pod, container}) => [namespace, pod, container].filter(Boolean).join(" / ");

/** A bar of what seconds went on, and its legend; null when there are none. "idle" comes last. */
export function split(secondsByCause) {
  const parts = Object.entries(secondsByCause).filter(([, value]) => value > 0)
    .sort(([a, x], [b, y]) => (a === "idle") - (b === "idle") || y - x);
  const total = parts.reduce((sum, [, value]) => sum + value, 0);
  if (total <= 0) return null;
  const bar = el("div", "split");
  bar.setAttribute("aria-hidden", "true");
  const legend = el("p", "legend");
  for (const [cause, value] of parts) {
    const look = cause === "idle" ? "tint-idle" : tint(cause);
    const piece = el("span", look);
    piece.style.width = (value / total) * 100 + "%";
    bar.append(piece);
    legend.append(el("span", "cause " + look, cause + " " + percent(value / total)));
  }
  return el("div", "", bar, legend);
}

export function cell(label, className, ...children) {
  const td = el("td", className, el("div", "value", ...children));
  if (label) td.dataset.label = label;
  return td;
}

export function table(columns, rows) {
  const head = el("tr");
  for (const [title, className] of columns) {
    const th = el("th", className, title);
    th.scope = "col";
    head.append(th);
  }
  return el("div", "card table-card",
    el("table", "", el("thead", "", head), el("tbody", "", ...rows)));
}

export function replace(id, ...children) {
  document.getElementById(id).replaceChildren(...children.filter((child) => child !== null));
}
