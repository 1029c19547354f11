"""An origin of many RSS feeds for the benches: a process of its own, as thin over the sockets as asyncio allows.

    GET /feed/7     the seventh feed: by default of 50 entries, 127 KB
    GET /bomb/7     the seventh hostile document of tests/hostile
    GET /restless/7 the same, with other white space at its end each time, so that it is another document
    GET /drip/7     an answer that never ends, a byte a second
    GET /=MODE      how feeds answer from now on, one of MODES
    GET /=versions  the version that each feed last showed in full, as a JSON array
    GET /=asked     when each feed was asked, in seconds of the monotonic clock

A version has one entry more than the one before, and the sixth from the top (if the feed shows so many) edited. What
a version shows follows from its number, so that whoever watches can tell what has to come of it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import ssl
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

MODES = ("304", "same", "changed", "by the clock")
"""Not modified since the last time; the same in full without validators; another version at each request; another
version at the first request after some time, each feed at its own, and 304 between."""

SHOWN = 50
PARAGRAPHS = 8
WORDS = ("the", "harbour", "was", "closed", "after", "smoke", "had", "been", "seen", "over", "an", "old", "quay")
BODIES = 97
EDITED_AT = 6
BEGAN = datetime(2026, 2, 1, tzinfo=UTC)


class Site(NamedTuple):
    """The feeds: how many entries each shows, how many paragraphs an entry has, and seconds between versions."""

    shown: int = SHOWN
    paragraphs: int = PARAGRAPHS
    every: float = 0.0

    def newest(self, version: int) -> int:
        """The number of the newest entry, counted from 1. The first version is 0."""
        return self.shown + version

    def edited(self, version: int) -> int | None:
        """The number of the entry that a version edits."""
        return self.newest(version) - EDITED_AT + 1 if version and self.shown >= EDITED_AT else None

    def is_edited(self, number: int, version: int) -> bool:
        return self.shown - EDITED_AT + 1 < number <= self.newest(version) - EDITED_AT + 1

    def document(self, feed: int, version: int) -> bytes:
        newest = self.newest(version)
        items = b"".join(
            b"<item><guid isPermaLink='false'>%d-%d</guid><link>https://bench.example/%d/%d</link>%b"
            % (feed, number, feed, number, self._rest(number, self.is_edited(number, version)))
            for number in range(newest, newest - self.shown, -1)
        )
        return (
            b'<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0"><channel><title>Feed %d</title>'
            b"<link>https://bench.example/%d</link><description>d</description>%b</channel></rss>"
        ) % (feed, feed, items)

    def _rest(self, number: int, edited: bool) -> bytes:
        html = _body(number % BODIES, self.paragraphs) + ("<p>This was put right later.</p>" if edited else "")
        return _rest(number, html)


@lru_cache(100_000)
def _rest(number: int, html: str) -> bytes:
    at = format_datetime(BEGAN + timedelta(minutes=number), usegmt=True)
    return (
        f"<title>Post {number} &amp; more</title><pubDate>{at}</pubDate><category>storm</category>"
        f"<description><![CDATA[{html}]]></description></item>\n"
    ).encode()


@lru_cache
def _body(seed: int, paragraphs: int) -> str:
    """What an editor's tool makes: paragraphs of two sentences with a link or a bold name in each, and a picture."""
    chance = random.Random(seed)

    def said(words: int) -> str:
        return " ".join(chance.choices(WORDS, k=words))

    pieces = []
    for place in range(paragraphs):
        aside = f"<b>{said(3)}</b>" if place % 2 else f'<a href="/news/{seed}/{place}?utm_source=live">{said(4)}</a>'
        pieces.append(f"<p>{said(22)} {aside} {said(22)}.</p>")
    picture = f'<figure><img src="/photos/{seed}.jpg" alt="{said(4)}"><figcaption>{said(8)}</figcaption></figure>'
    return "".join(pieces) + picture


SITE = Site()


class Feeds:
    """What each feed shows. ``asked`` are the times of all requests of a feed, of ``time.monotonic``."""

    def __init__(self, site: Site, count: int) -> None:
        self.mode = MODES[0]
        self.site = site
        self.versions = [-1] * count
        self.asked: list[list[float]] = [[] for _ in range(count)]
        self._next = [0.0] * count

    def answer(self, feed: int, request: bytes) -> bytes:
        now = time.monotonic()
        self.asked[feed].append(now)
        version = self.versions[feed]
        conditional = b"If-None-Match" in request
        due = version < 0 or self.mode == "changed" or (self.mode == "by the clock" and now >= self._next[feed])
        if due:
            version = self.versions[feed] = version + 1
            # Each at its own time, or all feeds would change in the same second.
            self._next[feed] = now + self.site.every * random.uniform(0.5 if version else 0, 1.5 if version else 1)
        elif conditional and self.mode != "same":
            return b'HTTP/1.1 304 Not Modified\r\nETag: "%d"\r\n\r\n' % version
        body = self.site.document(feed, version)
        etag = b"" if self.mode == "same" else b'ETag: "%d"\r\n' % version
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\n%bContent-Length: %d\r\n\r\n"
        return head % (etag, len(body)) + body


