"""A webhook endpoint on loopback that answers as it is told and keeps what it was sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import orjson
from aiohttp import web
from multidict import CIMultiDictProxy


class Delivery:
    def __init__(self, headers: CIMultiDictProxy[str], body: bytes) -> None:
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body
        self.data = orjson.loads(body)["data"]


class Receiver:
    """``answer`` makes the response to each delivery; ``received`` are all of them, in the order they came."""

    def __init__(self) -> None:
        self.received: list[Delivery] = []
        self.answer: Callable[[], Awaitable[web.StreamResponse]] = self.ok
        self.url = ""
        self._arrived = asyncio.Condition()

    async def ok(self) -> web.Response:
        return web.Response(status=204)

    def always(self, status: int, headers: dict[str, str] | None = None) -> None:
        async def answer() -> web.Response:
            return web.Response(status=status, headers=headers)

        self.answer = answer

    async def hang(self) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async def count(self, wanted: int, *, seconds: float = 120.0) -> None:
        """Return when ``wanted`` deliveries have come; fail when they do not within ``seconds``."""
        async with asyncio.timeout(seconds), self._arrived:
            await self._arrived.wait_for(lambda: len(self.received) >= wanted)

    async def _take(self, request: web.Request) -> web.StreamResponse:
        delivery = Delivery(request.headers, await request.read())
        async with self._arrived:
            self.received.append(delivery)
            self._arrived.notify_all()
        return await self.answer()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Receiver]:
        app = web.Application()
        app.router.add_post("/hook", self._take)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}/hook"
        try:
            yield self
        finally:
            await runner.cleanup()
