"""The web application: routes, headers, and the tasks that live as long as it does."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib import resources

from aiohttp import web

from deltawire.gateway.api import Api
from deltawire.gateway.directory import Directory
from deltawire.gateway.hub import Hub
from deltawire.gateway.problems import as_problems
from deltawire.gateway.stream import StreamHandler
from deltawire.log.port import Log
from deltawire.log.topics import Topics
from deltawire.store.port import Store

HEARTBEAT = 15.0

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def make_app(
    log: Log,
    topics: Topics,
    store: Store,
    *,
    heartbeat: float = HEARTBEAT,
) -> web.Application:
    """The gateway. ``heartbeat`` is in seconds: how long an event stream may be silent."""
    directory = Directory(log, topics, store)
    hub = Hub(log, topics.events, directory.take)
    app = web.Application(middlewares=[as_problems])
    app.add_routes(Api(log, topics.events, store, directory).routes())
    app.router.add_get("/api/events", StreamHandler(log, topics.events, hub, heartbeat).handle)
    app.add_routes(_static_routes())
    app.on_response_prepare.append(_secure)
    app.cleanup_ctx.append(_while_serving(hub.run))
    app.cleanup_ctx.append(_while_serving(directory.run))

    async def close_streams(_: web.Application) -> None:
        hub.close()

    app.on_shutdown.append(close_streams)
    return app


def _while_serving(run: Callable[[], Awaitable[None]]) -> Callable[[web.Application], AsyncIterator[None]]:
    async def context(_: web.Application) -> AsyncIterator[None]:
        task = asyncio.ensure_future(run())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    return context


async def _secure(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(SECURITY_HEADERS)


def _static_routes() -> list[web.RouteDef]:
    """The page's files, from the package. They are small, and read once."""
    routes = []
    for file in sorted((resources.files(__package__) / "static").iterdir(), key=lambda f: f.name):
        suffix = "." + file.name.rpartition(".")[2]
        if suffix in TYPES:
            path = "/" if file.name == "index.html" else f"/static/{file.name}"
            routes.append(web.get(path, _file(file.read_bytes(), TYPES[suffix])))
    return routes


def _file(body: bytes, content_type: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    etag = hashlib.sha256(body).hexdigest()[:32]

    async def handler(request: web.Request) -> web.StreamResponse:
        headers = {"Cache-Control": "no-cache", "ETag": f'"{etag}"'}
        if any(tag.value in (etag, "*") for tag in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        response = web.Response(body=body, content_type=content_type, charset="utf-8", headers=headers)
        response.enable_compression()
        return response

    return handler