@lru_cache
def bomb(number: int) -> tuple[str, bytes]:
    """Its content type and its body."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    from hostile.bombs import BOMBS

    chosen = list(BOMBS.values())[number * 7 % len(BOMBS)]
    return chosen.content_type or "application/rss+xml", chosen.make()


def exploding(number: int, spaces: int = 0) -> bytes:
    type_, body = bomb(number)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {type_}\r\nContent-Length: {len(body) + spaces}\r\n\r\n"
    return head.encode() + body + b" " * spaces


class Connection(asyncio.Protocol):
    def __init__(self, feeds: Feeds) -> None:
        self._feeds = feeds
        self._got = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._got += data
        while b"\r\n\r\n" in self._got:
            request, _, self._got = self._got.partition(b"\r\n\r\n")
            path = request.split(b" ", 2)[1].decode()
            if path.startswith("/drip/"):
                self._drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n<rss>")
                return
            assert self._transport is not None
            self._transport.write(self._answer(path, request))

    def _drip(self, piece: bytes = b" ") -> None:
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.write(piece)
            asyncio.get_running_loop().call_later(1, self._drip)

    def _answer(self, path: str, request: bytes) -> bytes:
        if path.startswith("/feed/"):
            return self._feeds.answer(int(path[6:]), request)
        if path.startswith("/bomb/"):
            return exploding(int(path[6:]))
        if path.startswith("/restless/"):
            return exploding(int(path[10:]), random.randrange(1000))
        if path == "/robots.txt":
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        said = path[2:].replace("%20", " ")
        if said in MODES:
            self._feeds.mode = said
        told = {"versions": self._feeds.versions, "asked": self._feeds.asked}.get(said, [])
        body = json.dumps(told).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


class Origin:
    """The process of the origin, as its starter sees it. Use it as a context manager."""

    def __init__(
        self,
        feeds: int,
        site: Site = SITE,
        *,
        hosts: int = 1,
        tls: tuple[Path, Path] | None = None,
        core: int | None = None,
    ) -> None:
        self._scheme = "http" if tls is None else "https"
        self._hosts = hosts
        options = ["--feeds", feeds, "--hosts", hosts, "--site", json.dumps(site)]
        options += [] if tls is None else ["--tls", *tls]
        self._process = subprocess.Popen(
            [sys.executable, __file__, *map(str, options)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        if core is not None:
            os.sched_setaffinity(self._process.pid, {core})
        assert self._process.stdout is not None
        self._port, self._control = json.loads(self._process.stdout.readline())

    def __enter__(self) -> Origin:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def url(self, feed: int, kind: str = "feed") -> str:
        return f"{self._scheme}://{address(feed % self._hosts)}:{self._port}/{kind}/{feed}"

    def stand_aside(self) -> None:
        """Give way to what is measured, as sites do that are on machines of their own."""
        os.setpriority(os.PRIO_PROCESS, self._process.pid, 10)

    def cpu(self) -> float:
        """Seconds of CPU time so far."""
        return cpu_of(self._process.pid)

    def ask(self, said: str) -> Any:
        """Set a mode, or get what is told of the feeds."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._control}/={said.replace(' ', '%20')}") as response:
            return json.load(response)


def cpu_of(pid: int) -> float:
    """Seconds of CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def address(host: int) -> str:
    return f"127.0.{host // 250}.{1 + host % 250}"


async def serve(options: argparse.Namespace) -> None:
    feeds = Feeds(Site(*json.loads(options.site)), options.feeds)
    loop = asyncio.get_running_loop()
    context = None
    if options.tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*options.tls)
    port = 0
    for host in range(options.hosts):
        server = await loop.create_server(lambda: Connection(feeds), address(host), port, ssl=context, backlog=1000)
        port = server.sockets[0].getsockname()[1]
    control = await loop.create_server(lambda: Connection(feeds), "127.0.0.1", 0)
    print(json.dumps([port, control.sockets[0].getsockname()[1]]), flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeds", type=int, required=True)
    parser.add_argument("--hosts", type=int, default=1)
    parser.add_argument("--site", default="[]")
    parser.add_argument("--tls", nargs=2)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
