"""Services that the tests share: each is started once, when the first test asks for it, and stopped at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.broker import Broker
from support.postgres import postgres
from support.stores import engine

__all__ = ["engine", "kafka", "postgres"]


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A real Kafka broker. Tests that kill or stop it start one of their own instead."""
    broker = Broker(tmp_path_factory.mktemp("kafka"), guarded=True)
    broker.start()
    yield broker
    broker.stop()
