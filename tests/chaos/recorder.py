"""Makes the history of a run on any log: commits through a recording log, readers, and what is there at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import msgspec

from chaos.history import Bounds, Fact, History, Position, Reader, Revision, State, Write, read_of, value_of
from chaos.history import Memory as Remembered
from deltawire import entries
from deltawire.differ.memory import POSITION, Memory
from deltawire.events import rfc3339
from deltawire.log.port import Fenced, Log, LogError, Membership, OutcomeUnknown, Outgoing, Writer, snapshot
from deltawire.log.port import Reader as LogReader
from deltawire.log.topics import Topics
from deltawire.press.facts import Fact as Truth
from deltawire.store.port import Store
from support.waiting import eventually


class Recorder:
    """Collects a history. Its ``log`` is for the services of this process: their commits are recorded.

    ``view`` is how the recorder itself looks at the same log, where that is not the one under test.
    """

    def __init__(self, log: Log, topics: Topics, *, view: Log | None = None) -> None:
        self.history = History()
        self.log: Log = _RecordingLog(log, topics, self)
        self._view = view or log
        self._topics = topics
        self._known: set[str] = set()

    def event(self, headers: Mapping[str, str], value: bytes | None) -> tuple[str, str]:
        """Note the value; returns its id and digest."""
        noted = value_of(headers, value)
        if noted.digest not in self._known:
            self._known.add(noted.digest)
            self.history.values.append(noted)
        return str(noted.event.get("id")), noted.digest

    @asynccontextmanager
    async def reading(self, name: str, log: Log | None = None) -> AsyncIterator[None]:
        """A reader of all events while the block runs, from the beginning on; at its end it reads on to the end."""
        log = log or self._view
        start = {p: begin for p, (begin, _) in (await log.bounds(self._topics.events)).items()}
        reader = await log.reader(self._topics.events, start)
        stopping = asyncio.Event()

        async def read() -> None:
            ends: dict[int, int] | None = None
            while ends is None or any(reader.positions[p] < end for p, end in ends.items()):
                if ends is None and stopping.is_set():
                    ends = {p: end for p, (_, end) in (await self._view.bounds(self._topics.events)).items()}
                for record in await reader.poll(timeout=0.05):
                    self.event(record.headers, record.value)
                    self.history.reads.append(read_of(name, record, value_of(record.headers, record.value)))

        task = asyncio.create_task(read())
        try:
            yield
            stopping.set()
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self.history.readers.append(Reader(reader=name, start=start, end=dict(reader.positions)))
            await reader.close()

    def truth(self, feed: str, facts: Sequence[Truth]) -> None:
        self.history.facts += [Fact(feed=feed, fact=fact.as_json()) for fact in facts]

    async def finish(self, store: Store, feeds: Sequence[str]) -> History:
        """Note what the log, the store and the consumers hold, and return it all, once the differ has caught up.

        Nobody looks at feeds any more, and storage has caught up with the events by now.
        """
        await eventually(self._differ_caught_up)
        async with self.reading("at the end"):
            pass
        await self._note_log()
        await self._note_store(store, feeds)
        return self.history

    async def _differ_caught_up(self) -> bool:
        reached: dict[int, int] = {}
        async for record in snapshot(self._view, self._topics.differ_state):
            if record.key == POSITION and record.value is not None:
                reached[record.partition] = msgspec.json.decode(record.value)
        last = {record.partition: record.offset async for record in snapshot(self._view, self._topics.observations)}
        return all(offset < reached.get(partition, 0) for partition, offset in last.items())

    async def _note_log(self) -> None:
        for partition, (begin, end) in (await self._view.bounds(self._topics.events)).items():
            self.history.bounds.append(Bounds(partition=partition, begin=begin, end=end))
        latest: dict[str, bytes | None] = {}
        async for record in snapshot(self._view, self._topics.entries):
            latest[record.key or ""] = record.value
        for held in (entries.decode(value) for value in latest.values() if value is not None):
            self.history.states.append(
                State(
                    where="entries",
                    feed=held.feed.id,
                    entry=msgspec.json.decode(msgspec.json.encode(held.entry)),
                    revision=held.revision,
                    sequence=int(held.sequence),
                    removed_at=rfc3339(held.removed_at) if held.removed_at else None,
                )
            )
        reached: dict[int, int] = {}
        memory = Memory()
        async for record in snapshot(self._view, self._topics.differ_state):
            memory.apply([record])
            if record.key == POSITION and record.value is not None:
                reached[record.partition] = msgspec.json.decode(record.value)
        states = {feed: memory.recall(feed).state for feed in memory.feeds()}
        memory.close()
        self.history.memories += [
            Remembered(feed=feed, epoch=state.epoch, sequence=state.sequence) for feed, state in states.items() if state
        ]
        await self._note_positions("differ", self._topics.observations, reached)

    async def _note_store(self, store: Store, feeds: Sequence[str]) -> None:
        for feed in feeds:
            for row in await store.entries(feed, limit=100_000):
                self.history.states.append(
                    State(
                        where="store",
                        feed=feed,
                        entry=msgspec.json.decode(msgspec.json.encode(row.entry)),
                        revision=row.revision,
                        sequence=row.sequence,
                        removed_at=rfc3339(row.removed_at) if row.removed_at else None,
                    )
                )
                for event in await store.revisions(feed, row.entry.id):
                    self.history.revisions.append(
                        Revision(
                            feed=feed,
                            event_id=event.event_id,
                            entry_id=event.entry_id or "",
                            revision=event.revision or 0,
                            type=event.type,
                        )
                    )
        await self._note_positions("storage", self._topics.events, await store.positions("storage"))

    async def _note_positions(self, consumer: str, topic: str, reached: Mapping[int, int]) -> None:
        last: dict[int, int] = {}
        async for record in snapshot(self._view, topic):
            last[record.partition] = record.offset
        bounds = await self._view.bounds(topic)
        self.history.positions += [
            Position(
                consumer=consumer,
                partition=partition,
                position=reached.get(partition, 0),
                last=offset,
                end=bounds[partition][1],
            )
            for partition, offset in last.items()
        ]


class _RecordingLog:
    """The log, with writers that note what became of each commit of events."""

    def __init__(self, inner: Log, topics: Topics, recorder: Recorder) -> None:
        self._inner = inner
        self._topics = topics
        self._recorder = recorder

    async def writer(self, name: str) -> Writer:
        return _RecordingWriter(await self._inner.writer(name), name, self._topics, self._recorder)

    async def append(self, records: Sequence[Outgoing]) -> None:
        await self._inner.append(records)

    async def reader(self, topic: str, positions: Mapping[int, int]) -> LogReader:
        return await self._inner.reader(topic, positions)

    async def bounds(self, topic: str) -> dict[int, tuple[int, int]]:
        return await self._inner.bounds(topic)

    def member(self, group: str, topic: str) -> AbstractAsyncContextManager[Membership]:
        return self._inner.member(group, topic)

    async def close(self) -> None:
        await self._inner.close()


class _RecordingWriter:
    def __init__(self, inner: Writer, name: str, topics: Topics, recorder: Recorder) -> None:
        self._inner = inner
        self._name = name
        self._topics = topics
        self._recorder = recorder

    async def commit(self, records: Sequence[Outgoing]) -> None:
        events = [self._recorder.event(r.headers, r.value) for r in records if r.topic == self._topics.events]
        write = Write(writer=self._name, outcome="unknown", events=events)
        if events:
            self._recorder.history.writes.append(write)
        try:
            await self._inner.commit(records)
            write.outcome = "ok"
        except OutcomeUnknown:
            raise
        except (Fenced, LogError):
            write.outcome = "failed"
            raise

    async def close(self) -> None:
        await self._inner.close()
