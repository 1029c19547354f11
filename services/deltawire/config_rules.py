"""What a configuration of the right shape can still get wrong."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from deltawire.config import ChannelConfig, Config, FeedConfig, RuleConfig
from deltawire.model import LONGEST_INTERVAL_S
from deltawire.toml_lines import Path

FEED_ID = re.compile(r"[a-z0-9-]+")
_BROKER = r"(?:[\w.-]+|\[[\da-fA-F:]+\]):\d{1,5}"
_KAFKA = re.compile(rf"kafka://({_BROKER}(?:,{_BROKER})*)/?")
Found = Iterator[tuple[Path, str]]


def mistakes(config: Config) -> Found:
    """Each mistake: the key it stands at, and a sentence with the mend."""
    yield from _storage(config)
    yield from _numbers(config)
    yield from _unique("feeds", [f.id for f in config.feeds])
    yield from _unique("rules", [r.id for r in config.rules])
    yield from _unique("channels", [c.id for c in config.channels])
    for index, feed in enumerate(config.feeds):
        yield from _feed(("feeds", index), feed)
    for index, channel in enumerate(config.channels):
        yield from _channel(("channels", index), channel)
    channels = {c.id for c in config.channels} | {"log"}
    for index, rule in enumerate(config.rules):
        yield from _rule(("rules", index), rule, channels)


def warnings(config: Config) -> Found:
    """What is right but will not do what one might expect."""
    for index, series in enumerate(config.series):
        message = f"series {series.id} is not followed by this version; name each of its blogs under [[feeds]]"
        yield ("series", index), message


def url_mistake(url: str) -> str | None:
    """What is wrong with the address of a feed or a channel."""
    parts = urlsplit(re.sub(r"\$\{\w+\}", "x", url))
    if parts.scheme not in ("http", "https"):
        return f"must begin with http:// or https://, not {parts.scheme or url[:20]!r}"
    return None if parts.hostname else "names no host"


def store_url_mistake(url: str) -> str | None:
    """What is wrong with the address of the store; the sentence holds nothing of it that may be a password."""
    if url.startswith("postgresql://"):
        return _postgres_url_mistake(url)
    if not url.startswith("sqlite:"):
        return "must begin with sqlite:/// or postgresql://"
    if url.removeprefix("sqlite:///") in (url, ""):
        return "names no file: write sqlite:///relative/path or sqlite:////absolute/path"
    return None


def _postgres_url_mistake(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        cut_short = "@" in parts.path + parts.query + parts.fragment or parts.port == 0
    except ValueError:
        cut_short = True
    if cut_short:
        return "cannot be read: within user and password write %2F for /, %3F for ?, %23 for #, %40 for @, %3A for :"
    if not parts.hostname and "host=" not in parts.query:
        return "names no host: write postgresql://user:password@host:port/database"
    if not parts.path.strip("/"):
        return "names no database: write postgresql://user:password@host:port/database"
    return None


def feed_id_mistake(feed_id: str) -> str | None:
    if FEED_ID.fullmatch(feed_id) and len(feed_id) <= 100:
        return None
    return f"{feed_id!r} must be 1 to 100 of the characters a to z, 0 to 9 and -"


def kafka_address(url: str) -> str | None:
    """The ``host:port,host:port`` that the URL of a Kafka log names; null for any other."""
    found = _KAFKA.fullmatch(url)
    return found and found[1]


def interval_mistake(low: float, high: float) -> str | None:
    """What is wrong with the bounds of a feed's interval, in seconds."""
    if 0 < low <= high <= LONGEST_INTERVAL_S:
        return None
    return f"the interval must lie between more than 0 and {LONGEST_INTERVAL_S:.0f} seconds, not {low} to {high}"


def _storage(config: Config) -> Found:
    if not config.log.url.startswith("sqlite:///") and kafka_address(config.log.url) is None:
        yield ("log", "url"), "must be sqlite:///path/to/log.db, or kafka://host:9092,host:9092"
    if config.kafka.security_protocol.startswith("SASL"):
        for name in ("sasl_username", "sasl_password"):
            if not getattr(config.kafka, name):
                yield ("kafka", name), f"is needed with security_protocol {config.kafka.security_protocol}"
    if message := store_url_mistake(config.store.url):
        yield ("store", "url"), message
    if config.store.history_days < 0:
        yield ("store", "history_days"), f"must be 0 (no limit) or more, not {config.store.history_days}"
    if config.store.url == config.log.url:
        yield ("store", "url"), "is the log's own file; give the store another"
    if not re.fullmatch(r"[a-zA-Z0-9.-]{1,100}", config.kafka.topic_prefix):
        yield ("kafka", "topic_prefix"), "may hold letters, digits, dots and hyphens only"
    if not urlsplit(config.events.source).scheme:
        yield ("events", "source"), "must be a URI, such as urn:deltawire:my-desk"


