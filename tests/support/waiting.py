"""Waiting for a condition, with a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any


async def eventually(condition: Callable[[], Awaitable[bool]], *, seconds: float = 120.0) -> None:
    """Return as soon as the condition holds; fail when it does not within ``seconds``."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 the conditions lie in files and other threads
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(service: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """The service in a task, cancelled at the end; an error that ended it is raised there."""
    task = asyncio.create_task(service)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
