"""Deadlines that many tasks share. Their clock is moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from deltawire.poller.deadline import Deadline


class Clock:
    """What a deadline asks of an event loop: the time, and a timer."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.set = 0

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> object:
        self.set += 1
        self.timers.append((when, callback))
        return object()

    async def move_to(self, now: float) -> None:
        self.now = now
        due = [timer for timer in self.timers if timer[0] <= now]
        self.timers = [timer for timer in self.timers if timer[0] > now]
        for _, callback in due:
            callback()
        await turn()


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shared(clock: Clock) -> Deadline:
    return Deadline(cast(asyncio.AbstractEventLoop, clock), 10)


async def hang(shared: Deadline) -> None:
    with shared.within():
        await asyncio.Event().wait()


async def test_what_takes_longer_ends_and_what_began_later_has_its_own_time(clock: Clock, shared: Deadline) -> None:
    first = asyncio.create_task(hang(shared))
    await turn()
    await clock.move_to(4)
    later = asyncio.create_task(hang(shared))
    await turn()
    await clock.move_to(9)
    assert not first.done()
    await clock.move_to(10)
    assert isinstance(first.exception(), TimeoutError)
    await clock.move_to(13)
    assert not later.done()
    await clock.move_to(14)
    assert isinstance(later.exception(), TimeoutError)
    assert not first.cancelling()


async def test_after_a_rest_there_are_deadlines_again(clock: Clock, shared: Deadline) -> None:
    with shared.within():
        pass
    await clock.move_to(10)
    assert not clock.timers
    again = asyncio.create_task(hang(shared))
    await turn()
    await clock.move_to(20)
    assert isinstance(again.exception(), TimeoutError)


async def test_a_task_cancelled_from_elsewhere_is_cancelled(shared: Deadline) -> None:
    task = asyncio.create_task(hang(shared))
    await turn()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_cancelled_by_the_deadline_and_from_elsewhere_is_cancelled(clock: Clock, shared: Deadline) -> None:
    task = asyncio.create_task(hang(shared))
    await turn()
    clock.now = 10
    clock.timers[0][1]()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_thousand_of_them_have_one_timer(clock: Clock, shared: Deadline) -> None:
    async def short() -> None:
        with shared.within():
            await asyncio.sleep(0)

    await asyncio.gather(*(short() for _ in range(1000)))
    assert clock.set == 1
