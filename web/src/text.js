// SPDX-License-Identifier: Apache-2.0
// Numbers and times as people read them.

// Characters that would hide or reorder text are shown as escapes.
export function shown(text) {
  return String(text).replace(
    /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
}

export function seconds(value) {
  if (value < 0.00095) return (value * 1e6).toFixed(0) + " µs";
  if (value < 0.0095) return (value * 1e3).toFixed(1) + " ms";
  if (value < 0.9995) return (value * 1e3).toFixed(0) + " ms";
  if (value < 59.95) return value.toFixed(value < 9.995 ? 2 : 1) + " s";
  if (value < 3600) return Math.floor(value / 60) + " min " + Math.floor(value % 60) + " s";
  return Math.floor(value / 3600) + " h " + Math.floor((value % 3600) / 60) + " min";
}

export function percent(share) {
  const value = share * 100;
  return value.toFixed(value < 9.95 ? 1 : 0) + " %";
}

/** A time of day, in seconds of Unix time. */
export const clock = (unix) => new Date(unix * 1000).toLocaleTimeString("en-GB");

export const count = (value) => Number(value).toLocaleString("en");
export const plural = (value, word) => count(value) + " " + word + (value === 1 ? "" : "s");

export function ago(start, now) {
  const age = Math.max(0, (now - start) / 1000);
  if (age < 60) return Math.floor(age) + " s ago";
  if (age < 3600) return Math.floor(age / 60) + " min ago";
  return Math.floor(age / 3600) + " h ago";
}
