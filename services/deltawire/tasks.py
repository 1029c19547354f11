"""Tasks that run beside each other: all of them end before whoever started them does."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Iterable
from typing import Any


async def until_one_ends(coroutines: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run them until one of them ends, then end the others. What that one raised is raised."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        await cancel(tasks)


async def cancel(tasks: Collection[asyncio.Future[Any]]) -> None:
    """Cancel the tasks and wait until they have ended; nobody asks any more how."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
