"""The fetcher against a site that does everything wrong."""

from __future__ import annotations

import asyncio
import gc
import gzip
import hashlib
import time
import tracemalloc
import zlib
from datetime import UTC, datetime, timedelta

import aiohttp
import brotli
import pytest

from deltawire.poller.outcome import Failure, Validators
from support import origin as sites
from support.fetching import BODY, LOCAL, NOW, bad, good, look
from support.origin import Answer, Origin
from support.ports import free_port


async def test_a_document_arrives_whole_with_what_the_caches_said(
    origin: Origin, session: aiohttp.ClientSession
) -> None:
    origin.serve(
        "/feed",
        Answer(
            body=BODY,
            etag='W/"odd, \\tag"',
            last_modified="Sun, 01 Mar 2026 11:00:00 GMT",
            headers={"Age": "30", "Date": "Sun, 01 Mar 2026 11:59:00 GMT", "Cache-Control": "public, Max-Age=90"},
        ),
    )
    fetched = await good(session, origin.url())
    assert (fetched.status, fetched.body, fetched.url) == (200, BODY, origin.url())
    assert fetched.content_type == "application/rss+xml"
    assert fetched.validators == Validators(etag='W/"odd, \\tag"', last_modified="Sun, 01 Mar 2026 11:00:00 GMT")
    assert fetched.cache.age_s == 30
    assert fetched.cache.date == datetime(2026, 3, 1, 11, 59, tzinfo=UTC)
    assert fetched.cache.last_modified == datetime(2026, 3, 1, 11, tzinfo=UTC)
    assert fetched.fresh_for == 60
    assert 0 < fetched.duration_s < 60


async def test_we_say_who_we_are_and_ask_only_for_codings_that_we_decode(
    origin: Origin, session: aiohttp.ClientSession
) -> None:
    origin.serve("/feed", Answer(body=BODY))
    await good(session, origin.url())
    sent = origin.requests[0].headers
    assert sent["user-agent"] == LOCAL.user_agent
    assert sent["accept-encoding"] == "gzip, deflate, br"
    assert "if-none-match" not in sent
    assert "if-modified-since" not in sent
    assert "cookie" not in sent


@pytest.mark.parametrize(
    ("etag", "modified"),
    [
        ('"strong"', None),
        ('W/"weak"', None),
        ("unquoted", None),
        ('"abc-gzip"', None),
        ('"with \\" and , inside"', None),
        (None, "Sat, 01 Jan 2041 00:00:00 GMT"),
        (None, "not a date at all"),
        ('"both"', "Sun, 01 Mar 2026 11:00:00 GMT"),
    ],
)
async def test_validators_go_back_byte_for_byte_and_304_has_no_body(
    origin: Origin, session: aiohttp.ClientSession, etag: str | None, modified: str | None
) -> None:
    origin.serve("/feed", Answer(body=BODY, etag=etag, last_modified=modified))
    first = await good(session, origin.url())
    second = await good(session, origin.url(), first.validators)
    assert (second.status, second.body) == (304, b"")
    assert origin.requests[1].headers.get("if-none-match") == etag
    assert origin.requests[1].headers.get("if-modified-since") == modified


async def test_a_304_to_a_request_without_conditions_is_a_failure(
    origin: Origin, session: aiohttp.ClientSession
) -> None:
    origin.serve("/feed", Answer(status=304, content_type=None))
    assert (await bad(session, origin.url())).cause == "not-modified"


async def test_cookies_are_not_kept(origin: Origin, session: aiohttp.ClientSession) -> None:
    origin.serve("/feed", Answer(body=BODY, headers={"Set-Cookie": "id=1"}))
    await good(session, origin.url())
    await good(session, origin.url())
    assert "cookie" not in origin.requests[1].headers


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(BODY, mtime=0)),
        ("x-gzip", gzip.compress(BODY, mtime=0)),
        ("GZIP", gzip.compress(BODY[:1000], mtime=0) + gzip.compress(BODY[1000:], mtime=0)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", zlib.compress(BODY)[2:-4]),
        ("br", brotli.compress(BODY)),
        ("identity", BODY),
    ],
)
async def test_every_coding_asked_for_is_undone(
    origin: Origin, session: aiohttp.ClientSession, coding: str, packed: bytes, chunked: bool
) -> None:
    origin.serve("/feed", Answer(body=packed, headers={"Content-Encoding": coding}, chunked=chunked))
    assert (await good(session, origin.url())).body == BODY


