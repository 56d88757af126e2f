# SPDX-License-Identifier: Apache-2.0
"""The endpoints. Each does its work in two forms: broken holds the event loop, mended does not."""

import asyncio
import json
from typing import Any, Dict

from fastapi import FastAPI, HTTPException, Request, UploadFile

from app.resources import Resources
from app.services import archive, audit_log, checksums, converter, documents, images, ocr, reports
from app.services import retries, rows
from app.settings import read_settings
from app.stopwatch import Stopwatch

settings = read_settings()
app = FastAPI(title="OCR service")


@app.on_event("startup")
async def open_resources() -> None:
    """Runs before the service listens."""
    app.state.resources = Resources(settings)
    await app.state.resources.open()


@app.on_event("shutdown")
async def close_resources() -> None:
    """Runs after the last request."""
    await app.state.resources.close()


@app.get("/healthz")
async def healthz() -> Dict[str, Any]:
    """Which features hold the loop."""
    return {"status": "ok", "broken": sorted(settings.broken)}


@app.post("/upload")
async def upload(file: UploadFile) -> Dict[str, Any]:
    """Recognises the text of an image, stores a smaller one, and writes an audit record."""
    resources: Resources = app.state.resources
    original = await file.read()
    watch = Stopwatch()

    if settings.holds_loop("recognise"):
        recognised = ocr.recognise_text(settings.ocr_url, original)
    else:
        recognised = await ocr.recognise_text_async(
            resources.http_client, settings.ocr_url, original
        )
    watch.lap("recognise_text")

    try:
        if settings.holds_loop("image"):
            compressed = images.compress_image(original)
        else:
            compressed = await resources.workers.run(images.compress_image, original)
    except images.NotAnImage as error:
        raise HTTPException(status_code=400, detail=str(error)) from error
    watch.lap("compress_image")

    record = {"event": "upload", "name": file.filename, "sha256": compressed.sha256}
    if settings.holds_loop("log"):
        accepted = audit_log.send_audit_record(settings.log_url, record)
    else:
        accepted = await audit_log.send_audit_record_async(
            resources.http_client, settings.log_url, record
        )
    watch.lap("send_audit_record")

    return {
        "text": recognised["text"],
        "width": compressed.width,
        "height": compressed.height,
        "sha256": compressed.sha256,
        "bytes": len(compressed.jpeg),
        "accepted": accepted,
        "measured_ns": watch.laps,
    }


@app.get("/sleep")
async def sleep() -> Dict[str, Any]:
    """Retries an operation that fails twice, with a pause."""
    watch = Stopwatch()
    operation = retries.operation_that_fails(times=2)
    if settings.holds_loop("sleep"):
        attempts = retries.retry_with_pause(operation)
    else:
        attempts = await retries.retry_with_pause_async(operation)
    watch.lap("retry_with_pause")
    return {"attempts": attempts, "measured_ns": watch.laps}


@app.get("/file-read")
async def file_read(cold: bool = True) -> Dict[str, Any]:
    """Reads a large file, by default from a cold page cache."""
    watch = Stopwatch()
    path = str(app.state.resources.archive.path)
    if settings.holds_loop("file_read"):
        checksum = archive.read_archive(path, cold)
    else:
        checksum = await asyncio.to_thread(archive.read_archive, path, cold)
    watch.lap("read_archive")
    return {"checksum": checksum, "measured_ns": watch.laps}


@app.get("/fsync")
async def fsync() -> Dict[str, Any]:
    """Writes a file and waits until it is on the disk."""
    watch = Stopwatch()
    directory = str(app.state.resources.archive.directory)
    if settings.holds_loop("fsync"):
        written = archive.write_report(directory)
    else:
        written = await asyncio.to_thread(archive.write_report, directory)
    watch.lap("write_report")
    return {"bytes": written, "measured_ns": watch.laps}


@app.get("/mmap")
async def scan_mapping(cold: bool = True) -> Dict[str, Any]:
    """Touches the pages of a mapped file, by default cold ones."""
    watch = Stopwatch()
    resources: Resources = app.state.resources
    path = str(resources.archive.path)
    if settings.holds_loop("mmap"):
        total = archive.scan_mapped_archive(path, cold)
    else:
        total = await resources.workers.run(archive.scan_mapped_archive, path, cold)
    watch.lap("scan_mapped_archive")
    return {"total": total, "measured_ns": watch.laps}


@app.post("/json")
async def parse_json(request: Request) -> Dict[str, Any]:
    """Summarises a JSON document of tens of megabytes."""
    watch = Stopwatch()
    try:
        if settings.holds_loop("json"):
            body = await request.body()
            watch.skip()
            summary = documents.summarise(json.loads(body))
        else:
            summary = await _summarise_in_worker(request, watch)
    except ValueError as error:
        raise HTTPException(status_code=400, detail=str(error)) from error
    watch.lap("parse_json")
    return {**summary, "measured_ns": watch.laps}


async def _summarise_in_worker(request: Request, watch: Stopwatch) -> Dict[str, Any]:
    body = documents.SharedBody()
    try:
        await body.fill(request.stream())
        watch.skip()
        return await app.state.resources.workers.run(documents.summarise_shared_body, body.path)
    finally:
        body.close()


@app.get("/subprocess")
async def convert() -> Dict[str, Any]:
    """Runs a converter that is a program of its own."""
    watch = Stopwatch()
    if settings.holds_loop("subprocess"):
        status = converter.run_converter()
    else:
        status = await app.state.resources.workers.run(converter.run_converter)
    watch.lap("run_converter")
    return {"exit_status": status, "measured_ns": watch.laps}


@app.get("/query")
async def query() -> Dict[str, Any]:
    """Runs a slow query, if OCR_DATABASE_URL is set."""
    if not settings.database_url:
        raise HTTPException(status_code=503, detail="OCR_DATABASE_URL is not set.")
    watch = Stopwatch()
    if settings.holds_loop("query"):
        pages = reports.query_page_count(settings.database_url)
    else:
        pages = await reports.query_page_count_async(app.state.resources.database_pool)
    watch.lap("query_page_count")
    return {"pages": pages, "measured_ns": watch.laps}


@app.get("/gil")
async def gil() -> Dict[str, Any]:
    """Computes beside the loop, which is no use while the GIL is held."""
    watch = Stopwatch()
    if settings.holds_loop("gil"):
        total = await asyncio.to_thread(checksums.add_row_numbers)
    else:
        total = await app.state.resources.workers.run(checksums.add_row_numbers)
    watch.lap("add_row_numbers")
    return {"total": total, "measured_ns": watch.laps}


@app.get("/lock")
async def lock() -> Dict[str, Any]:
    """Reads an index that is being rebuilt by a thread."""
    index = app.state.resources.index
    watch = Stopwatch()
    if settings.holds_loop("lock"):
        rebuild = index.start_rebuild()
        watch.skip()
        count = index.count_documents()
    else:
        locked = asyncio.Event()
        rebuild = asyncio.create_task(index.rebuild_async(locked.set))
        await locked.wait()
        watch.skip()
        count = await index.count_documents_async()
    watch.lap("count_documents")
    await rebuild
    return {"documents": count, "measured_ns": watch.laps}


@app.get("/many")
async def many() -> Dict[str, Any]:
    """Makes many short calls in one request."""
    watch = Stopwatch()
    if settings.holds_loop("many"):
        fetched = rows.fetch_rows_one_by_one()
    else:
        fetched = await rows.fetch_rows_together()
    watch.lap("fetch_rows_one_by_one")
    return {"rows": fetched, "measured_ns": watch.laps}
