"""Log lines: ours, and those of libraries."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import orjson
import pytest
import structlog

from deltawire import telemetry


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    out = io.StringIO()
    telemetry.configure_logging("info", out)
    yield out
    structlog.configure(**before)
    root.handlers[:], root.level = handlers, level


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
