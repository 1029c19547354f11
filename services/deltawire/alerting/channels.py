"""Where alerts go: a line in the log, or a signed webhook."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import aiohttp
import structlog

from deltawire import variables
from deltawire.alerting import webhook
from deltawire.alerting.schedule import Answer
from deltawire.config import ChannelConfig
from deltawire.store.port import Alert
from deltawire.webhook_secret import signing_key

logger = structlog.get_logger()

LOG = "log"
"""The id of the channel that always exists."""


class Channel(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def quiet(self) -> bool:
        """Whether a delivery needs no line of its own, because it is one."""

    async def send(self, alert: Alert, now: datetime) -> Answer: ...


def alert_fields(alert: Alert) -> dict[str, object]:
    """What log lines say of an alert: never its content."""
    return {
        "alert": alert.id,
        "rule": alert.rule_id,
        "feed": alert.feed_id,
        "entry": alert.entry_id,
        "revision": alert.revision,
        "event_id": alert.event_id,
        "poll_id": alert.poll_id,
    }


class LogChannel:
    """One info line for each alert."""

    quiet = True

    def __init__(self, id_: str = LOG) -> None:
        self.id = id_

    async def send(self, alert: Alert, now: datetime) -> Answer:  # noqa: ARG002
        logger.info("alert.raised", outcome="logged", **alert_fields(alert))
        return Answer(ok=True, text="logged")


class WebhookChannel:
    """A signed POST for each alert. ``${NAME}`` in the URL is filled in for the request only."""

    quiet = False

    def __init__(self, id_: str, url: str, key: bytes, session: aiohttp.ClientSession) -> None:
        self.id = id_
        self._url = url
        self._key = key
        self._session = session

    async def send(self, alert: Alert, now: datetime) -> Answer:
        try:
            url, _ = variables.expand(self._url)
        except variables.MissingVariable as error:
            return Answer(ok=False, text=str(error))
        return await webhook.post(self._session, url, self._key, alert, now)


def make_channels(configs: Sequence[ChannelConfig], session: aiohttp.ClientSession) -> dict[str, Channel]:
    """The channels by id, ``log`` among them.

    Raises:
        ValueError: one of them cannot be used; a sentence says which and why.
    """
    channels: dict[str, Channel] = {LOG: LogChannel()}
    for config in configs:
        if config.type == "log":
            channels[config.id] = LogChannel(config.id)
            continue
        if config.id == LOG:
            raise ValueError(f"channel {LOG!r} always is of type log; give the webhook another id")
        if not config.url or not config.secret:
            raise ValueError(f"channel {config.id!r} lacks {'secret' if config.url else 'url'}; a webhook needs both")
        try:
            key = signing_key(config.secret)
        except ValueError as error:
            raise ValueError(f"channel {config.id!r}: secret {error}") from None
        channels[config.id] = WebhookChannel(config.id, config.url, key, session)
    return channels
