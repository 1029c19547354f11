"""Answers without end in places where nobody counts the bytes of a body: refused, within bounds of memory."""

from __future__ import annotations

import asyncio
import contextlib
import tracemalloc
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from deltawire import net
from support.fetching import LOCAL, bad
from support.origin import Origin, Request, Script

FLOOD = 40_000_000
"""Bytes that are sent if nobody closes the connection."""

MEMORY = 16_000_000

CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\nTransfer-Encoding: chunked\r\n\r\n"


def flood(start: bytes, piece: bytes) -> Script:
    async def script(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        for _ in range(FLOOD // 65_536):
            writer.write(piece * (65_536 // len(piece)))
            with contextlib.suppress(ConnectionError):
                await writer.drain()
            if writer.is_closing():
                return

    return script


FLOODS: dict[str, Script] = {
    "headers": flood(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    "one header": flood(b"HTTP/1.1 200 OK\r\nX-A: ", b"b"),
    "header name": flood(b"HTTP/1.1 200 OK\r\n", b"X"),
    "status line": flood(b"HTTP/1.1 200 ", b"OK "),
    "no status line": flood(b"", b"\r\n"),
    "interim answers": flood(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
    "cookies": flood(b"HTTP/1.1 200 OK\r\n", b"Set-Cookie: a=b\r\n"),
    "chunk extension": flood(CHUNKED + b"1;a=", b"b"),
    "chunk extensions": flood(CHUNKED, b"1;a=" + b"b" * 100 + b"\r\nx\r\n"),
    "chunk length": flood(CHUNKED, b"0"),
    "chunks of a byte": flood(CHUNKED, b"1\r\nx\r\n"),
    "trailers": flood(CHUNKED + b"1\r\nx\r\n0\r\n", b"X-A: b\r\n"),
    "one trailer": flood(CHUNKED + b"1\r\nx\r\n0\r\nX-A: ", b"b"),
}


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with net.make_session(LOCAL) as session:
        yield session


@contextlib.contextmanager
def traced() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", FLOODS)
async def test_a_flood_is_refused_within_bounds_of_memory(session: aiohttp.ClientSession, name: str) -> None:
    async with Origin() as origin:
        origin.serve("/feed", FLOODS[name])
        with traced():
            failure = await bad(session, origin.url(), timeout=1)
            peak = tracemalloc.get_traced_memory()[1]
    assert failure.cause in ("protocol", "too-large", "cut-off", "connect", "timeout"), failure
    assert peak < MEMORY
