"""A fuse that blew in one worker ends them all, for good."""

from __future__ import annotations

import asyncio

import pytest

from deltawire.log import workers
from deltawire.log.fuse import FuseBlown
from log.contract import DEADLINE
from log.test_workers import Frame


@pytest.mark.parametrize("blown_at_once", [True, False])
async def test_a_blown_fuse_ends_every_worker_and_leaves_the_group(blown_at_once: bool) -> None:
    async def worker(partition: int) -> None:
        if partition == 1:
            if not blown_at_once:
                await asyncio.sleep(0)
            raise FuseBlown("51 records in a row")
        await asyncio.Event().wait()

    frame = Frame(worker)
    frame.membership.give(1, 0, 1, 2)
    with pytest.raises(FuseBlown, match="51 records in a row"):
        await asyncio.wait_for(frame.task, DEADLINE)
    assert frame.membership.left_with is not None
    assert frame.journal.count("start 1") == 1
    assert frame.membership.left_with.count("start 0") == frame.membership.left_with.count("stop 0") == 1


async def test_being_cancelled_is_not_a_blown_fuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "FIRST_PAUSE", 0.0)
    frame = Frame()
    frame.membership.give(1, 0)
    await frame.until("start 0")
    frame.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await frame.task
    assert frame.membership.left_with == ["start 0", "stop 0"]
