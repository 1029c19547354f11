"""A short run of differ and storage on the flaky log, two of each, with readers beside them."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from chaos.history import History
from chaos.recorder import Recorder
from deltawire.differ import memory, service
from deltawire.differ.state import Policy
from deltawire.log.port import snapshot
from deltawire.log.topics import Topics
from deltawire.press.chance import Publisher
from deltawire.storage import service as storage
from deltawire.store.sqlite import SqliteStore
from support.flaky_log import FlakyLog
from support.looks import Looks
from support.waiting import eventually, running

TOPICS = Topics("test")


async def flaky_run(folder: Path, seed: int, *, feeds: int = 6, steps: int = 25) -> History:
    """Every look was made before; differs, storages and readers are disturbed while they catch up."""
    log = await FlakyLog.open(folder / "log.db", TOPICS, seed=seed, revoke_rate=0.01)
    store = await SqliteStore.open(folder / "store.db")
    recorder = Recorder(log, TOPICS, view=log.inner)
    names = [f"blog-{number}" for number in range(feeds)]
    try:
        for number, name in enumerate(names):
            publisher = Publisher(seed * 100 + number, "guardian" if number % 2 else "atom", noisy=True)
            await log.inner.append(await Looks(TOPICS, name, publisher).records(steps))
            recorder.truth(name, publisher.facts)

        async def caught_up() -> bool:
            await asyncio.sleep(0.1)  # to look is to read everything: not without a pause
            reached: dict[int, int] = {}
            async for record in snapshot(log.inner, TOPICS.differ_state):
                if record.key == memory.POSITION and record.value is not None:
                    reached[record.partition] = msgspec.json.decode(record.value)
            if not await _passed(log, TOPICS.observations, reached):
                return False
            return await _passed(log, TOPICS.events, await store.positions(storage.CONSUMER))

        async with AsyncExitStack() as stack:
            await stack.enter_async_context(recorder.reading("beside"))
            await stack.enter_async_context(recorder.reading("disturbed", log))
            for _ in range(2):
                await stack.enter_async_context(running(service.run(recorder.log, TOPICS, "urn:test", Policy())))
                await stack.enter_async_context(running(storage.run(log, TOPICS, store)))
            await eventually(caught_up, seconds=120)
        return await recorder.finish(store, names)
    finally:
        await store.close()
        await log.inner.close()


async def _passed(log: FlakyLog, topic: str, reached: dict[int, int]) -> bool:
    # The last offset of a partition is a hole: what is read ends before it.
    bounds = await log.inner.bounds(topic)
    return all(reached.get(partition, 0) >= end - 1 for partition, (_, end) in bounds.items() if end)
