"""Answers without end in places where nobody counts the bytes of a body: refused, within bounds of memory."""

from __future__ import annotations

import asyncio
import contextlib
import tracemalloc
from collections.abc import AsyncIterator, Iterator

import aiohttp
import msgspec
import pytest

from deltawire import net
from deltawire.poller.fetch import fetch
from deltawire.poller.outcome import Failure
from support.fetching import BODY, LOCAL, bad, good
from support.origin import Answer, Origin, Request, Script

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


@pytest.mark.parametrize("name", ["interim answers", "chunk extension", "chunk extensions", "trailers", "one trailer"])
async def test_a_flood_is_cut_off_before_its_end_and_before_the_deadline(name: str) -> None:
    """What is no body has no limit of its own, and taking it apart costs a core for as long as it goes on."""
    config = msgspec.structs.replace(LOCAL, max_bytes=100_000, timeout=600)
    async with net.make_session(config) as session, Origin() as origin:
        origin.serve("/feed", FLOODS[name])
        failure = await fetch(session, config, origin.url())
    assert isinstance(failure, Failure)
    assert failure.cause in ("protocol", "too-large"), failure


async def test_what_a_connection_brought_is_counted_for_each_answer_by_itself() -> None:
    config = msgspec.structs.replace(LOCAL, max_bytes=8000, per_host_connections=1)
    async with net.make_session(config) as session, Origin() as origin:
        origin.serve("/feed", Answer(body=BODY))
        for _ in range(20):
            assert (await good(session, origin.url())).body == BODY
        assert origin.connections == 1
