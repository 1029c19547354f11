"""Two real caches before one site, each with a copy of its own: older copies are no events, the next version is one."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import IO

import aiohttp
import pytest

from deltawire.press import game
from press.candidates import Deltawire
from support.origin import Answer, Origin
from support.ports import free_port
from support.waiting import eventually

VARNISH = shutil.which("varnishd", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
FEED = "/feed"
PUT_RIGHT = "post-2"

pytestmark = pytest.mark.skipif(VARNISH is None, reason="Varnish is missing; on Debian: apt-get install varnish gcc")

VCL = """
vcl 4.1;
backend site {{ .host = "127.0.0.1"; .port = "{port}"; }}
sub vcl_recv {{ if (req.method == "PURGE") {{ return (purge); }} }}
sub vcl_backend_response {{ set beresp.ttl = 1h; }}
"""


def document(version: int) -> bytes:
    """Each version has one post more than the one before, and other words in an old one."""
    posts = range(version + 3, 0, -1)
    items = [
        {
            "id": f"post-{number}",
            "content_text": f"Version {version} of it." if f"post-{number}" == PUT_RIGHT else f"Post {number}.",
            "date_published": f"2026-03-01T09:{number:02}:00Z",
        }
        for number in posts
    ]
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "Harbour", "items": items}).encode()


def site(version: int, dated: datetime | None) -> Answer:
    headers = {} if dated is None else {"Date": format_datetime(dated + timedelta(minutes=version), usegmt=True)}
    return Answer(body=document(version), content_type="application/feed+json", headers=headers)


class Node:
    """A cache that keeps what it has until it is ``refreshed``."""

    def __init__(self, http: aiohttp.ClientSession, port: int, origin: Origin) -> None:
        self._http = http
        self._url = f"http://127.0.0.1:{port}{FEED}"
        self._origin = origin

    async def refreshed(self, answer: Answer) -> None:
        """From now on it has what the site answers at this moment."""
        async with self._http.request("PURGE", self._url) as response:
            assert response.status == 200
        asked = len(self._origin.asked(FEED))
        self._origin.serve(FEED, answer)
        await self.get()
        assert len(self._origin.asked(FEED)) == asked + 1

    async def get(self) -> tuple[dict[str, str], bytes]:
        async with self._http.get(self._url) as response:
            assert response.status == 200
            assert "Age" in response.headers
            return dict(response.headers), await response.read()

    async def answers(self) -> bool:
        try:
            async with self._http.request("PURGE", self._url):
                return True
        except aiohttp.ClientConnectionError:
            return False


def log_of(folder: Path, origin: Origin) -> IO[bytes]:
    """The log of a cache, whose folder with what it is told is made."""
    folder.mkdir()
    (folder / "site.vcl").write_text(VCL.format(port=origin.port))
    return (folder / "varnish.log").open("wb")


@asynccontextmanager
async def varnish(folder: Path, origin: Origin, http: aiohttp.ClientSession) -> AsyncIterator[Node]:
    port = free_port()
    with log_of(folder, origin) as log:
        options = [
            "-F",
            "-j",
            "none",
            "-n",
            folder / "run",
            "-a",
            f"127.0.0.1:{port}",
            "-f",
            folder / "site.vcl",
            "-s",
            "malloc,8m",
        ]
        process = await asyncio.create_subprocess_exec(str(VARNISH), *map(str, options), cwd=folder, stderr=log)
    try:
        node = Node(http, port, origin)
        await eventually(node.answers)
        yield node
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[list[Node]]:
    async with AsyncExitStack() as stack:
        origin = await stack.enter_async_context(Origin())
        http = await stack.enter_async_context(aiohttp.ClientSession())
        folders = [tmp_path / name for name in ("one", "other")]
        yield [await stack.enter_async_context(varnish(folder, origin, http)) for folder in folders]


class Looks:
    """Looks of a poller and its differ, half a minute apart."""

    def __init__(self, began: datetime) -> None:
        self._deltawire = Deltawire()
        self._began = began
        self._count = 0

    async def at(self, node: Node) -> Sequence[tuple[str, str]]:
        """The events of entries that a look at what the node has leads to."""
        headers, body = await node.get()
        self._count += 1
        at = self._began + timedelta(seconds=30 * self._count)
        answer = game.Answer(
            look=self._count, at=at, status=200, headers=headers, body=body, kind="current", what="varnish"
        )
        before = len(self._deltawire.events)
        self._deltawire.look(answer)
        events = self._deltawire.events[before:]
        ids = {known.entry.id: known.entry.source_id for known in self._deltawire.known.values()}
        return [(event.type.rpartition(".")[2], ids[event.subject] or "") for event in events if event.subject in ids]


@pytest.mark.parametrize("dated", [True, False], ids=["the site dates its copies", "the caches date them"])
async def test_older_copies_from_another_node_change_nothing(nodes: list[Node], dated: bool) -> None:
    one, other = nodes
    began = datetime.now(UTC).replace(microsecond=0)
    looks = Looks(began + timedelta(minutes=10))
    date = began if dated else None
    await other.refreshed(site(3, date))
    await one.refreshed(site(5, date))

    assert [kind for kind, _ in await looks.at(one)] == ["created"] * 8
    for older in (3, 4, 3, 4):
        await other.refreshed(site(older, date))
        for node in (other, one, other, one):
            assert await looks.at(node) == []

    await one.refreshed(site(6, date))
    assert sorted(await looks.at(one)) == [("created", "post-9"), ("updated", PUT_RIGHT)]
    for node in (other, one, other, one):
        assert await looks.at(node) == []
