"""Storage on a PostgreSQL that dies, stands still or throws its clients out, and storage that dies itself."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from deltawire.events import Event
from deltawire.log.sqlite import SqliteLog
from deltawire.log.topics import Topics
from deltawire.storage import service
from deltawire.store import postgres_pool
from deltawire.store.port import Store, StoreError
from support.histories import fold, random_history, read_all
from support.postgres import PostgresServer
from support.samples import event_out
from support.stores import DATABASE, PostgresEngine
from support.waiting import eventually, running

topics = Topics()
FEEDS = ("harbour", "storm", "strike")
RESUME_WITHIN = 120.0
SEED = int(os.environ.get("DELTAWIRE_SEED", "20251125"))
CHAOS_S = float(os.environ.get("DELTAWIRE_CHAOS_S", "180"))


@pytest.fixture
async def engine(postgres: PostgresServer) -> PostgresEngine:
    made = PostgresEngine(postgres)
    await made.clear()
    return made


@asynccontextmanager
async def opened_log(path: Path) -> AsyncIterator[SqliteLog]:
    log = await SqliteLog.open(path, topics, serve=False, maintenance_interval=None)
    try:
        yield log
    finally:
        await log.close()


async def append(log: SqliteLog, events: Sequence[Event]) -> None:
    await log.append([event_out(topics, event) for event in events])


async def agreement(engine: PostgresEngine, events: Sequence[Event]) -> int:
    """Assert that the rows are those of the events up to the stored position, which is returned."""
    store = await engine.open()
    try:
        position = (await store.positions("storage")).get(0, 0)
        assert await read_all(store, FEEDS) == fold(events[:position]).entries
        stored = {id_ for (id_,) in await engine.fetch("SELECT event_id FROM revisions")}
        assert stored == {event.id for event in events[:position]}
    finally:
        await store.close()
    return position


async def reaches(store: Store, position: int) -> None:
    async def there() -> bool:
        with suppress(StoreError):
            return (await store.positions("storage")).get(0) == position
        return False

    await eventually(there, seconds=RESUME_WITHIN)


def boundaries(engine: PostgresEngine, log: Path) -> subprocess.Popen[str]:
    doomed = Path(__file__).with_name("doomed.py")
    return subprocess.Popen(
        [sys.executable, str(doomed), engine.url, str(log)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


async def die_at(doomed: subprocess.Popen[str], boundary: int) -> bool:
    """Run storage until it dies there; false where it came to the end of the log before."""
    assert doomed.stdin is not None
    assert doomed.stdout is not None
    doomed.stdin.write(f"{boundary}\n")
    doomed.stdin.flush()
    answer = (await asyncio.wait_for(asyncio.to_thread(doomed.stdout.readline), 60)).strip()
    assert answer in ("killed", "done")
    return answer == "killed"


async def every_boundary(engine: PostgresEngine, folder: Path, seed: int, step: int) -> None:
    """Storage has half of the events; then it is killed at one boundary after the other while it takes the rest."""
    events = random_history(seed, 60, feeds=FEEDS)
    async with opened_log(folder / "log.db") as log:
        await append(log, events)
    doomed = boundaries(engine, folder / "log.db")
    boundary, outcomes = seed % step, set()
    try:
        while True:
            store = await engine.open()
            await store.apply(0, None, 30, events[:30])
            await store.close()
            killed = await die_at(doomed, boundary)
            position = await agreement(engine, events)
            outcomes.add((killed, position))
            if not killed:
                break
            if boundary % 3 == 0:
                assert not await die_at(doomed, 10_000)
                assert await agreement(engine, events) == len(events)
            await engine.clear()
            boundary += step
    finally:
        doomed.terminate()
        doomed.communicate()
    assert outcomes >= {(True, 30), (False, 60)}
    assert step > 1 or (True, 60) in outcomes


async def test_killed_at_boundaries_of_its_statements_rows_and_position_agree(
    engine: PostgresEngine, tmp_path: Path
) -> None:
    await every_boundary(engine, tmp_path, SEED, step=5)


@pytest.mark.chaos
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(SEED, SEED + 3))
async def test_killed_at_every_boundary_of_its_statements_rows_and_position_agree(
    engine: PostgresEngine, tmp_path: Path, seed: int
) -> None:
    print(f"seed {seed}")
    await every_boundary(engine, tmp_path, seed, step=1)


class Harm:
    """What can happen to a server; each returns when the server is well again."""

    def __init__(self, server: PostgresServer, *, freeze_s: float, storms: int) -> None:
        self._server = server
        self._freeze_s = freeze_s
        self._storms = storms

    async def killed(self) -> None:
        await asyncio.to_thread(self._server.kill)
        await asyncio.to_thread(self._server.start)

    async def restarted(self) -> None:
        await asyncio.to_thread(self._server.restart)

    async def frozen(self) -> None:
        with self._server.frozen():
            await asyncio.sleep(self._freeze_s)  # the length of the standstill is the point

    async def stormed(self) -> None:
        for _ in range(self._storms):
            await self._server.terminate_backends(DATABASE)


HARMS = ("killed", "restarted", "frozen", "stormed")


@pytest.mark.parametrize("harm", HARMS)
async def test_storage_goes_on_by_itself_after_the_server_was(
    engine: PostgresEngine, tmp_path: Path, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = random_history(SEED, 4000, feeds=FEEDS)
    harms = Harm(engine.server, freeze_s=1.5, storms=20)
    sent = 100
    await (await engine.open()).close()  # with its schema, which may take longer than an answer below
    if harm == "frozen":
        monkeypatch.setattr(postgres_pool, "ANSWER_S", 1.0)
    async with opened_log(tmp_path / "log.db") as log:
        store = await engine.open()
        monkeypatch.undo()
        with capture_logs() as lines:

            def failures() -> list[str]:
                return [line["error"] for line in lines if line["event"] == "worker.failed"]

            async def harm_until_felt() -> None:
                while not failures():
                    await getattr(harms, harm)()

            async with running(service.run(log, topics, store)):
                await append(log, events[:sent])
                await reaches(store, sent)
                harming = asyncio.create_task(harm_until_felt())
                while not harming.done():  # spread over the harm, as events are
                    await append(log, events[sent : sent + 3])
                    sent = min(sent + 3, len(events))
                    await asyncio.wait({harming}, timeout=0.01)
                await harming
                await reaches(store, sent)
        await store.close()
    assert await agreement(engine, events[:sent]) == sent
    assert all("the store postgresql://127.0.0.1" in error for error in failures())


async def test_a_full_disk_stops_storage_until_there_is_room_again(postgres: PostgresServer, tmp_path: Path) -> None:
    events = random_history(SEED, 3000, feeds=FEEDS, entries=2000)
    with ExitStack() as disks:
        try:
            disk = disks.enter_context(postgres.small_disk(64))
        except PermissionError as error:
            pytest.skip(str(error))
        await postgres.query(f"CREATE TABLESPACE small LOCATION '{disk}'")
        await postgres.query("CREATE DATABASE full_disk TABLESPACE small")
        engine = PostgresEngine(postgres, "full_disk")
        try:
            async with opened_log(tmp_path / "log.db") as log:
                await append(log, events)
                store = await engine.open()
                ballast = disk / "ballast"
                ballast.write_bytes(bytes(shutil.disk_usage(disk).free - 1_000_000))
                with capture_logs() as lines:
                    async with running(service.run(log, topics, store)):

                        async def failed_twice() -> bool:
                            return len([line for line in lines if line["event"] == "worker.failed"]) >= 2

                        await eventually(failed_twice)
                        failure = next(line for line in lines if line["event"] == "worker.failed")
                        assert "No space left on device" in failure["error"]
                        assert await agreement(engine, events) < len(events)
                        ballast.unlink()
                        await reaches(store, len(events))
                await store.close()
            assert await agreement(engine, events) == len(events)
        finally:
            await postgres.query("DROP DATABASE full_disk WITH (FORCE)")
            await postgres.query("DROP TABLESPACE small")


@pytest.mark.chaos
@pytest.mark.timeout(CHAOS_S + 120)
async def test_storage_equals_the_fold_after_minutes_of_random_harm(engine: PostgresEngine, tmp_path: Path) -> None:
    print(f"seed {SEED}")
    dice = random.Random(SEED)
    events = random_history(SEED, 50_000, feeds=FEEDS, entries=200)
    harms = Harm(engine.server, freeze_s=30, storms=50)
    loop = asyncio.get_running_loop()
    end = loop.time() + CHAOS_S
    sent = 0
    async with opened_log(tmp_path / "log.db") as log:
        store = await engine.open()
        async with running(service.run(log, topics, store)):
            while loop.time() < end:
                harming = asyncio.create_task(getattr(harms, dice.choice(HARMS))())
                while not harming.done() and sent < len(events):
                    count = dice.randrange(1, 20)
                    await append(log, events[sent : sent + count])
                    sent = min(sent + count, len(events))
                    await asyncio.sleep(dice.uniform(0, 0.2))
                await harming
                await reaches(store, sent)
        await store.close()
    assert await agreement(engine, events) == sent
    assert sent > 1000
