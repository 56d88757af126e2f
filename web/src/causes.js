// SPDX-License-Identifier: Apache-2.0
// Causes and reserved names in words: those of docs/metrics.md.

export const CAUSES = {
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

export const RESERVED = {
  "~framework": "framework code only",
  "~unknown": "who it was could not be read",
  "~unsampled": "too short to be met by a sample",
  "~other": "functions beyond the limit of series",
  "~generated": "generated code",
  "~machine": "the machine did not let it run",
};
