"""What time it is, for whoever is not told otherwise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives aware datetimes in UTC."""


def utc_now() -> datetime:
    return datetime.now(UTC)
