"""One task for each assigned partition: the frame that differ, storage and alerting share.

A worker that fails is started again from scratch after a pause; it must therefore take everything it needs
from the log or the store. A fenced worker is dropped until the assignment changes: two owners that start
again and again would fence each other for ever. Where it does not change by itself, what fenced us had no right to
(a request of our own that came late, say): then this member leaves the group and joins it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from deltawire import telemetry
from deltawire.log.fuse import FuseBlown
from deltawire.log.port import Assignment, Fenced, Log, Membership
from deltawire.tasks import cancel

logger = structlog.get_logger()

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 10.0
REJOIN_AFTER = 20.0
"""Seconds without a new assignment after a worker was fenced."""


async def run_partitions(log: Log, group: str, topic: str, worker: Callable[[int], Awaitable[None]]) -> None:
    """Run ``worker(partition)`` for every partition that this member of the group is assigned, until cancelled.

    A partition that is taken away has its worker cancelled and ended before the next assignment is looked at,
    and before the member leaves the group. A worker that returns is started again with the next assignment.

    Raises:
        FuseBlown: by a worker. To start it again would be to skip some more: all are ended.
    """
    blown: list[FuseBlown] = []

    async def fused(partition: int) -> None:
        try:
            await worker(partition)
        except FuseBlown as error:
            blown.append(error)
            running.cancel()
            await asyncio.Event().wait()  # this worker ends with the others

    running = asyncio.ensure_future(_run_partitions(log, group, topic, fused))
    try:
        await running
    except asyncio.CancelledError:
        if blown:
            raise blown[0] from None
        raise


async def _run_partitions(log: Log, group: str, topic: str, worker: Callable[[int], Awaitable[None]]) -> None:
    while True:
        async with log.member(group, topic) as membership:
            await _follow(group, membership, worker)
        logger.warning("worker.fenced", service=group, outcome="joining the group again", after_s=REJOIN_AFTER)


async def _follow(group: str, membership: Membership, worker: Callable[[int], Awaitable[None]]) -> None:
    """Follow the assignments; return when a worker was fenced and none comes."""
    tasks: dict[int, asyncio.Task[None]] = {}
    try:
        latest = _Latest(await membership.changed())
        while True:
            partitions = latest.assignment.partitions
            await cancel([task for p, task in tasks.items() if p not in partitions or task.done()])
            tasks = {p: t for p, t in tasks.items() if p in partitions and not t.done()}
            for partition in sorted(partitions - tasks.keys()):
                tasks[partition] = asyncio.create_task(_keep_running(group, worker, partition, latest))
            if (assignment := await _next(membership, latest.fenced)) is None:
                return
            latest.renew(assignment)
    finally:
        await cancel(tasks.values())


async def _next(membership: Membership, fenced: asyncio.Event) -> Assignment | None:
    """The next assignment; null when a worker was fenced, and then none came in time."""
    changed = asyncio.ensure_future(membership.changed())
    dropped = asyncio.ensure_future(fenced.wait())
    try:
        await asyncio.wait({changed, dropped}, return_when=asyncio.FIRST_COMPLETED)
        if not changed.done():
            await asyncio.wait({changed}, timeout=REJOIN_AFTER)
        return changed.result() if changed.done() else None
    finally:
        await cancel([changed, dropped])


class _Latest:
    """The assignment as it is now, for workers that have been running since an earlier one."""

    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment
        self.fenced = asyncio.Event()
        """A worker of this assignment was fenced, and dropped."""

    def renew(self, assignment: Assignment) -> None:
        self.assignment = assignment
        self.fenced.clear()


async def _keep_running(group: str, worker: Callable[[int], Awaitable[None]], partition: int, latest: _Latest) -> None:
    pause = FIRST_PAUSE
    loop = asyncio.get_running_loop()
    while True:
        started = loop.time()
        generation = latest.assignment.generation
        bound = logger.bind(service=group, partition=partition, generation=generation)
        try:
            await worker(partition)
        except Fenced:
            if generation < latest.assignment.generation:
                # The partition went away and came back between two looks: what fenced us was its owner in between.
                bound.info("worker.fenced", outcome="restart", cause="a newer assignment gave the partition back")
                continue
            bound.warning("worker.fenced", outcome="dropped", what_to_do="none: another process owns this partition")
            latest.fenced.set()
            return
        except Exception as error:
            if loop.time() - started > 2 * LONGEST_PAUSE:
                pause = FIRST_PAUSE
            telemetry.restarts.labels(group).inc()
            # The frames once: a full disk says the same for hours.
            frames = error if pause == FIRST_PAUSE else None
            bound.warning("worker.failed", outcome="restart", error=str(error), pause_s=pause, exc_info=frames)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        else:
            return
