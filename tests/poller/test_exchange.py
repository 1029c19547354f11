"""Requests that are made without ``ClientSession.get``: on the wire they are those that it would have made."""

from __future__ import annotations

import asyncio
import socket
import struct

import aiohttp
import pytest
from yarl import URL

from deltawire.poller import exchange
from deltawire.poller.codings import ACCEPT_ENCODING
from deltawire.poller.fetch import ACCEPT, CHUNK
from deltawire.poller.outcome import Validators
from support.fetching import BODY, LOCAL, bad, good
from support.origin import Answer, Origin, Request, head


@pytest.mark.parametrize(
    "rest",
    [
        "/feed",
        "",
        "/feed?a=1&b=%20x&c=ü#part",
        "/straße/caf%C3%A9/%2F../a b",
        "/feed?q=a+b&url=https://x.example/%3F",
    ],
)
@pytest.mark.parametrize("before", ["127.0.0.1", "localhost", "user:p%40ss:w@127.0.0.1", "üser@127.0.0.1"])
async def test_a_request_is_the_one_that_aiohttp_would_make(
    session: aiohttp.ClientSession, origin: Origin, before: str, rest: str
) -> None:
    url = URL(f"http://{before}:{origin.port}{rest}")
    conditions = {"If-None-Match": 'W/"1, \\2"', "If-Modified-Since": "never"}
    headers = {"Accept": ACCEPT, "Accept-Encoding": ACCEPT_ENCODING}
    async with session.get(url, headers=headers | conditions):
        pass
    target = exchange.target(url, headers | {"User-Agent": LOCAL.user_agent})
    (await exchange.get(session, target, conditions.items(), CHUNK)).release()
    theirs, ours = origin.requests
    assert (ours.method, ours.path, ours.headers) == (theirs.method, theirs.path, theirs.headers)


async def test_a_connection_serves_one_request_after_the_other(origin: Origin, session: aiohttp.ClientSession) -> None:
    origin.serve("/feed", Answer(body=BODY, etag='"1"'))
    assert (await good(session, origin.url())).body == BODY
    assert (await good(session, origin.url(), Validators(etag='"1"'))).status == 304
    assert (await good(session, origin.url())).body == BODY
    assert origin.connections == 1


async def test_a_connection_with_an_unread_body_is_not_used_again(
    origin: Origin, session: aiohttp.ClientSession
) -> None:
    origin.serve("/feed", Answer(body=b"x" * 10_000_000), Answer(body=BODY))
    assert (await bad(session, origin.url())).cause == "too-large"
    assert (await good(session, origin.url())).body == BODY
    assert origin.connections == 2


async def test_more_than_was_asked_for_is_no_answer_to_the_next_request(
    origin: Origin, session: aiohttp.ClientSession
) -> None:
    async def twice(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write((head(200, {"Content-Length": "5"}) + b"<rss>") * 2)
        await writer.drain()
        await asyncio.Event().wait()

    origin.serve("/feed", twice, Answer(body=BODY))
    assert (await good(session, origin.url())).body == b"<rss>"
    assert (await good(session, origin.url())).body == BODY


async def test_a_request_that_meets_a_closing_connection_is_sent_again_once(
    origin: Origin, session: aiohttp.ClientSession
) -> None:
    async def closed(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.close()

    origin.serve("/feed", closed, Answer(body=BODY))
    assert (await good(session, origin.url())).body == BODY
    assert len(origin.requests) == 2
    origin.serve("/feed", closed)
    assert (await bad(session, origin.url())).cause == "connect"
    assert len(origin.requests) == 4


async def test_interim_answers_are_passed_over(origin: Origin, session: aiohttp.ClientSession) -> None:
    async def early(request: Request, writer: asyncio.StreamWriter) -> None:
        hints = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
        writer.write(hints * 2 + head(200, {"Content-Length": "5"}) + b"<rss>")
        await writer.drain()

    origin.serve("/feed", early)
    assert (await good(session, origin.url())).body == b"<rss>"


@pytest.mark.parametrize("value", ['"1"\r\nX-Injected: yes', '"1"\n', '"\0"'])
async def test_a_validator_cannot_bring_a_header_of_its_own(
    origin: Origin, session: aiohttp.ClientSession, value: str
) -> None:
    with pytest.raises(ValueError, match="If-None-Match"):
        await exchange.get(session, exchange.target(URL(origin.url()), {}), [("If-None-Match", value)], CHUNK)
    assert origin.requests == []


async def test_a_request_that_is_given_up_closes_its_connection(origin: Origin, session: aiohttp.ClientSession) -> None:
    async def never(request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    origin.serve("/feed", never, Answer(body=BODY))
    asking = asyncio.create_task(good(session, origin.url()))
    await origin.wait_for("/feed", 1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (await good(session, origin.url())).body == BODY
    assert origin.connections == 2


async def test_a_connection_that_is_reset_at_once_is_a_failure_to_connect(session: aiohttp.ClientSession) -> None:
    def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    server = await asyncio.start_server(reset, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/feed"
        failures = [await bad(session, url) for _ in range(20)]
    assert {failure.cause for failure in failures} == {"connect"}
