"""What a webhook gets is what schemas/alert says."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema
import orjson
import pytest

from deltawire.alerting import webhook
from deltawire.alerting.payload import make_alert
from deltawire.alerting.rules import subject
from deltawire.events import Change, Event
from deltawire.store.port import Alert
from deltawire.webhook_secret import signing_key
from support.receiver import Receiver
from support.samples import START, entry_event, feed_info

FOLDER = Path(__file__).parents[2] / "schemas" / "alert"
SCHEMA: dict[str, Any] = orjson.loads((FOLDER / "1.0.0.json").read_bytes())
KEY = signing_key("whsec_" + base64.b64encode(bytes(32)).decode())
TOLL = Change(field="content_text", diff=(("=", "At least "), ("-", "four"), ("+", "six"), ("=", " are missing")))


def toll(**fields: Any) -> Event:
    given: dict[str, Any] = {"text": "At least six are missing", "changes": (TOLL,), "revision": 2} | fields
    feed = feed_info(tags=("weather",))
    return entry_event("updated", 17, feed=feed, significance="substantive", url="https://example.org/e1", **given)


def alert(event: Event) -> Alert:
    about = subject(event)
    assert about is not None
    return make_alert("people", about, ("missing",), START)


def same_keys(schema: dict[str, Any], value: dict[str, Any]) -> bool:
    """Whether the schema names what is there, and nothing else, all the way down."""
    parts = schema["properties"]
    return parts.keys() == value.keys() and all(
        same_keys(parts[key], part) for key, part in value.items() if isinstance(part, dict)
    )


@pytest.mark.parametrize(
    "event",
    [
        toll(),
        toll(text="word " * 60_000, changes=(TOLL, Change(field="labels", old=["a"] * 9000, new=[]))),
        toll(changes=(Change(field="title", old=None, new="Toll rises"),)),
        *(entry_event(tail, 1, published_at=None) for tail in ("created", "removed", "restored")),
    ],
    ids=lambda event: event.type,
)
async def test_what_is_sent_is_what_the_schema_says(
    receiver: Receiver, session: aiohttp.ClientSession, event: Event
) -> None:
    await webhook.post(session, receiver.url, KEY, alert(event), datetime.now(UTC))
    (sent,) = receiver.received
    body = orjson.loads(sent.body)
    jsonschema.validate(body, SCHEMA, format_checker=jsonschema.FormatChecker())
    assert same_keys(SCHEMA, body)


def test_the_example_is_what_is_sent() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert orjson.loads((FOLDER / "example.json").read_bytes()) == orjson.loads(orjson.dumps(alert(toll()).payload))
