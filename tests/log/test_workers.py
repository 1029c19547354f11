"""One worker a partition: started, stopped, started again, dropped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deltawire.log import workers
from deltawire.log.port import Assignment, Fenced, Log, Membership, OutcomeUnknown, Outgoing, snapshot
from deltawire.log.sqlite import SqliteLog
from deltawire.log.topics import Topics
from log.contract import DEADLINE, everything, out
from support.flaky_log import FlakyLog

TOPICS = Topics()


class GivenAssignments:
    """A membership whose assignments the test gives; the rest of the log is not used by the frame."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Assignment] = asyncio.Queue()
        self.left_with: list[str] | None = None
        self.journal: list[str] = []

    @asynccontextmanager
    async def member(self, group: str, topic: str) -> AsyncIterator[Membership]:
        try:
            yield self
        finally:
            self.left_with = list(self.journal)

    async def changed(self) -> Assignment:
        return await self.queue.get()

    def give(self, generation: int, *partitions: int) -> None:
        self.queue.put_nowait(Assignment(generation=generation, partitions=frozenset(partitions)))


class Frame:
    """``run_partitions`` on given assignments, with a worker that writes a journal."""

    def __init__(self, worker: Callable[[int], Awaitable[None]] | None = None) -> None:
        self.membership = GivenAssignments()
        self.journal = self.membership.journal
        self._worker = worker
        self.task = asyncio.create_task(workers.run_partitions(self.membership, "g", "t", self.work))  # type: ignore[arg-type]

    async def work(self, partition: int) -> None:
        self.journal.append(f"start {partition}")
        try:
            await (self._worker(partition) if self._worker else asyncio.Event().wait())
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            self.journal.append(f"stop {partition}")
            raise

    async def until(self, *journal: str) -> None:
        async with asyncio.timeout(DEADLINE):
            while self.journal != list(journal):  # noqa: ASYNC110
                await asyncio.sleep(0)

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "FIRST_PAUSE", 0.0)


async def test_workers_follow_the_assignment_and_those_that_stay_are_left_alone() -> None:
    frame = Frame()
    frame.membership.give(1, 0, 1)
    await frame.until("start 0", "start 1")
    frame.membership.give(2, 1, 2)
    await frame.until("start 0", "start 1", "stop 0", "start 2")
    await frame.stop()


async def test_workers_have_ended_before_the_member_leaves_the_group() -> None:
    frame = Frame()
    frame.membership.give(1, 0)
    await frame.until("start 0")
    await frame.stop()
    assert frame.membership.left_with == ["start 0", "stop 0"]


async def test_a_worker_that_fails_starts_again() -> None:
    async def worker(partition: int) -> None:
        if len(frame.journal) < 3:
            raise OutcomeUnknown("who knows")
        await asyncio.Event().wait()

    frame = Frame(worker)
    frame.membership.give(1, 0)
    await frame.until("start 0", "start 0", "start 0")
    await frame.stop()


async def test_a_fenced_worker_is_dropped_until_the_assignment_changes() -> None:
    async def worker(partition: int) -> None:
        raise Fenced("by another")

    frame = Frame(worker)
    frame.membership.give(1, 0)
    await frame.until("start 0")
    for _ in range(20):
        await asyncio.sleep(0)
    assert frame.journal == ["start 0"]
    frame.membership.give(2, 0)
    await frame.until("start 0", "start 0")
    await frame.stop()


async def test_a_member_whose_worker_was_fenced_by_nobody_joins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def worker(partition: int) -> None:
        if len(frame.journal) == 1:
            raise Fenced("by a request of our own that came late")
        await asyncio.Event().wait()

    monkeypatch.setattr(workers, "REJOIN_AFTER", 0.01)
    frame = Frame(worker)
    frame.membership.give(1, 0)
    await frame.until("start 0")
    async with asyncio.timeout(DEADLINE):
        while frame.membership.left_with is None:  # noqa: ASYNC110
            await asyncio.sleep(0)
    frame.membership.give(1, 0)
    await frame.until("start 0", "start 0")
    await frame.stop()


async def test_a_worker_fenced_by_an_owner_in_between_starts_again() -> None:
    fence = asyncio.Event()

    async def worker(partition: int) -> None:
        if len(frame.journal) > 1:
            await asyncio.Event().wait()
        await fence.wait()
        raise Fenced("by the owner of generation 2")

    frame = Frame(worker)
    frame.membership.give(1, 0)
    await frame.until("start 0")
    frame.membership.give(3, 0)
    async with asyncio.timeout(DEADLINE):
        while not frame.membership.queue.empty():  # noqa: ASYNC110
            await asyncio.sleep(0)
    fence.set()
    await frame.until("start 0", "start 0")
    await frame.stop()


async def test_on_the_sqlite_log_every_partition_has_a_worker(tmp_path: Path) -> None:
    log = await SqliteLog.open(tmp_path / "log.db", TOPICS, partitions=3, serve=False)
    seen: set[int] = set()
    everyone = asyncio.Event()

    async def worker(partition: int) -> None:
        seen.add(partition)
        if seen == {0, 1, 2}:
            everyone.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(workers.run_partitions(log, "g", TOPICS.events, worker))
    async with asyncio.timeout(DEADLINE):
        await everyone.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await log.close()


async def copy(log: Log, partition: int, topics: Topics = TOPICS) -> None:
    """Observations to events, exactly once: how every consumer of the log is to work."""
    writer = await log.writer(f"copy-{partition}")
    position = 0
    async for record in snapshot(log, topics.differ_state, [partition]):
        position = int(record.value or b"0")
    reader = await log.reader(topics.observations, {partition: position})
    while True:
        for record in await reader.poll(timeout=0.01):
            events = [Outgoing(topic=topics.events, key=record.key, value=record.value, partition=partition)]
            state = out(topics.differ_state, "position", b"%d" % (record.offset + 1), partition=partition)
            await writer.commit([*events, state])


@pytest.mark.parametrize("seed", range(6))
async def test_two_members_on_the_flaky_log_copy_each_record_exactly_once(tmp_path: Path, seed: int) -> None:
    log = await FlakyLog.open(tmp_path / "log.db", TOPICS, seed=seed, unknown_rate=0.1, revoke_rate=0.02)
    expected = [b"%d" % n for n in range(120)]
    for n, value in enumerate(expected):
        await log.inner.append([out(TOPICS.observations, f"feed-{n % 5}", value)])
    members = [
        asyncio.create_task(workers.run_partitions(log, "differ", TOPICS.observations, lambda p: copy(log, p)))
        for _ in range(2)
    ]
    async with asyncio.timeout(DEADLINE):
        while len(copied := await everything(log.inner, TOPICS.events)) < len(expected):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    for task in members:
        task.cancel()
    await asyncio.gather(*members, return_exceptions=True)
    assert sorted(r.value or b"" for r in copied) == sorted(expected)
    for feed in range(5):
        mine = [int(r.value or b"") for r in copied if r.key == f"feed-{feed}"]
        assert mine == sorted(mine)
    await log.close()
