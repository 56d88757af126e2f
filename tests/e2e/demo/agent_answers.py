# SPDX-License-Identifier: Apache-2.0
"""Answers in the shape of the agent's API, as it gives them for the example service."""

from typing import Any, Dict, List, Tuple

#: function, file, line, entry, cause, holds, p50, p99, busy seconds, advice
Row = Tuple[str, str, int, str, str, int, float, float, float, str]

BROKEN: List[Row] = [
    ("send_audit_record", "app/services/audit_log.py", 10, "upload", "network", 40, 0.06, 0.08, 2.5,
     "requests blocks the loop: use httpx.AsyncClient or aiohttp."),
    ("recognise_text", "app/services/ocr.py", 10, "upload", "network", 40, 0.08, 0.1, 3.3,
     "requests blocks the loop: use httpx.AsyncClient or aiohttp."),
    ("compress_image", "app/services/images.py", 30, "upload", "cpu", 40, 0.1, 0.15, 4.4,
     "Pillow computes on the loop's thread: run it in a process pool."),
    ("retry_with_pause", "app/services/retries.py", 20, "sleep", "sleep", 9, 0.2, 0.21, 1.8,
     "time.sleep stops every request: use asyncio.sleep."),
    ("read_archive", "app/services/archive.py", 50, "file_read", "file", 9, 0.03, 0.04, 0.3, ""),
    ("write_report", "app/services/archive.py", 66, "fsync", "file", 9, 0.013, 0.02, 0.1, ""),
    ("scan_mapped_archive", "app/services/archive.py", 80, "scan_mapping", "pagefault", 9, 0.17,
     0.2, 1.6, ""),
    ("parse_json", "app/main.py", 140, "parse_json", "cpu", 9, 0.5, 0.6, 5.0,
     "Large JSON on the loop's thread: use orjson, or a process pool."),
    ("run_converter", "app/services/converter.py", 12, "convert", "process", 9, 0.2, 0.21, 1.8, ""),
    ("add_row_numbers", "app/services/checksums.py", 12, "gil", "gil", 9, 0.25, 0.3, 2.3, ""),
    ("SearchIndex.count_documents", "app/services/search_index.py", 30, "lock", "lock", 9, 0.15,
     0.16, 1.4, ""),
    ("fetch_rows_one_by_one", "app/services/rows.py", 14, "many", "sleep", 9, 0.17, 0.19, 1.6, ""),
    ("~framework", "", 0, "", "cpu", 3, 0.001, 0.002, 0.2, ""),
]
MENDED: List[Row] = [
    ("parse_json", "app/main.py", 140, "parse_json", "cpu", 40, 0.002, 0.006, 0.3, ""),
    ("~framework", "", 0, "", "cpu", 30, 0.001, 0.004, 0.9, ""),
]


def service(rows: List[Row], pid: int, idle_seconds: float = 5.0) -> Dict[str, Any]:
    """One element of "services"."""
    busy: Dict[str, float] = {}
    stalls: Dict[str, int] = {}
    stall_seconds: Dict[str, float] = {}
    for _, _, _, _, cause, holds, p50, _, seconds, _ in rows:
        busy[cause] = busy.get(cause, 0.0) + seconds
        if p50 >= 0.1:
            stalls[cause] = stalls.get(cause, 0) + holds
            stall_seconds[cause] = stall_seconds.get(cause, 0.0) + seconds
    return {
        "labels": {"process": "app.main:app", "runtime": "uvloop", "namespace": "", "pod": ""},
        "utilization": 0.3,
        "turns": 1000,
        "idle_seconds": idle_seconds,
        "busy_seconds": busy,
        "stalls": stalls,
        "stall_seconds": stall_seconds,
        "loops": [{"pid": pid, "tid": pid, "state": "idle", "phase": "serving"}],
        "functions": [_function(row) for row in rows],
    }


def _function(row: Row) -> Dict[str, Any]:
    names = ("function", "file", "line", "entry", "cause", "holds", "p50_seconds", "p99_seconds")
    return dict(zip((*names, "busy_seconds", "advice"), row))


def document(services: List[Dict[str, Any]]) -> Dict[str, Any]:
    """The answer of /api/v1/loops."""
    return {"version": 1, "services": services, "agent": {"ready": True}}


def stall_record(
    pid: int, function: str, file: str, cause: str, seconds: float, share: float = 1.0
) -> Dict[str, Any]:
    """One stall with one hold that took `share` of it."""
    hold = {"function": function, "file": file, "cause": cause, "seconds": seconds * share}
    return {
        "version": 1,
        "phase": "serving",
        "pid": pid,
        "cause": cause,
        "duration_seconds": seconds,
        "holds": [hold],
    }
