"""A deadline for many tasks that all get as long, with one timer for all: a timer each is a twentieth of a look."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from types import TracebackType


class Deadline:
    """``seconds`` for each context of ``within``, in one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop = loop
        self._seconds = seconds
        # All get as long, so that the first one here ends first.
        self._running: dict[Within, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def within(self) -> Within:
        """A context that ends with TimeoutError after the deadline's seconds, as that of ``asyncio.timeout`` does."""
        return Within(self)

    def begin(self, context: Within) -> None:
        end = self._running[context] = self._loop.time() + self._seconds
        if self._timer is None:
            self._timer = self._loop.call_at(end, self._sweep)

    def end(self, context: Within) -> None:
        self._running.pop(context, None)

    def _sweep(self) -> None:
        """Cancel what has had its time; come back when the next one has."""
        self._timer = None
        now = self._loop.time()
        while self._running:
            context, end = next(iter(self._running.items()))
            if end > now:
                self._timer = self._loop.call_at(end, self._sweep)
                return
            del self._running[context]
            context.expire()


class Within:
    """A context of a deadline, to be entered once, by the task that it ends."""

    __slots__ = ("_cancelling", "_deadline", "_expired", "_task")

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._expired = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancelling = task.cancelling()
        self._deadline.begin(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        self._deadline.end(self)
        # Cancelled from elsewhere as well, it was not the deadline that ended it.
        if self._expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def expire(self) -> None:
        self._expired = True
        self._task.cancel()


@lru_cache(8)
def deadline(loop: asyncio.AbstractEventLoop, seconds: float) -> Deadline:
    """The deadline that all share who want it."""
    return Deadline(loop, seconds)
