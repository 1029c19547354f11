"""Serve the gateway until cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from aiohttp import web

from deltawire.config import GatewayConfig
from deltawire.gateway.app import make_app
from deltawire.listening import CannotListen
from deltawire.log.port import Log
from deltawire.log.topics import Topics
from deltawire.store.port import Store

logger = structlog.get_logger()

SHUTDOWN_TIMEOUT = 2.0
"""Seconds that requests under way may take once the gateway stops; event streams end at once."""


async def run(
    log: Log,
    topics: Topics,
    store: Store,
    config: GatewayConfig,
    *,
    started: Callable[[str], None] | None = None,
) -> None:
    """Serve until cancelled; then open streams are closed and this returns within a few seconds.

    ``started`` is called once with the address of the page. Port 0 takes any free port.

    Raises:
        CannotListen: before anything is served.
    """
    app = make_app(log, topics, store)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=SHUTDOWN_TIMEOUT, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, config.host, config.port).start()
        except OSError as error:
            raise CannotListen("gateway", config.host, config.port, error) from None
        address = address_of(config.host, runner.addresses[0][1])
        logger.info("gateway.started", address=address)
        if started is not None:
            started(address)
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
        logger.info("gateway.stopped", outcome="ok")


def address_of(host: str, port: int) -> str:
    """The page's address as one types it; a wildcard is reached through the loopback."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 a name, not a binding
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