async def test_a_body_has_the_same_digest_in_whatever_pieces_and_coding_it_comes(
    origin: Origin, session: aiohttp.ClientSession
) -> None:
    body = BODY * 5
    packed = gzip.compress(body, mtime=0)
    origin.serve(
        "/feed",
        Answer(body=body),
        Answer(body=body, chunked=True),
        Answer(body=packed, headers={"Content-Encoding": "gzip"}),
        Answer(body=body + b" "),
    )
    *same, other = [(await good(session, origin.url())).body_hash for _ in range(4)]
    assert set(same) == {hashlib.sha256(body).hexdigest()[:32]}
    assert other not in same


@pytest.mark.parametrize("coding", ["gzip, gzip", "zstd", "compress", "gzip, br", "aes128gcm"])
async def test_a_coding_not_asked_for_is_refused(origin: Origin, session: aiohttp.ClientSession, coding: str) -> None:
    origin.serve("/feed", Answer(body=gzip.compress(BODY, mtime=0), headers={"Content-Encoding": coding}))
    failure = await bad(session, origin.url())
    assert failure.cause == "encoding"
    assert coding in failure.detail


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
async def test_a_body_that_is_not_of_its_coding_is_refused(
    origin: Origin, session: aiohttp.ClientSession, coding: str
) -> None:
    origin.serve("/feed", Answer(body=b"\xff<rss>plain</rss>", headers={"Content-Encoding": coding}))
    assert (await bad(session, origin.url())).cause == "encoding"


@pytest.mark.parametrize(
    ("coding", "packed"),
    [("gzip", gzip.compress(BODY, mtime=0)), ("deflate", zlib.compress(BODY)), ("br", brotli.compress(BODY))],
)
@pytest.mark.parametrize("missing", [1, 4, 9])
async def test_a_compressed_stream_that_breaks_off_is_cut_off_even_if_the_length_is_right(
    origin: Origin, session: aiohttp.ClientSession, coding: str, packed: bytes, missing: int
) -> None:
    origin.serve("/feed", Answer(body=packed[:-missing], headers={"Content-Encoding": coding}))
    assert (await bad(session, origin.url())).cause == "cut-off"


@pytest.mark.parametrize("junk", [b"junk", b"\x1f\x8bjunk", b"\0" * 8, gzip.compress(b"", mtime=0) * 1025])
async def test_junk_behind_a_gzip_stream_is_refused(
    origin: Origin, session: aiohttp.ClientSession, junk: bytes
) -> None:
    origin.serve("/feed", Answer(body=gzip.compress(BODY, mtime=0) + junk, headers={"Content-Encoding": "gzip"}))
    assert (await bad(session, origin.url())).cause in {"encoding", "cut-off"}


