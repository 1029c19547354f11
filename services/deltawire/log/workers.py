"""One task for each assigned partition: the frame that differ, storage and alerting share.

A worker that fails is started again from scratch after a pause; it must therefore take everything it needs
from the log or the store. A fenced worker is dropped until the assignment changes: two owners that start
again and again would fence each other for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from deltawire import telemetry
from deltawire.log.port import Assignment, Fenced, Log

logger = structlog.get_logger()

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 10.0


async def run_partitions(log: Log, group: str, topic: str, worker: Callable[[int], Awaitable[None]]) -> None:
    """Run ``worker(partition)`` for every partition that this member of the group is assigned, until cancelled.

    A partition that is taken away has its worker cancelled and ended before the next assignment is looked at,
    and before the member leaves the group. A worker that returns is started again with the next assignment.
    """
    tasks: dict[int, asyncio.Task[None]] = {}
    async with log.member(group, topic) as membership:
        try:
            latest = _Latest(await membership.changed())
            while True:
                partitions = latest.assignment.partitions
                await _stop([task for p, task in tasks.items() if p not in partitions or task.done()])
                tasks = {p: t for p, t in tasks.items() if p in partitions and not t.done()}
                for partition in sorted(partitions - tasks.keys()):
                    tasks[partition] = asyncio.create_task(_keep_running(group, worker, partition, latest))
                latest.assignment = await membership.changed()
        finally:
            await _stop(list(tasks.values()))


class _Latest:
    """The assignment as it is now, for workers that have been running since an earlier one."""

    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment


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


async def _stop(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
