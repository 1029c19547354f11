"""The configuration: its shape and defaults. ``load`` is in ``settings``.

Every value is immutable; durations are seconds. The keys of docs/configuration.md are generated from here.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class LogConfig(msgspec.Struct, frozen=True, kw_only=True):
    url: str = "sqlite:///var/deltawire/log.db"


class StoreConfig(msgspec.Struct, frozen=True, kw_only=True):
    url: str = "sqlite:///var/deltawire/store.db"
    history_days: float = 0


class KafkaConfig(msgspec.Struct, frozen=True, kw_only=True):
    topic_prefix: str = "deltawire"
    partitions: int = 12
    replication_factor: int = 3
    timeout: float = 10
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    sasl_username: str | None = None
    sasl_password: str | None = None
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None


class EventsConfig(msgspec.Struct, frozen=True, kw_only=True):
    source: str = "urn:deltawire:default"


class FetchConfig(msgspec.Struct, frozen=True, kw_only=True):
    allow_private_networks: bool = False
    per_host_connections: int = 4
    per_host_rate: float = 2.0
    live_interval: float = 15
    timeout: float = 30
    max_bytes: int = 16 * 1024 * 1024
    max_pages: int = 5
    max_requests_per_second: float = 0.0
    respect_robots: bool = True
    user_agent: str = "deltawire/0.1 (live blog change events; set fetch.user_agent to name a contact)"


class DifferConfig(msgspec.Struct, frozen=True, kw_only=True):
    removal_looks: int = 2
    max_entries: int = 5000


class DeadLettersConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A service that would skip more than this stops instead. ``max_ratio`` is of the last 500 records."""

    max_consecutive: int = 50
    max_ratio: float = 0.2


class GatewayConfig(msgspec.Struct, frozen=True, kw_only=True):
    host: str = "127.0.0.1"
    port: int = 8080


class OpsConfig(msgspec.Struct, frozen=True, kw_only=True):
    host: str = "127.0.0.1"
    port: int = 0
    start_timeout: float = 60


class WebSubConfig(msgspec.Struct, frozen=True, kw_only=True):
    """``callback`` is the public URL under which hubs reach ``host`` and ``port``; null: no WebSub."""

    callback: str | None = None
    host: str = "127.0.0.1"
    port: int = 8081


FormatName = Literal[
    "auto",
    "rss",
    "atom",
    "jsonfeed",
    "guardian-capi",
    "guardian-page",
    "guardian-poll",
    "superdesk",
    "wordpress-liveblog",
    "quintype",
    "aljazeera",
    "amp",
    "liveblog-html",
    "microdata",
    "jsonld",
    "plain-text",
]


class FeedConfig(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    url: str
    format: FormatName = "auto"
    min_interval: float = 10
    max_interval: float = 900
    tags: tuple[str, ...] = ()


class SeriesConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A blog that starts anew at another address. ``interval`` is between two looks at ``url``, ``keep`` how many of
    its newest blogs are polled at all; the rest is what its feeds are given.
    """

    id: str
    url: str
    match: str
    interval: float = 120
    keep: int = 10
    format: FormatName = "auto"
    min_interval: float = 10
    max_interval: float = 900
    tags: tuple[str, ...] = ()


class RuleConfig(msgspec.Struct, frozen=True, kw_only=True):
    """An alert rule. Every condition that is given must hold; one that is empty holds always.

    ``any``, ``all``, ``none`` are words or phrases, matched on whole words, case folded, in title and text.
    ``feeds`` are ids of feeds or series. ``types`` are the tails of event types: created, updated, removed, restored.
    """

    id: str
    any: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    regex: str | None = None
    feeds: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    types: tuple[Literal["created", "updated", "removed", "restored"], ...] = ("created", "updated")
    significance: tuple[Literal["cosmetic", "minor", "substantive", "unclassified"], ...] = ()
    backfill: bool = False
    channels: tuple[str, ...] = ("log",)


class ChannelConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where alerts go. A channel ``log`` of type ``log`` always exists. ``secret`` is ``whsec_<base64>``."""

    id: str
    type: Literal["webhook", "log"] = "webhook"
    url: str | None = None
    secret: str | None = None


class Config(msgspec.Struct, frozen=True, kw_only=True):
    log: LogConfig = LogConfig()
    store: StoreConfig = StoreConfig()
    kafka: KafkaConfig = KafkaConfig()
    events: EventsConfig = EventsConfig()
    fetch: FetchConfig = FetchConfig()
    differ: DifferConfig = DifferConfig()
    dead_letters: DeadLettersConfig = DeadLettersConfig()
    gateway: GatewayConfig = GatewayConfig()
    ops: OpsConfig = OpsConfig()
    websub: WebSubConfig = WebSubConfig()
    feeds: tuple[FeedConfig, ...] = ()
    series: tuple[SeriesConfig, ...] = ()
    rules: tuple[RuleConfig, ...] = ()
    channels: tuple[ChannelConfig, ...] = ()
