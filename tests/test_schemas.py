"""The published schemas are what the code writes, and the examples are what they describe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import orjson
import pytest

from deltawire.events import EntryData, Event, FeedData, decode
from differ.build import Desk, entry

SCHEMAS = Path(__file__).parent.parent / "schemas"
KINDS: dict[str, type[EntryData] | type[FeedData]] = {"entry": EntryData, "feed": FeedData}


def published(kind: str) -> dict[str, Any]:
    schema: dict[str, Any] = orjson.loads((SCHEMAS / kind / "1.0.0.json").read_bytes())
    return schema


def kind_of(event: Event) -> str:
    return event.type.split(".")[1]


@pytest.mark.parametrize("kind", KINDS)
def test_the_code_writes_what_the_schema_says(kind: str) -> None:
    """Red after a change of the data: add the new version beside the old ones, which never change."""
    (ref,), definitions = msgspec.json.schema_components([KINDS[kind]], ref_template="#/$defs/{name}")
    schema = published(kind)
    assert orjson.loads(orjson.dumps({"$defs": definitions, **ref})) == {
        k: v for k, v in schema.items() if k in ("$defs", "$ref")
    }
    assert schema["$id"] == f"urn:deltawire:schema:{kind}:1.0.0"
    jsonschema.Draft202012Validator.check_schema(schema)


def every_event() -> list[Event]:
    desk = Desk()
    desk.show(entry("b", minute=2), entry("a", "At least four people were hurt.", minute=1), live=True)
    desk.show(entry("b", minute=2), entry("a", "At least six people were hurt.", minute=1, title="Two more"), live=True)
    desk.show(entry("b", minute=2), live=True)
    desk.again()
    desk.show(entry("b", minute=2), entry("a", minute=1), live=True, title="Another title")
    for attempt in (1, 2, 3):
        desk.fail(attempt)
    desk.show(entry("b", minute=2), entry("a", minute=1), live=False, title="Another title")
    return desk.events


def test_every_type_of_event_validates_and_names_its_schema() -> None:
    events = every_event()
    assert {e.type for e in events} == {
        *(f"deltawire.entry.{kind}" for kind in ("created", "updated", "removed", "restored")),
        *(f"deltawire.feed.{kind}" for kind in ("started", "updated", "ended", "failing", "recovered")),
    }
    for event in events:
        schema = published(kind_of(event))
        assert event.dataschema == schema["$id"]
        jsonschema.validate(orjson.loads(event.value()), schema, format_checker=jsonschema.FormatChecker())


@pytest.mark.parametrize("path", sorted((SCHEMAS / "examples").glob("*.json")), ids=lambda path: path.stem)
def test_the_examples_are_events(path: Path) -> None:
    example = orjson.loads(path.read_bytes())
    jsonschema.validate(example["data"], published(example["type"].split(".")[1]))
    headers = {f"ce_{k}": str(v).lower() if isinstance(v, bool) else v for k, v in example.items() if k != "data"}
    assert orjson.loads(decode(headers, orjson.dumps(example["data"])).structured()) == example
    assert path.stem == example["type"]


def test_a_reader_of_today_ignores_fields_of_tomorrow() -> None:
    event = every_event()[1]
    data = {**orjson.loads(event.value()), "invented": {"later": True}}
    assert decode(event.headers(), orjson.dumps(data)).data == event.data