BOMB = b"\0" * 100_000_000


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(BOMB, 1, mtime=0)),
        ("deflate", zlib.compress(BOMB, 1)),
        ("br", brotli.compress(BOMB, quality=1)),
    ],
)
async def test_a_decompression_bomb_costs_no_memory_and_does_not_stop_the_loop(
    origin: Origin, session: aiohttp.ClientSession, coding: str, packed: bytes
) -> None:
    origin.serve("/feed", Answer(body=packed, headers={"Content-Encoding": coding}))
    longest = 0.0

    async def heartbeat() -> None:
        nonlocal longest
        while True:
            # Of this thread: what other programs take from it is not ours.
            before = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - before)

    tracemalloc.start()
    gc.disable()  # collecting what the tests before this one left would be counted as ours
    beating = asyncio.create_task(heartbeat())
    try:
        failure = await bad(session, origin.url(), max_bytes=8_000_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        beating.cancel()
        gc.enable()
        tracemalloc.stop()
    assert failure.cause == "too-large"
    assert peak < 24_000_000
    assert longest < 0.25


@pytest.mark.parametrize(
    "site",
    [
        Answer(body=b"x" * 1_000_001),
        Answer(body=b"x" * 1_000_001, chunked=True),
        Answer(body=b"x", claimed_length=10_000_000_000),
        sites.endless_chunks,
    ],
)
async def test_a_body_beyond_the_limit_is_refused(
    origin: Origin, session: aiohttp.ClientSession, site: sites.Step
) -> None:
    origin.serve("/feed", site)
    failure = await bad(session, origin.url())
    assert failure.cause == "too-large"
    assert "1000000 bytes" in failure.detail


async def test_a_body_of_exactly_the_limit_is_taken(origin: Origin, session: aiohttp.ClientSession) -> None:
    origin.serve("/feed", Answer(body=b"x" * 1_000_000))
    assert len((await good(session, origin.url())).body) == 1_000_000


@pytest.mark.parametrize(
    "site",
    [
        Answer(body=BODY, claimed_length=len(BODY) + 1),
        sites.raw(sites.head(200, {"Transfer-Encoding": "chunked"}) + sites.chunk(BODY)),
        sites.raw(sites.head(200, {"Transfer-Encoding": "chunked"}) + sites.chunk(BODY)[:-100]),
    ],
)
async def test_a_body_that_breaks_off_is_cut_off(
    origin: Origin, session: aiohttp.ClientSession, site: sites.Step
) -> None:
    if isinstance(site, Answer):
        site = sites.raw(sites.head(200, {"Content-Length": str(site.claimed_length)}) + site.body)
    origin.serve("/feed", site)
    assert (await bad(session, origin.url())).cause == "cut-off"


async def test_more_than_the_promised_length_does_not_leak_into_the_next_answer(
    origin: Origin, session: aiohttp.ClientSession
) -> None:
    origin.serve("/feed", Answer(body=BODY, claimed_length=100))
    origin.serve("/next", Answer(body=b"next"))
    first = await look(session, origin.url())
    assert isinstance(first, Failure) or first.body == BODY[:100]
    assert (await good(session, origin.url("/next"))).body == b"next"


@pytest.mark.parametrize("site", [sites.silent, sites.headers_drip, sites.body_drip])
async def test_the_deadline_is_total(origin: Origin, session: aiohttp.ClientSession, site: sites.Step) -> None:
    origin.serve("/feed", site)
    began = time.monotonic()
    failure = await bad(session, origin.url(), timeout=0.3)
    assert failure.cause == "timeout"
    # Each of these sites would go on for ever.
    assert time.monotonic() - began >= 0.3
    assert failure.duration_s >= 0.3


@pytest.mark.parametrize("site", [sites.many_headers, sites.long_header, sites.no_http])
async def test_what_is_not_http_is_refused(origin: Origin, session: aiohttp.ClientSession, site: sites.Step) -> None:
    origin.serve("/feed", site)
    assert (await bad(session, origin.url())).cause == "protocol"


async def test_a_chunk_that_is_none_is_refused(origin: Origin, session: aiohttp.ClientSession) -> None:
    origin.serve("/feed", sites.raw(sites.head(200, {"Transfer-Encoding": "chunked"}) + sites.chunk(BODY) + b"zz\r\n"))
    assert (await bad(session, origin.url())).cause in {"protocol", "cut-off"}


async def test_a_connection_closed_without_an_answer_is_named_so(
    origin: Origin, session: aiohttp.ClientSession
) -> None:
    origin.serve("/feed", sites.hang_up)
    failure = await bad(session, origin.url())
    assert (failure.cause, failure.detail) == ("connect", "127.0.0.1 closed the connection without an answer")


async def test_nobody_listening_is_named_so(session: aiohttp.ClientSession) -> None:
    failure = await bad(session, f"http://127.0.0.1:{free_port()}/")
    assert failure.cause == "connect"
    assert "127.0.0.1" in failure.detail


async def test_a_name_that_does_not_exist_is_named_so(session: aiohttp.ClientSession) -> None:
    failure = await bad(session, "http://no-such-host.invalid/feed")
    assert (failure.cause, failure.detail) == ("dns", "the name no-such-host.invalid cannot be resolved")


async def test_a_site_that_speaks_no_tls_is_named_so(session: aiohttp.ClientSession) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with server:
        failure = await bad(session, f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/feed")
    assert (failure.cause, failure.detail) == ("tls", "127.0.0.1 does not speak TLS as it should")


@pytest.mark.parametrize("status", [201, 204, 206, 400, 401, 403, 404, 418, 451, 500, 502, 599])
async def test_any_other_status_is_a_failure_with_its_number(
    origin: Origin, session: aiohttp.ClientSession, status: int
) -> None:
    origin.serve("/feed", Answer(status=status, body=b"" if status == 204 else BODY))
    failure = await bad(session, origin.url())
    assert (failure.cause, failure.status, failure.retry_after) == (f"http-{status}", status, None)
    assert f"127.0.0.1 answered {status}" in failure.detail


async def test_410_is_gone(origin: Origin, session: aiohttp.ClientSession) -> None:
    origin.serve("/feed", Answer(status=410))
    failure = await bad(session, origin.url())
    assert (failure.cause, failure.status) == ("gone", 410)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("120", timedelta(seconds=120)),
        ("Sun, 01 Mar 2026 12:05:00 GMT", timedelta(minutes=5)),
        ("soon", None),
    ],
)
async def test_retry_after_of_a_refusal_is_read(
    origin: Origin, session: aiohttp.ClientSession, status: int, value: str, wait: timedelta | None
) -> None:
    origin.serve(
        "/feed", sites.raw(f"HTTP/1.1 {status} No\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n".encode())
    )
    failure = await bad(session, origin.url())
    assert failure.retry_after == (None if wait is None else NOW + wait)
