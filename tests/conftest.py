"""Services that the tests share: each is started once, when the first test asks for it, and stopped at the end."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

from support.broker import Broker
from support.postgres import postgres
from support.stores import engine

__all__ = ["engine", "kafka", "postgres"]

# How long an example takes is the machine's affair. A run finds what the one before it found: whoever looks for more
# draws anew (make fuzz).
settings.register_profile("repeatable", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A real Kafka broker. Tests that kill or stop it start one of their own instead."""
    broker = Broker(tmp_path_factory.mktemp("kafka"), doors=True)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A command that runs within a test sets up logging for its process: the next test must not inherit that."""
    root = logging.getLogger()
    before, handlers, level = structlog.get_config(), root.handlers[:], root.level
    yield
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)
