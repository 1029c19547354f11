"""What a configuration of the right shape can still get wrong."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from deltawire import networks, patterns, webhook_secret
from deltawire.config import ChannelConfig, Config, FeedConfig, FetchConfig, RuleConfig, SeriesConfig
from deltawire.model import LONGEST_INTERVAL_S
from deltawire.toml_lines import Path

FEED_ID = re.compile(r"[a-z0-9-]+")
SERIES_ID = 70
"""Characters of the id of a series at most: a feed's id adds a date and, where need be, a digest."""

MOST_TAGS, LONGEST_TAG = 100, 100
"""Tags of a feed, and characters of one: all of them are in each of its events, which have 256 KiB."""

_BROKER = r"(?:[\w.-]+|\[[\da-fA-F:]+\]):\d{1,5}"
_KAFKA = re.compile(rf"kafka://({_BROKER}(?:,{_BROKER})*)/?")
_CONDITIONS = ("any", "all", "none", "regex", "feeds", "tags", "labels", "significance")
Found = Iterator[tuple[Path, str]]


def mistakes(config: Config) -> Found:
    """Each mistake: the key it stands at, and a sentence with the mend."""
    yield from _storage(config)
    yield from _numbers(config)
    yield from _websub(config)
    yield from _unique("feeds", [f.id for f in config.feeds])
    yield from _unique("series", [s.id for s in config.series])
    yield from _unique("rules", [r.id for r in config.rules])
    yield from _unique("channels", [c.id for c in config.channels])
    for index, feed in enumerate(config.feeds):
        yield from _feed(("feeds", index), feed)
    for index, series in enumerate(config.series):
        yield from _series(("series", index), series, {f.id for f in config.feeds})
    for index, channel in enumerate(config.channels):
        yield from _channel(("channels", index), channel)
    channels = {c.id for c in config.channels} | {"log"}
    for index, rule in enumerate(config.rules):
        yield from _rule(("rules", index), rule, channels)


def warnings(config: Config) -> Found:
    """What is allowed, and hardly meant: the key it stands at, and a sentence with the mend."""
    known = [*(f.id for f in config.feeds), *(s.id for s in config.series)]
    for index, rule in enumerate(config.rules):
        if not any(getattr(rule, name) for name in _CONDITIONS) and rule.types == RuleConfig(id="").types:
            message = f"rule {rule.id} has no condition: every entry that is new or edited raises an alert"
            yield ("rules", index), f"{message}; give it any, feeds or another"
        for name in rule.feeds:
            if name not in known and not any(name.startswith(f"{series.id}-") for series in config.series):
                named = f"{name!r} is no feed or series of this configuration; known: {', '.join(known) or 'none'}"
                yield ("rules", index, "feeds"), f"{named}. It is right only for one that deltawire feeds add names so"
    for index, channel in enumerate(config.channels):
        kind = _refused(channel.url or "", config.fetch) if channel.type == "webhook" else None
        if kind is not None:
            message = f"is {networks.described(kind)}, which is refused; {networks.mend(kind)}"
            yield ("channels", index, "url"), message


def _refused(url: str, fetch: FetchConfig) -> networks.Kind | None:
    """What keeps the address from being connected to, as far as it says so by itself."""
    try:
        host = urlsplit(url).hostname or ""
        is_local = host == "localhost" or host.endswith(".localhost")
        return networks.refused("127.0.0.1" if is_local else host, allow_private_networks=fetch.allow_private_networks)
    except ValueError:
        return None


def url_mistake(url: str) -> str | None:
    """What is wrong with the address of a feed or a channel: all that a request would be refused for."""
    # A variable may stand for a port too.
    url = re.sub(r"\$\{\w+\}", "1", url)
    try:
        parts = urlsplit(url)
    except ValueError:
        return "is no URL: the brackets of its host are wrong"
    if parts.scheme not in ("http", "https"):
        return f"must begin with http:// or https://, not {parts.scheme or url[:20]!r}"
    if not parts.hostname:
        return "names no host"
    if any(character <= " " for character in url):
        return "holds a space or a line break; write %20 for a space"
    try:
        port = parts.port
    except ValueError:
        port = 0
    return "names a port that is no number from 1 to 65535" if port == 0 else None


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


def tags_mistake(tags: Sequence[str]) -> str | None:
    """What is wrong with the tags of a feed."""
    if len(tags) <= MOST_TAGS and all(len(tag) <= LONGEST_TAG for tag in tags):
        return None
    return f"a feed has at most {MOST_TAGS} tags of at most {LONGEST_TAG} characters"


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
    for name in ("per_host_rate", "max_requests_per_second"):
        if not 0 <= getattr(config.fetch, name) < math.inf:
            yield ("fetch", name), f"must be 0 (no limit) or more, not {getattr(config.fetch, name)}"
    if not 0 <= config.ops.start_timeout < math.inf:
        yield ("ops", "start_timeout"), f"must be 0 (do not wait) or more, not {config.ops.start_timeout}"
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


def _websub(config: Config) -> Found:
    if config.websub.callback is not None:
        if message := url_mistake(config.websub.callback):
            yield ("websub", "callback"), message
        elif {"?", "#"} & set(config.websub.callback):
            yield ("websub", "callback"), "must end with its path, without ? and #: each feed's own part follows it"
    if not 1 <= config.websub.port <= 65535:
        yield ("websub", "port"), f"must be 1 to 65535, not {config.websub.port}"


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
    if message := tags_mistake(feed.tags):
        yield (*key, "tags"), message


def _series(key: Path, series: SeriesConfig, feeds: set[str]) -> Found:
    if (message := feed_id_mistake(series.id)) or len(series.id) > SERIES_ID:
        yield (*key, "id"), message or f"is longer than {SERIES_ID} characters: the ids of its feeds are made of it"
    elif series.id in feeds:
        yield (*key, "id"), f"{series.id!r} is a feed too; rules could not tell them apart"
    if message := url_mistake(series.url):
        yield (*key, "url"), message
    if message := patterns.mistake(series.match):
        yield (*key, "match"), message
    if message := interval_mistake(series.interval, series.interval):
        yield (*key, "interval"), message
    if message := interval_mistake(series.min_interval, series.max_interval):
        yield (*key, "max_interval"), message
    if message := tags_mistake(series.tags):
        yield (*key, "tags"), message
    if series.keep < 1:
        yield (*key, "keep"), f"must be 1 or more, not {series.keep}"


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
        yield key, f"channel {channel.id} lacks secret; {webhook_secret.MEND}"
        return
    try:
        webhook_secret.signing_key(channel.secret)
    except ValueError as error:
        yield (*key, "secret"), str(error)


def _rule(key: Path, rule: RuleConfig, channels: set[str]) -> Found:
    for channel in rule.channels:
        if channel not in channels:
            yield (*key, "channels"), f"no channel {channel!r}; known: {', '.join(sorted(channels))}"
    for name in ("any", "all", "none"):
        if any(not word.strip() for word in getattr(rule, name)):
            yield (*key, name), "holds an empty word; remove it"
    if rule.regex is not None:
        try:
            patterns.regex(rule.regex)
        except ValueError as error:
            yield (*key, "regex"), str(error)
