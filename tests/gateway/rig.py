"""A gateway on a real log and a real store, with a desk that publishes as differ and storage would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from yarl import URL

from deltawire.events import Event, decode
from deltawire.gateway.app import make_app
from deltawire.log.port import Outgoing
from deltawire.log.sqlite import SqliteLog
from deltawire.log.topics import Topics
from deltawire.model import Feed
from deltawire.poller_state import FetchState
from deltawire.store.sqlite import SqliteStore
from support.samples import event_out
from support.waiting import eventually

TOPICS = Topics()


class Desk:
    """``url`` is the gateway's address without a slash at its end."""

    def __init__(self, log: SqliteLog, store: SqliteStore) -> None:
        self.log = log
        self.store = store
        self.url = ""
        self.http: aiohttp.ClientSession
        self._runner: web.AppRunner | None = None

    async def serve(self, *, heartbeat: float = 15.0, port: int = 0) -> None:
        app = make_app(self.log, TOPICS, self.store, heartbeat=heartbeat)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def want(self, feed_id: str, state: FetchState | None = None, **fields: Any) -> None:
        """Want the feed, and wait until the gateway shows it so: it follows the feeds and their states apart."""
        feed = Feed(id=feed_id, **({"url": f"https://example.org/{feed_id}", "generation": "g"} | fields))
        records = [Outgoing(topic=TOPICS.feeds, key=feed_id, value=msgspec.json.encode(feed))]
        if state is not None:
            records.append(Outgoing(topic=TOPICS.fetch_state, key=feed_id, value=msgspec.json.encode(state)))
        await self.log.append(records)
        expected = state.state if state is not None and state.generation == feed.generation else "new"

        async def shown() -> bool:
            return (feed_id, expected) in {(one["id"], one["state"]) for one in (await self.get("/api/feeds"))["feeds"]}

        await eventually(shown)

    async def publish(self, *events: Event, stored: bool = True) -> None:
        """Write the events to the log in one commit, and apply them to the store."""
        await self.log.append([event_out(TOPICS, event) for event in events])
        if stored:
            await self.catch_up()

    async def catch_up(self) -> None:
        """Bring the store to the end of the log, as storage does."""
        known = await self.store.positions("storage")
        bounds = await self.log.bounds(TOPICS.events)
        for partition, (oldest, end) in bounds.items():
            start = known.get(partition, oldest)
            reader = await self.log.reader(TOPICS.events, {partition: start})
            found: list[Event] = []
            while reader.positions[partition] < end:
                found += [decode(r.headers, r.value) for r in await reader.poll()]
            await self.store.apply(partition, known.get(partition), end, found)

    async def get(self, path: str | URL, **query: Any) -> Any:
        """The answer's JSON; its status must be 200. A whole URL is taken as it is."""
        url = path if isinstance(path, URL) else f"{self.url}{path}"
        async with self.http.get(url, params=query or None) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def problem(self, path: str, *, status: int, method: str = "GET", **query: Any) -> str:
        """The sentence of a problem; its status and content type are as RFC 9457 wants."""
        async with self.http.request(method, f"{self.url}{path}", params=query) as answer:
            assert answer.status == status
            assert answer.content_type == "application/problem+json"
            body = await answer.json(content_type=None)
            assert body["status"] == status
            assert "\n" not in body["detail"]
            return str(body["detail"])

    @asynccontextmanager
    async def listen(self, last_id: str | None = None, **query: Any) -> AsyncIterator[Listener]:
        headers = {} if last_id is None else {"Last-Event-ID": last_id}
        async with self.http.get(f"{self.url}/api/events", params=query, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            listener = Listener(answer)
            await listener.block()  # the opening, with retry and id
            yield listener


class Listener:
    """An event stream, parsed as the HTML standard says."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer
        self.last_id = ""
        self.retry = ""
        self.comments = 0

    async def block(self) -> dict[str, str] | None:
        """The next block up to its empty line; null at the end of the stream."""
        fields: dict[str, str] = {}
        while line := await self.answer.content.readline():
            name, _, value = line.decode().rstrip("\n").partition(":")
            if line == b"\n":
                self.last_id = fields.get("id", self.last_id)
                self.retry = fields.get("retry", self.retry)
                return fields
            if name == "":
                self.comments += 1
            fields[name] = value.removeprefix(" ")
        return None

    async def event(self, *, seconds: float = 120.0) -> tuple[str, Any]:
        """The type and the data of the next event."""
        async with asyncio.timeout(seconds):
            while (fields := await self.block()) is not None:
                if "data" in fields:
                    return fields["event"], msgspec.json.decode(fields["data"])
        raise EOFError("the stream has ended")

    async def ids(self, count: int) -> list[str]:
        """The CloudEvents ids of the next ``count`` events."""
        return [(await self.event())[1]["id"] for _ in range(count)]


@asynccontextmanager
async def desk(folder: Path, *, partitions: int = 1, gap: int = 0) -> AsyncIterator[Desk]:
    """A desk whose gateway is not started yet; ``gap`` leaves holes in the offsets, as Kafka does."""
    log = await SqliteLog.open(
        folder / "log.db", list(TOPICS), partitions=partitions, gap=gap, maintenance_interval=None
    )
    store = await SqliteStore.open(folder / "store.db")
    made = Desk(log, store)
    async with aiohttp.ClientSession(read_bufsize=2**20) as made.http:
        try:
            yield made
        finally:
            await made.stop()
            await store.close()
            await log.close()
