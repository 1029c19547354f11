"""Logs (structlog) and metrics (prometheus-client): what an operator sees.

One line for each thing that happened, its outcome a field. Entry content never appears in a log line;
URLs appear through ``redact``.
"""

from __future__ import annotations

import logging
import re
import sys
from datetime import datetime
from typing import Any, TextIO
from urllib.parse import urlsplit, urlunsplit

import orjson
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor

from deltawire.events import rfc3339

registry = CollectorRegistry()

polls = Counter("deltawire_polls", "Looks at feeds, by outcome", ["outcome"], registry=registry)
poll_seconds = Histogram("deltawire_poll_duration_seconds", "Duration of a look", registry=registry)
poll_lateness_seconds = Histogram(
    "deltawire_poll_lateness_seconds",
    "From when a look was due to its request",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
    registry=registry,
)
readings = Counter(
    "deltawire_readings", "Documents read, by where: loop, thread or worker (a process)", ["where"], registry=registry
)
readers_killed = Counter(
    "deltawire_readers_killed", "Reader processes that broke a bound or died, by reason", ["reason"], registry=registry
)
segments = Counter(
    "deltawire_segments",
    "Raw segments of documents (items, blocks, updates), by whether their reading was known",
    ["outcome"],
    registry=registry,
)
further_documents = Counter(
    "deltawire_further_documents",
    "Older pages and listed entries asked for, by outcome",
    ["outcome"],
    registry=registry,
)
feeds_gauge = Gauge("deltawire_feeds", "Feeds, by state", ["state"], registry=registry)
events = Counter("deltawire_events", "Change events, by type", ["type"], registry=registry)
decisions = Counter("deltawire_decisions", "Decisions without an event, by reason", ["reason"], registry=registry)
delay_seconds = Histogram(
    "deltawire_event_delay_seconds",
    "From the start of the look that saw a change to its committed event",
    registry=registry,
)
stored = Counter("deltawire_stored_events", "Events applied to the store", registry=registry)
duplicates = Counter(
    "deltawire_duplicate_events", "Events that a consumer had already seen", ["service"], registry=registry
)
skipped = Counter(
    "deltawire_skipped_events", "Events of a type that this version does not know", ["service"], registry=registry
)
alerts = Counter("deltawire_alerts", "Alerts raised, by rule", ["rule"], registry=registry)
deliveries = Counter(
    "deltawire_deliveries",
    "Delivery attempts, by channel and outcome",
    ["channel", "outcome"],
    registry=registry,
)
dead_letters = Counter(
    "deltawire_dead_letters", "Records that could not be processed", ["service", "reason"], registry=registry
)
restarts = Counter(
    "deltawire_worker_restarts",
    "Partition workers started again after an error",
    ["service"],
    registry=registry,
)
websub = Counter(
    "deltawire_websub",
    "WebSub: what was asked of hubs and what came from them, by outcome",
    ["outcome"],
    registry=registry,
)
series_looks = Counter(
    "deltawire_series_looks",
    "Looks at the pages of series, by outcome: ok, unchanged, no-match, defect, or why they failed",
    ["outcome"],
    registry=registry,
)
series_found = Counter(
    "deltawire_series_blogs_found",
    "Blogs that a series has found and follows from then on",
    ["series"],
    registry=registry,
)
series_open = Gauge(
    "deltawire_series_open_blogs", "Blogs of a series that are being written", ["series"], registry=registry
)
subscribers = Gauge("deltawire_stream_subscribers", "Open event streams", registry=registry)
open_transaction = Gauge(
    "deltawire_log_open_transaction_seconds",
    "How long an open transaction has held back the readers of a partition; 0 when none does",
    ["topic", "partition"],
    registry=registry,
)

REPEAT_AFTER = 60.0
"""Seconds after which the same sentence of a library is logged again."""


def redact(url: str) -> str:
    """The URL without credentials, query and fragment: what may be logged."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


_URL = re.compile(r"[a-z]+://[^\s'\"<>]+")


def redact_text(text: str) -> str:
    """A text for people, its URLs without credentials and query; what only looks like a URL is left out."""

    def shown(match: re.Match[str]) -> str:
        try:
            return redact(match[0])
        except ValueError:
            return "(no URL)"

    return _URL.sub(shown, text)


def configure_logging(level: str = "info", stream: TextIO | None = None) -> None:
    """Log to ``stream`` (standard error): one JSON object a line, or coloured text on a terminal.

    What libraries log through the standard library (warnings and worse) comes out in the same form.
    """
    out = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if out.isatty():
        renderers: list[Processor] = [_times_as_rfc3339, structlog.dev.ConsoleRenderer()]
    else:
        renderers = [
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(serializer=_json_line),
        ]
    structlog.configure(
        processors=[*shared, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING, force=True)


class _Libraries(logging.Handler):
    """What libraries log, as lines like ours.

    The Kafka client calls an error what it then repeats by itself, many times a second while Kafka is away; what it
    cannot repeat reaches us as an exception. So its messages are information.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        sentence = (record.name, str(record.msg))
        if record.created - self._said.get(sentence, float("-inf")) < REPEAT_AFTER:
            return
        self._said[sentence] = record.created
        structlog.get_logger().log(
            min(record.levelno, logging.INFO) if record.name.startswith("aiokafka") else record.levelno,
            "library.message",
            library=record.name,
            detail=record.getMessage(),
            exc_info=record.exc_info,
        )


def _times_as_rfc3339(_: object, __: str, fields: EventDict) -> EventDict:
    """For the console, which shows what it does not know as ``repr`` does."""
    return {key: _shown(value) for key, value in fields.items()}


def _shown(value: object) -> object:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, list | tuple):
        return [_shown(part) for part in value]
    if isinstance(value, dict):
        return {key: _shown(part) for key, part in value.items()}
    return value


def _json_line(fields: dict[str, Any], **_: object) -> str:
    """When, how grave and what first: so that a person finds them."""
    first = {key: fields[key] for key in ("timestamp", "level", "event") if key in fields}
    return orjson.dumps(first | fields, default=str, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS).decode()
