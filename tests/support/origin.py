"""A web site on loopback that answers as it is told to, however badly: real sockets, no HTTP library in the way.

    async with Origin() as origin:
        origin.serve("/feed", Answer(body=b"...", etag='"1"'), Answer(status=503, headers={"Retry-After": "7"}))
        ... fetch origin.url("/feed") ...
        assert origin.requests[0].headers["user-agent"] == "..."

A path is served with its steps one after the other; the last one stays.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from deltawire.tasks import cancel


@dataclass(frozen=True)
class Request:
    """A request as it came; header names are lower case. ``at`` is time.monotonic()."""

    method: str
    path: str
    headers: dict[str, str]
    at: float


@dataclass(frozen=True)
class Answer:
    """An answer. With ``etag`` or ``last_modified`` it is 304 to whoever sends them back.

    ``claimed_length`` replaces the true Content-Length; ``chunked`` sends the body in chunks of 1000 bytes.
    """

    body: bytes = b""
    status: int = 200
    content_type: str | None = "application/rss+xml"
    headers: dict[str, str] = field(default_factory=dict)
    etag: str | None = None
    last_modified: str | None = None
    claimed_length: int | None = None
    chunked: bool = False

    def fields(self) -> dict[str, str]:
        own = {"Content-Type": self.content_type, "ETag": self.etag, "Last-Modified": self.last_modified}
        return {name: value for name, value in own.items() if value is not None} | self.headers

    def unchanged_for(self, request: Request) -> bool:
        """RFC 9110, 13.2.2: If-None-Match goes before If-Modified-Since."""
        if self.etag is not None and "if-none-match" in request.headers:
            return request.headers["if-none-match"] == self.etag
        return self.last_modified is not None and request.headers.get("if-modified-since") == self.last_modified


Script = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]
"""Writes raw bytes; the connection is closed when it returns."""

Step = Answer | Script


class Origin:
    """The site. ``requests`` are all requests so far, ``peak`` the most that were under way at once, by path."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.requests: list[Request] = []
        self.peak: Counter[str] = Counter()
        self.connections = 0
        self.port = 0
        self._host = host
        self._under_way: Counter[str] = Counter()
        self._steps: dict[str, list[Step]] = {}
        self._arrived = asyncio.Condition()
        self._server: asyncio.Server | None = None
        self._exchanges: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connection, self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await cancel(self._exchanges)
        await self._server.wait_closed()

    def url(self, path: str = "/feed", host: str | None = None) -> str:
        return f"http://{host or self._host}:{self.port}{path}"

    def serve(self, path: str, *steps: Step) -> None:
        """Answer the path with these steps from now on."""
        self._steps[path] = list(steps)

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]

    async def wait_for(self, path: str, count: int, timeout: float = 120) -> list[Request]:
        """The requests to the path, as soon as there are so many."""
        async with asyncio.timeout(timeout), self._arrived:
            await self._arrived.wait_for(lambda: len(self.asked(path)) >= count)
        return self.asked(path)

    def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.create_task(self._converse(reader, writer))
        self._exchanges.add(task)
        task.add_done_callback(self._exchanges.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._exchange(reader, writer):
                    pass
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; whether the connection stays open."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *fields = head.rstrip("\r\n").split("\r\n")
        method, path, _ = line.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        if "content-length" in headers:
            await reader.readexactly(int(headers["content-length"]))
        request = Request(method, path, headers, time.monotonic())
        async with self._busy(request):
            steps = self._steps.get(path) or [Answer(status=404)]
            step = steps.pop(0) if len(steps) > 1 else steps[0]
            if not isinstance(step, Answer):
                await step(request, writer)
                return False
            return await self._answer(step, request, writer)

    @contextlib.asynccontextmanager
    async def _busy(self, request: Request) -> AsyncIterator[None]:
        self._under_way[request.path] += 1
        self.peak[request.path] = max(self.peak[request.path], self._under_way[request.path])
        self.requests.append(request)
        async with self._arrived:
            self._arrived.notify_all()
        try:
            yield
        finally:
            self._under_way[request.path] -= 1

    async def _answer(self, answer: Answer, request: Request, writer: asyncio.StreamWriter) -> bool:
        if answer.unchanged_for(request):
            writer.write(head(304, answer.fields()))
            await writer.drain()
            return True
        fields = answer.fields()
        if answer.chunked:
            fields["Transfer-Encoding"] = "chunked"
            body = b"".join(chunk(answer.body[at : at + 1000]) for at in range(0, len(answer.body), 1000)) + chunk(b"")
        else:
            length = len(answer.body) if answer.claimed_length is None else answer.claimed_length
            fields["Content-Length"] = str(length)
            body = answer.body
        writer.write(head(answer.status, fields) + body)
        await writer.drain()
        return answer.claimed_length is None


def head(status: int, fields: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


async def silent(request: Request, writer: asyncio.StreamWriter) -> None:
    """Accepts the request and never says a word."""
    await asyncio.Event().wait()


async def headers_drip(request: Request, writer: asyncio.StreamWriter) -> None:
    """A header line every 20 ms, for ever: no timeout between two reads sees it."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(1_000_000):
        writer.write(f"X-{number}: y\r\n".encode())
        await writer.drain()
        await asyncio.sleep(0.02)


async def body_drip(request: Request, writer: asyncio.StreamWriter) -> None:
    """A byte every 20 ms of a body that is promised to be long."""
    writer.write(head(200, {"Content-Length": "1000000"}))
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def endless_chunks(request: Request, writer: asyncio.StreamWriter) -> None:
    """Chunks as fast as they are taken, without end."""
    writer.write(head(200, {"Transfer-Encoding": "chunked"}))
    while True:
        writer.write(chunk(b"x" * 16_384))
        await writer.drain()


async def many_headers(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(head(200, {f"X-{number}": "y" for number in range(3000)} | {"Content-Length": "0"}))
    await writer.drain()


async def long_header(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(head(200, {"X-Long": "y" * 100_000, "Content-Length": "0"}))
    await writer.drain()


async def no_http(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example ESMTP\r\n")
    await writer.drain()


async def hang_up(request: Request, writer: asyncio.StreamWriter) -> None:
    """Closes the connection without an answer."""


def raw(data: bytes) -> Script:
    """Exactly these bytes, then the end of the connection."""

    async def script(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return script


def redirect(location: str, status: int = 302) -> Answer:
    return Answer(status=status, headers={"Location": location}, content_type=None)
