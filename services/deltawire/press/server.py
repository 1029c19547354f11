"""An honest origin server: validators, 304, gzip, and nothing else on its mind."""

from __future__ import annotations

import gzip
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from html import escape

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Copy:
    """What a page shows now. ``modified_at`` is when it came to look like this, in real time."""

    body: bytes
    content_type: str
    modified_at: datetime


Page = Callable[[], Awaitable[Copy]]
"""Asked once for each GET that is answered, also for those answered with 304."""


def application(pages: Mapping[str, Page]) -> web.Application:
    """An application that serves the pages by path, and at ``/`` a list of them."""
    app = web.Application()
    app.router.add_get("/", _index(sorted(pages)))
    for path, page in pages.items():
        app.router.add_get(path, _handler(page), allow_head=False)
    return app


@asynccontextmanager
async def serve(app: web.Application, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve until the context ends; yields the address, without a slash at its end. Port 0 takes a free one."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        bound = runner.addresses[0]
        yield f"http://{host}:{bound[1]}"
    finally:
        await runner.cleanup()


def answer(copy: Copy, request: Mapping[str, str]) -> web.Response:
    """The response to a GET with these headers (RFC 9110, 13.1): 304 when the client has this very copy."""
    digest = hashlib.sha256(copy.body).hexdigest()[:20]
    zipped = "gzip" in request.get("Accept-Encoding", "")
    etag = f'"{digest}-gzip"' if zipped else f'"{digest}"'
    headers = {
        "ETag": etag,
        "Last-Modified": format_datetime(copy.modified_at.astimezone(UTC), usegmt=True),
        "Cache-Control": "no-cache",
        "Date": format_datetime(datetime.fromtimestamp(time.time(), UTC), usegmt=True),
        "Vary": "Accept-Encoding",
    }
    if _has(copy, digest, request):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = copy.content_type
    if zipped:
        return web.Response(body=gzip.compress(copy.body, mtime=0), headers=headers | {"Content-Encoding": "gzip"})
    return web.Response(body=copy.body, headers=headers)


def _has(copy: Copy, digest: str, request: Mapping[str, str]) -> bool:
    if (tags := request.get("If-None-Match")) is not None:
        # Weak comparison (RFC 9110, 8.8.3.2); either coding is the same document.
        held = {tag.strip().removeprefix("W/").strip('"').removesuffix("-gzip") for tag in tags.split(",")}
        return digest in held or "*" in held
    if (since := request.get("If-Modified-Since")) is not None:
        try:
            return copy.modified_at.replace(microsecond=0) <= parsedate_to_datetime(since)
        except (ValueError, TypeError):
            return False
    return False


def _handler(page: Page) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        return answer(await page(), request.headers)

    return handle


def _index(paths: list[str]) -> Callable[[web.Request], Awaitable[web.Response]]:
    items = "".join(f'<li><a href="{escape(path)}">{escape(path)}</a></li>' for path in paths)
    document = f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>The press</title><ul>{items}</ul></html>'

    async def handle(_: web.Request) -> web.Response:
        return web.Response(text=document, content_type="text/html")

    return handle
