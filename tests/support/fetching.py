"""Fetches that are expected to go well, or not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import aiohttp
import msgspec

from deltawire.config import FetchConfig
from deltawire.poller.fetch import NO_VALIDATORS, fetch
from deltawire.poller.outcome import Failure, Fetched, Validators, mend

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BODY = b"<rss>" + b"a small feed, " * 500 + b"</rss>"
LOCAL = FetchConfig(allow_private_networks=True, timeout=60, max_bytes=1_000_000)


async def look(
    session: aiohttp.ClientSession, url: str, validators: Validators = NO_VALIDATORS, **config: Any
) -> Fetched | Failure:
    return await fetch(session, msgspec.structs.replace(LOCAL, **config), url, validators, clock=lambda: NOW)


async def good(session: aiohttp.ClientSession, url: str, validators: Validators = NO_VALIDATORS) -> Fetched:
    outcome = await look(session, url, validators)
    assert isinstance(outcome, Fetched), outcome
    return outcome


async def bad(session: aiohttp.ClientSession, url: str, **config: Any) -> Failure:
    outcome = await look(session, url, **config)
    assert isinstance(outcome, Failure)
    assert mend(outcome.cause)
    assert "\n" not in outcome.detail
    return outcome
