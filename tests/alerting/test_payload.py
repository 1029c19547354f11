from __future__ import annotations

import re
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deltawire.alerting.payload import PAYLOAD_LIMIT, alert_id, cut, make_alert
from deltawire.alerting.rules import Subject, subject
from deltawire.events import Change, Event
from support.samples import POLL, START, entry_event, feed_info


def about(event: Event) -> Subject:
    prepared = subject(event)
    assert prepared is not None
    return prepared


def test_the_payload_says_what_happened_where_and_why() -> None:
    change = Change(field="content_text", diff=(("=", "at least "), ("-", "four"), ("+", "six")))
    event = entry_event(
        "updated",
        7,
        text="at least six",
        title="Toll rises",
        revision=3,
        significance="substantive",
        url="https://example.org/7",
        changes=(change,),
    )
    alert = make_alert("toll", about(event), ("six",), START)
    assert (alert.rule_id, alert.feed_id, alert.entry_id, alert.revision) == ("toll", "harbour", "e1", 3)
    assert (alert.event_id, alert.poll_id, alert.raised_at) == ("harbour/a/7", POLL, START)
    assert orjson.loads(orjson.dumps(alert.payload)) == {
        "type": "deltawire.alert",
        "timestamp": "2025-11-25T09:00:00Z",
        "data": {
            "rule": "toll",
            "matched": ["six"],
            "event_id": "harbour/a/7",
            "type": "deltawire.entry.updated",
            "time": "2025-11-25T09:00:07Z",
            "feed": {
                "id": "harbour",
                "url": "https://example.org/harbour",
                "title": "Harbour fire",
                "tags": [],
                "series": None,
            },
            "entry": {
                "id": "e1",
                "title": "Toll rises",
                "url": "https://example.org/7",
                "published_at": "2025-11-25T09:00:00Z",
                "content_text": "at least six",
            },
            "revision": 3,
            "significance": "substantive",
            "backfill": False,
            "changes": [{"field": "content_text", "diff": [["=", "at least "], ["-", "four"], ["+", "six"]]}],
            "truncated": False,
        },
    }


def test_an_alert_id_belongs_to_rule_and_entry_revision_and_is_fit_for_a_webhook_id() -> None:
    event = entry_event("updated", 7, revision=3)
    same = alert_id("toll", about(event))
    assert same == alert_id("toll", about(entry_event("updated", 7, revision=3)))
    others = [
        alert_id("other", about(event)),
        alert_id("toll", about(entry_event("updated", 8, revision=4))),
        alert_id("toll", about(entry_event("updated", 7, "e2", revision=3))),
        alert_id("toll", about(entry_event("updated", 7, revision=3, epoch="b"))),
        alert_id("toll", about(entry_event("updated", 7, revision=3, feed="storm"))),
    ]
    assert len({same, *others}) == 6
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,80}", alert_id("v1.2 Ärger\r\n" + "x" * 99, about(event)))


def test_long_changes_lose_context_before_they_lose_what_changed() -> None:
    change = Change(field="content_text", diff=(("=", "same " * 3000), ("-", "four"), ("+", "six")))
    payload = make_alert("r", about(entry_event("updated", 1, changes=(change,))), (), START).payload
    data = orjson.loads(orjson.dumps(payload))["data"]
    assert data["changes"][0]["diff"][1:] == [["-", "four"], ["+", "six"]]
    assert len(data["changes"][0]["diff"][0][1]) < 200
    assert data["truncated"] is True


@pytest.mark.parametrize("text", ["x" * 300_000, "😀" * 100_000, '"\\' * 100_000, "\x01" * 50_000])
def test_a_payload_stays_below_20_kb_whatever_the_entry_holds(text: str) -> None:
    changes = tuple(Change(field=f"f{n}", old=text, new=text) for n in range(30))
    nasty: dict[str, Any] = {"text": text, "title": text, "url": "https://example.org/" + text, "changes": changes}
    event = entry_event("updated", 1, feed=feed_info(tags=("a",) * 20), **nasty)
    payload = make_alert("r", about(event), (text,) * 50, START).payload
    assert len(orjson.dumps(payload)) < PAYLOAD_LIMIT
    assert payload["data"]["truncated"] is True
    assert payload["data"]["entry"]["url"] is None


@settings(max_examples=50)
@given(st.text(max_size=200), st.integers(10, 300))
def test_cut_keeps_as_much_of_the_beginning_as_fits(text: str, limit: int) -> None:
    shorter = cut(text, limit)
    assert len(orjson.dumps(shorter)) <= limit
    assert shorter == text or (shorter.endswith("…") and text.startswith(shorter[:-1]))
