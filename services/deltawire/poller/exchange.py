"""One GET over the connections of a session: its request line and headers out, status and headers of the answer in.

``ClientSession.get`` makes a request, a response, a writer, a timer and a context for each, to be able to do what a
look does without: cookies, redirects, traces, bodies that are sent. That was a third of what a 304 cost. What
is hard stays with aiohttp: the session's connector has the addresses and their check, TLS and the pool; its protocol
reads the answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import HttpProcessingError, RawResponseMessage
from multidict import CIMultiDictProxy
from yarl import URL

_WITHIN = aiohttp.ClientTimeout(total=None, sock_connect=10)
"""The total deadline is that of ``fetch``, with all redirects; a second one for each request costs a timer."""
MOST_INTERIM = 10
"""Interim answers (RFC 9110, 15.2) that are passed over: a site that sends nothing else would cost a core until the
deadline.
"""


class Target(NamedTuple):
    """What is asked, in two KiB: ``request`` is for the connector, ``head`` what is sent, without conditions."""

    url: URL
    request: aiohttp.ClientRequest
    head: str


class Answer(NamedTuple):
    """``content`` is the body as it comes, packed. To be followed by ``release``, whether it was read or not."""

    status: int
    headers: CIMultiDictProxy[str]
    content: aiohttp.StreamReader
    connection: Connection

    def release(self) -> None:
        """Keep the connection for the next request, or close it if the answer was not read to its end."""
        self.connection.release()


def target(url: URL, headers: Mapping[str, str]) -> Target:
    """A URL taken apart, for all requests to come; its credentials become a header. To be made in an event loop.

    Raises:
        aiohttp.InvalidURL: it names no host.
        ValueError: a header has a line end in it, or another character that cannot be sent.
    """
    request = aiohttp.ClientRequest("GET", url, headers=headers, loop=asyncio.get_running_loop())
    head = f"GET {url.raw_path_qs} HTTP/1.1\r\n" + _lines(request.headers.items())
    return Target(url, request, head)


async def get(
    session: aiohttp.ClientSession, asked: Target, conditions: Iterable[tuple[str, str]], bufsize: int
) -> Answer:
    """Ask for a target under conditions, which are headers; of its answer about ``bufsize`` bytes wait to be read.

    A request under which a connection breaks is sent once more, for the server may just have closed an idle one
    (RFC 9112, 9.3.1). Nothing here limits how long it takes, except 10 s for a connection.

    Raises:
        aiohttp.ClientError: as ``ClientSession.get``.
        TimeoutError: no connection within 10 s.
        ValueError: a condition has a line end in it, or another character that cannot be sent.
    """
    connector = session.connector
    if connector is None:
        raise RuntimeError("the session is closed")
    head = f"{asked.head}{_lines(conditions)}\r\n".encode()
    again = True
    while True:
        connection = await connector.connect(asked.request, [], _WITHIN)
        try:
            return await _exchange(connection, head, bufsize)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
            connection.close()
            if not again:
                raise
            again = False
        except HttpProcessingError as error:
            connection.close()
            raise aiohttp.ClientError(error.message) from error
        except BaseException:
            connection.close()
            raise


async def _exchange(connection: Connection, head: bytes, bufsize: int) -> Answer:
    protocol, transport = connection.protocol, connection.transport
    if protocol is None or transport is None:  # it was lost as soon as it was made
        raise aiohttp.ServerDisconnectedError
    protocol.set_response_params(read_until_eof=True, auto_decompress=False, read_bufsize=bufsize)
    transport.write(head)
    message, content = await _final(protocol)
    return Answer(message.code, message.headers, content, connection)


async def _final(protocol: ResponseHandler) -> tuple[RawResponseMessage, aiohttp.StreamReader]:
    for _ in range(MOST_INTERIM + 1):
        message, content = await protocol.read()
        # 101 is no interim answer: what follows it is not HTTP (RFC 9110, 15.2).
        if not 100 <= message.code < 200 or message.code == 101:
            return message, content
    raise HttpProcessingError(message="it goes on with interim answers")


def _lines(headers: Iterable[tuple[str, str]]) -> str:
    lines = ""
    for name, value in headers:
        if not value.isprintable():
            raise ValueError(f"the header {name} has a character in it that cannot be sent")
        lines += f"{name}: {value}\r\n"
    return lines
