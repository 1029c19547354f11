"""One document, now: what ``deltawire check URL`` fetches."""

from __future__ import annotations

from deltawire import net
from deltawire.clock import utc_now
from deltawire.config import FetchConfig
from deltawire.formats.base import Raw
from deltawire.poller.fetch import fetch
from deltawire.poller.outcome import Failure, mend


class FetchFailed(Exception):
    """The document could not be fetched: one sentence, and what to do about it."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.detail} [{failure.cause}]. What to do: {mend(failure.cause)}")
        self.failure = failure


async def fetch_once(url: str, config: FetchConfig) -> Raw:
    """Fetch the URL as the poller would, without validators.

    Raises:
        FetchFailed: that did not work.
    """
    async with net.make_session(config) as session:
        outcome = await fetch(session, config, url)
    if isinstance(outcome, Failure):
        raise FetchFailed(outcome)
    return Raw(body=outcome.body, url=outcome.url, content_type=outcome.content_type, fetched_at=utc_now())
