"""Log lines: JSON for machines, the same for what libraries log, no secrets."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import orjson
import pytest
import structlog

from deltawire.telemetry import configure_logging, redact, redact_text


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    out = io.StringIO()
    configure_logging("info", out)
    yield out
    structlog.reset_defaults()
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)


def test_a_line_is_one_json_object_that_begins_with_when_how_grave_and_what(lines: io.StringIO) -> None:
    structlog.get_logger().info("entry.created", feed="a\nb", at=datetime(2026, 1, 1, tzinfo=UTC))
    (line,) = lines.getvalue().splitlines()
    assert list(orjson.loads(line)) == ["timestamp", "level", "event", "feed", "at"]
    assert orjson.loads(line)["at"] == "2026-01-01T00:00:00Z"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_times_as_the_json_lines_do(lines: io.StringIO) -> None:
    configure_logging("info", out := Terminal())
    structlog.get_logger().info(
        "feed.state", at=datetime(2026, 1, 1, tzinfo=UTC), looks=[datetime(2026, 1, 2, tzinfo=UTC)]
    )
    assert "2026-01-01T00:00:00Z" in out.getvalue()
    assert "2026-01-02T00:00:00Z" in out.getvalue()
    assert "datetime" not in out.getvalue()
    assert lines.getvalue() == ""


def test_an_exception_stays_on_its_line_and_shows_no_values(lines: io.StringIO) -> None:
    def fail(password: str) -> None:
        raise ValueError("no")

    try:
        fail("hunter2")
    except ValueError as error:
        structlog.get_logger().error("worker.failed", exc_info=error)
    (line,) = lines.getvalue().splitlines()
    assert orjson.loads(line)["exception"][0]["exc_type"] == "ValueError"
    assert "hunter2" not in line


def test_what_libraries_log_has_the_same_form(lines: io.StringIO) -> None:
    logging.getLogger("asyncio").warning("slow %s", "callback")
    logging.getLogger("asyncio").info("not this")
    (line,) = lines.getvalue().splitlines()
    said = orjson.loads(line)
    assert (said["level"], said["event"], said["library"]) == ("warning", "library.message", "asyncio")
    assert said["detail"] == "slow callback"


def test_a_level_below_is_not_logged(lines: io.StringIO) -> None:
    structlog.get_logger().debug("feed.polled")
    assert lines.getvalue() == ""


def test_an_address_is_shown_without_credentials_query_and_fragment() -> None:
    assert redact("https://user:pass@host.test:8443/live?key=1#top") == "https://host.test:8443/live"


def test_what_a_library_says_is_a_json_line_once_a_minute(lines: io.StringIO) -> None:
    for node in range(3):
        logging.getLogger("aiokafka.client").error("no connection to node %s", node)
    logging.getLogger("other").error("no connection to node %s", 1)
    logging.getLogger("other").info("nothing special")
    first, second = map(orjson.loads, lines.getvalue().splitlines())
    assert (first["event"], first["library"]) == ("library.message", "aiokafka.client")
    # The Kafka client tries again by itself: what it calls an error is none of the operator's yet.
    assert (first["level"], first["detail"]) == ("info", "no connection to node 0")
    assert (second["level"], second["library"]) == ("error", "other")


def test_a_text_keeps_its_urls_without_their_secrets() -> None:
    assert redact_text("see https://u:pw@example.org/a?key=1, twice") == "see https://example.org/a twice"
    assert redact_text("http://[::1 is none") == "(no URL) is none"
