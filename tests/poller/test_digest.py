"""What a document is compared by with the one before it."""

from __future__ import annotations

import gc
import subprocess
import sys

import msgspec

from deltawire.model import Entry, FeedMeta, Reading
from deltawire.poller import digest

ENTRY = Entry(source_id="1", title="Ferry late", content_html="<p>Fog</p>", content_text="Fog")


def reading(*entries: Entry) -> Reading:
    return Reading(format="rss", version=301, feed=FeedMeta(title="Port"), coverage="window", entries=entries)


def test_equal_documents_have_one_digest_whichever_objects_hold_them() -> None:
    copy = msgspec.json.decode(msgspec.json.encode(reading(ENTRY)), type=Reading)
    assert digest.of(reading(ENTRY)) == digest.of(reading(ENTRY)) == digest.of(copy)


def test_whatever_differs_shows() -> None:
    other = msgspec.structs.replace(ENTRY, source_id="2")
    shown = [
        reading(),
        reading(ENTRY),
        reading(msgspec.structs.replace(ENTRY, labels=("fog",))),
        reading(ENTRY, other),
        reading(other, ENTRY),
        msgspec.structs.replace(reading(ENTRY), coverage="full"),
        msgspec.structs.replace(reading(ENTRY), feed=FeedMeta(title="Port", live=False)),
        msgspec.structs.replace(reading(ENTRY), version=302),
    ]
    assert len({digest.of(one) for one in shown}) == len(shown)


def test_it_is_the_same_in_another_process() -> None:
    code = (
        "import msgspec, sys; from deltawire.model import Reading; from deltawire.poller import digest;"
        "print(digest.of(msgspec.json.decode(sys.stdin.buffer.read(), type=Reading)))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], input=msgspec.json.encode(reading(ENTRY)), capture_output=True, check=True
    )
    assert said.stdout.decode().strip() == digest.of(reading(ENTRY))


def test_of_an_entry_that_is_gone_nothing_is_kept() -> None:
    held = [msgspec.structs.replace(ENTRY, source_id=f"{n}") for n in range(100)]
    first = digest.of(reading(*held))
    places = {id(entry) for entry in held}
    assert places <= digest._known.keys()
    del held
    gc.collect()
    assert not places & digest._known.keys()
    # Others may have their places in memory now.
    again = [msgspec.structs.replace(ENTRY, source_id=f"{n + 1}") for n in range(100)]
    assert digest.of(reading(*again)) != first
