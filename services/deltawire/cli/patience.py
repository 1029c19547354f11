"""Waiting for Kafka and PostgreSQL when a service starts before them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from deltawire.cli.main import Failure

logger = structlog.get_logger()

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
WARN_EVERY = 10.0

T = TypeVar("T")


async def patiently(opening: Callable[[], Awaitable[T]], away: type[Exception], what: str, limit: float) -> T:
    """What ``opening`` returns, tried again for ``limit`` seconds while it raises ``away``.

    ``what`` is the section of the configuration: the log says ``<what>.unreachable`` every WARN_EVERY seconds.

    Raises:
        Failure: it still was away in the end. Whatever else ``opening`` raises, at once.
    """
    clock = asyncio.get_running_loop().time
    began = clock()
    warn_at, pause = began, FIRST_PAUSE
    while True:
        try:
            opened = await opening()
        except away as error:
            waited = clock() - began
            if waited >= limit:
                raise Failure(f"{error} (waited {waited:.0f} s for it; ops.start_timeout is {limit:g})") from error
            if clock() >= warn_at:
                warn_at = clock() + WARN_EVERY
                logger.warning(
                    f"{what}.unreachable",
                    outcome="waiting",
                    error=str(error),
                    waited_s=round(waited, 1),
                    gives_up_after_s=limit,
                    what_to_do=f"start it, or correct {what}.url; nothing is lost meanwhile",
                )
            await asyncio.sleep(min(pause, limit - waited))
            pause = min(2 * pause, LONGEST_PAUSE)
        else:
            if warn_at > began:
                logger.info(f"{what}.reached", outcome="ok", waited_s=round(clock() - began, 1))
            return opened
