"""The contract on the SQLite engine (one partition, several, and the flaky mode), and what is its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deltawire.log.port import Log
from deltawire.log.sqlite import SqliteLog
from deltawire.log.topics import Topics
from log.contract import Engine, LogContract
from log.contract_model import LogModelContract
from support.flaky_log import FlakyLog


class SqliteEngine:
    def __init__(self, path: Path, *, partitions: int = 1, flaky: bool = False) -> None:
        self.topics = Topics()
        self._path = path
        self._partitions = partitions
        self._flaky = flaky

    async def open(self) -> Log:
        if self._flaky:
            return await FlakyLog.open(
                self._path, self.topics, seed=7, partitions=self._partitions, unknown_rate=0, revoke_rate=0
            )
        return await SqliteLog.open(
            self._path, self.topics, partitions=self._partitions, maintenance_interval=None, serve=False
        )

    async def force_retention(self, log: Log) -> None:
        assert isinstance(log, SqliteLog | FlakyLog)
        await log.maintain(datetime.now(UTC) + timedelta(days=31))

    async def force_compaction(self, log: Log) -> None:
        assert isinstance(log, SqliteLog | FlakyLog)
        await log.maintain(datetime.now(UTC) + timedelta(days=2))


class TestOnePartition(LogContract, LogModelContract):
    @pytest.fixture
    def make_engine(self, tmp_path: Path) -> Callable[[], Engine]:
        number = itertools.count()
        return lambda: SqliteEngine(tmp_path / f"log{next(number)}.db")


class TestSeveralPartitions(LogContract, LogModelContract):
    @pytest.fixture
    def make_engine(self, tmp_path: Path) -> Callable[[], Engine]:
        number = itertools.count()
        return lambda: SqliteEngine(tmp_path / f"log{next(number)}.db", partitions=3)


class TestFlaky(LogContract, LogModelContract):
    @pytest.fixture
    def make_engine(self, tmp_path: Path) -> Callable[[], Engine]:
        number = itertools.count()
        return lambda: SqliteEngine(tmp_path / f"log{next(number)}.db", partitions=3, flaky=True)
