"""A TCP proxy that understands Kafka's framing: requests and answers that the test names are held, cut off or doubled.

Nothing is rewritten. Clients that start at ``address`` stay with the proxy, because the broker advertises it at that
listener (``Broker.behind_proxy``). As on a network, what is held holds up all that comes after it on its connection,
and a request that is on its way arrives even where its sender is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Literal

from deltawire.tasks import cancel
from support.broker import Broker

PRODUCE, METADATA, INIT_PRODUCER_ID, ADD_PARTITIONS, END_TXN = 0, 3, 22, 24, 26

_TRANSACTIONAL = {PRODUCE, INIT_PRODUCER_ID, ADD_PARTITIONS, END_TXN}
"""In the versions that aiokafka speaks, their bodies begin with the transactional id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """``epoch`` is that of an AddPartitionsToTxn or an EndTxn, ``commit`` that of an EndTxn; null in others."""

    api: int
    version: int
    correlation: int
    connection: int
    writer: str = ""
    epoch: int | None = None
    commit: bool | None = None


Action = Literal["hold request", "hold answer", "cut answer", "double request"]


class Rule:
    """What happens to the next ``count`` requests that match, or to their answers. ``caught`` are those so far."""

    def __init__(self, matches: Callable[[Request], bool], action: Action, count: int) -> None:
        self.action = action
        self.caught: list[Request] = []
        self._matches = matches
        self._left = count
        self._arrived = asyncio.Event()
        self._released = asyncio.Event()
        self._answered = asyncio.Event()

    def takes(self, request: Request) -> bool:
        if self._left == 0 or not self._matches(request):
            return False
        self._left -= 1
        return True

    def catch(self, request: Request) -> None:
        """At the place where the action applies: the request, or its answer, is here and has not gone on."""
        self.caught.append(request)
        self._arrived.set()

    async def caught_one(self) -> Request:
        """Wait until it has; returns the first."""
        await self._arrived.wait()
        return self.caught[0]

    def release(self) -> None:
        """Let go what is held, and all that would be from now on."""
        self._released.set()

    async def until_released(self) -> None:
        await self._released.wait()

    def answer(self) -> None:
        self._answered.set()

    async def answered(self) -> None:
        """Wait until the broker has answered a request that was caught."""
        await self._answered.wait()


class KafkaProxy:
    """``async with KafkaProxy(broker) as proxy``. ``passed`` are the requests in the order in which they went on."""

    def __init__(self, broker: Broker) -> None:
        assert broker.behind_proxy is not None
        self.address = f"127.0.0.1:{broker.proxy_port}"
        self.passed: list[Request] = []
        self._host, _, self._to = broker.behind_proxy.partition(":")
        self._port = broker.proxy_port
        self._rules: list[Rule] = []
        self._connections: set[asyncio.Task[None]] = set()
        self._count = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> KafkaProxy:
        self._server = await asyncio.start_server(self._serve, self._host, self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await cancel(self._connections)
        await self._server.wait_closed()

    def rule(self, action: Action, matches: Callable[[Request], bool], *, count: int = 1) -> Rule:
        """Newer rules come first."""
        rule = Rule(matches, action, count)
        self._rules.insert(0, rule)
        return rule

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        self._count += 1
        try:
            to = await asyncio.open_connection(self._host, int(self._to))
            await _Connection(self, self._count, (reader, writer), to).run()
        except (OSError, asyncio.CancelledError):
            pass  # one side went away, or the proxy is closed
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    def find(self, request: Request) -> Rule | None:
        return next((rule for rule in self._rules if rule.takes(request)), None)


_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Connection:
    """From one client to the broker, and back. The broker answers in the order in which it was asked."""

    def __init__(self, proxy: KafkaProxy, number: int, client: _Streams, broker: _Streams) -> None:
        self._proxy = proxy
        self._number = number
        self._from_client, self._to_client = client
        self._from_broker, self._to_broker = broker
        self._unanswered: deque[tuple[Rule | None, Request, bool]] = deque()

    async def run(self) -> None:
        up, down = asyncio.create_task(self._requests()), asyncio.create_task(self._answers())
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            if self._unanswered and not down.done():
                await down
        finally:
            self._to_broker.transport.abort()
            await cancel([up, down])

    async def _requests(self) -> None:
        while frame := await _frame(self._from_client):
            request = _parse(frame, self._number)
            rule = self._proxy.find(request)
            if rule is not None and rule.action == "hold request":
                rule.catch(request)
                await rule.until_released()
            self._proxy.passed.append(request)
            self._unanswered.append((rule, request, True))
            self._to_broker.write(frame)
            if rule is not None and rule.action == "double request":
                rule.catch(request)
                self._unanswered.append((rule, request, False))
                self._to_broker.write(frame)

    async def _answers(self) -> None:
        """Ends with the broker's connection, with a cut, or with the last answer to a client that is gone."""
        while frame := await _frame(self._from_broker):
            rule, request, wanted = self._unanswered.popleft()
            if rule is not None:
                if rule.action in ("hold answer", "cut answer"):
                    rule.catch(request)
                rule.answer()
                if rule.action == "cut answer":
                    return
                if rule.action == "hold answer":
                    await rule.until_released()
            if wanted and not self._to_client.is_closing():
                self._to_client.write(frame)
            if self._from_client.at_eof() and not self._unanswered:
                return


async def _frame(reader: asyncio.StreamReader) -> bytes:
    """The next message with its length before it; empty at the end."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        head = await reader.readexactly(4)
        return head + await reader.readexactly(int.from_bytes(head, "big"))
    return b""


def _parse(frame: bytes, connection: int) -> Request:
    """Header version 1: api, version, correlation id, client id; the body follows."""
    api, version, correlation, length = struct.unpack_from(">hhih", frame, 4)
    request = Request(api=api, version=version, correlation=correlation, connection=connection)
    if api not in _TRANSACTIONAL:
        return request
    at = 14 + max(length, 0)
    (length,) = struct.unpack_from(">h", frame, at)
    body = at + 2 + max(length, 0)
    request = replace(request, writer=frame[at + 2 : body].decode())
    if api not in (ADD_PARTITIONS, END_TXN):
        return request
    _, epoch, commit = struct.unpack_from(">qh?", frame, body)
    return replace(request, epoch=epoch, commit=commit if api == END_TXN else None)
