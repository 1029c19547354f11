"""/livez, /readyz and /metrics of a process, on a port of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from deltawire import telemetry
from deltawire.config import OpsConfig
from deltawire.listening import CannotListen


async def serve(config: OpsConfig, ready: Callable[[], bool]) -> None:
    """Serve until cancelled; nothing at all where the port is 0.

    ``/livez`` answers while the event loop turns, ``/readyz`` with 503 until ``ready()`` holds.

    Raises:
        CannotListen: before anything is served.
    """
    if config.port == 0:
        await asyncio.Event().wait()

    async def livez(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n") if ready() else web.Response(text="starting\n", status=503)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(telemetry.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, config.host, config.port).start()
        except OSError as error:
            raise CannotListen("ops", config.host, config.port, error) from None
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