def _numbers(config: Config) -> Found:
    positive = {
        ("kafka", "partitions"): config.kafka.partitions,
        ("kafka", "replication_factor"): config.kafka.replication_factor,
        ("kafka", "timeout"): config.kafka.timeout,
        ("fetch", "per_host_connections"): config.fetch.per_host_connections,
        ("fetch", "live_interval"): config.fetch.live_interval,
        ("fetch", "timeout"): config.fetch.timeout,
        ("fetch", "max_bytes"): config.fetch.max_bytes,
        ("differ", "removal_looks"): config.differ.removal_looks,
        ("differ", "max_entries"): config.differ.max_entries,
    }
    for key, value in positive.items():
        if not 0 < value < math.inf:
            yield key, f"must be more than 0 and finite, not {value}"
    if not 0 <= config.fetch.per_host_rate < math.inf:
        yield ("fetch", "per_host_rate"), f"must be 0 (no limit) or more, not {config.fetch.per_host_rate}"
    if not 0 <= config.fetch.max_pages <= 100:
        yield ("fetch", "max_pages"), f"must be 0 (none) to 100, not {config.fetch.max_pages}"
    if config.dead_letters.max_consecutive < 0:
        message = f"must be 0 (stop at the first) or more, not {config.dead_letters.max_consecutive}"
        yield ("dead_letters", "max_consecutive"), message
    if not 0 <= config.dead_letters.max_ratio <= 1:
        yield ("dead_letters", "max_ratio"), f"must be 0 to 1, not {config.dead_letters.max_ratio}"
    for section, port in (("gateway", config.gateway.port), ("ops", config.ops.port)):
        if not 0 <= port <= 65535:
            yield (section, "port"), f"must be 0 to 65535, not {port}"


def _unique(section: str, ids: list[str]) -> Found:
    for index, name in enumerate(ids):
        if name in ids[:index]:
            yield (section, index, "id"), f"{name!r} is used twice; ids are unique"


def _feed(key: Path, feed: FeedConfig) -> Found:
    if message := feed_id_mistake(feed.id):
        yield (*key, "id"), message
    if message := url_mistake(feed.url):
        yield (*key, "url"), message
    if message := interval_mistake(feed.min_interval, feed.max_interval):
        yield (*key, "max_interval"), message


def _channel(key: Path, channel: ChannelConfig) -> Found:
    if channel.type == "log":
        return
    if channel.id == "log":
        yield (*key, "id"), "the channel log always is of type log; give the webhook another id"
    if channel.url is None:
        yield key, f"channel {channel.id} lacks url"
    elif message := url_mistake(channel.url):
        yield (*key, "url"), message
    if channel.secret is None:
        yield key, f"channel {channel.id} lacks secret; make one: echo whsec_$(head -c 32 /dev/urandom | base64)"
    elif not _is_secret(channel.secret):
        yield (*key, "secret"), "must be whsec_ and the base64 of 24 to 64 bytes (Standard Webhooks)"


def _is_secret(secret: str) -> bool:
    try:
        return secret.startswith("whsec_") and 24 <= len(base64.b64decode(secret[6:], validate=True)) <= 64
    except binascii.Error:
        return False


def _rule(key: Path, rule: RuleConfig, channels: set[str]) -> Found:
    for channel in rule.channels:
        if channel not in channels:
            yield (*key, "channels"), f"no channel {channel!r}; known: {', '.join(sorted(channels))}"
    for name in ("any", "all", "none"):
        if any(not word.strip() for word in getattr(rule, name)):
            yield (*key, name), "holds an empty word; remove it"
    if rule.regex is not None:
        try:
            re.compile(rule.regex)
        except re.error as error:
            yield (*key, "regex"), f"is no regular expression: {error}"
