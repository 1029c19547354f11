"""How documents are written by what changed in them: put together of the log alone, they are what was seen."""

from __future__ import annotations

import random
import weakref
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from deltawire import net, observations
from deltawire.formats.base import Raw
from deltawire.formats.registry import read
from deltawire.log.port import snapshot
from deltawire.model import Document, Entry, FeedMeta, FeedRef, Reading
from deltawire.observations import AMENDED_FOR, SOURCES, WHOLE_BYTES, Absent, Amended, Source, Written, held, whole
from deltawire.poller import digest, service
from deltawire.poller.told import Told, draft
from deltawire.press.chance import Publisher
from deltawire.press.render import FORMATS as RENDERED
from deltawire.press.render import FormatName
from support.origin import Answer
from support.polling import CONFIG, TOPICS, Deployment, Failing, blog, texts
from support.waiting import running

START = datetime(2026, 2, 1, tzinfo=UTC)


def entry(name: str, text: str = "Fog. ", times: int = 300) -> Entry:
    return Entry(source_id=name, content_text=text * times, content_html=f"<p>{text * times}</p>")


def document(number: int, entries: Sequence[Entry], *, after: timedelta | None = None) -> Document:
    at = START + (timedelta(seconds=number) if after is None else after)
    reading = Reading(format="rss", version=301, feed=FeedMeta(title="Port"), coverage="window", entries=tuple(entries))
    return Document(
        poll_id=f"{number:032x}",
        feed=FeedRef(id="port", url="https://port.test/"),
        poller="p",
        began_at=at,
        fetched_at=at,
        reading=reading,
        digest=digest.of(reading),
    )


def decoded(value: bytes) -> Written:
    look: Written = msgspec.json.decode(value, type=Written)
    return look


def put_together(log: dict[int, bytes], offset: int) -> Document:
    """What stands at the offset, of the records that it names and no others."""
    look = decoded(log[offset])
    if isinstance(look, Document):
        return look
    assert isinstance(look, Amended)
    read: dict[observations.Place, Entry] = {}
    for source in look.sources:
        assert source.offset < offset
        named = decoded(log[source.offset])
        assert isinstance(named, Document | Amended)
        assert named.poll_id == source.poll_id
        read |= held(named)
    return whole(look, read)


def amended(log: dict[int, bytes]) -> list[bool]:
    return [isinstance(decoded(value), Amended) for value in log.values()]


@pytest.fixture
def nothing_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nothing(weakref.WeakValueDictionary[observations.Place, Entry]):
        def __setitem__(self, place: observations.Place, entry: Entry) -> None:
            pass

    monkeypatch.setattr(observations, "_at_hand", Nothing())


@pytest.mark.usefixtures("nothing_at_hand")
@pytest.mark.parametrize("seed", range(8))
def test_whatever_changes_and_fails_the_log_alone_holds_each_document(seed: int) -> None:
    rng = random.Random(seed)
    log: dict[int, bytes] = {}
    seen: dict[int, Document] = {}
    told: Told | None = None
    entries = [entry(f"e{n}") for n in range(30)]
    offset = size = 0
    for number in range(60):
        for _ in range(rng.choice((1, 1, 2, 3, 20))):
            at = rng.randrange(len(entries))
            match rng.choice(("new", "new", "edit", "remove", "copy", "move", "read again")):
                case "new":
                    entries.insert(0, entry(f"n{number}-{at}"))
                case "edit":
                    entries[at] = msgspec.structs.replace(entries[at], title=f"Edit {number}")
                case "remove" if len(entries) > 20:
                    del entries[at]
                case "copy":
                    entries.append(entries[at])
                case "move":
                    entries.insert(0, entries.pop(at))
                case "read again":
                    entries[at] = msgspec.structs.replace(entries[at])
        seen_now = document(number, entries)
        drafted = draft(seen_now, told)
        if rng.random() < 0.1:
            continue  # it could not be written
        offset += rng.choice((1, 1, 5))
        log[offset], seen[offset] = drafted.value, seen_now
        size += len(msgspec.json.encode(seen_now))
        told = None if rng.random() < 0.05 else drafted.written(offset)
    assert {offset: put_together(log, offset) for offset in log} == seen
    assert sum(amended(log)) > 20
    assert sum(map(len, log.values())) < size / 2


def test_a_whole_document_comes_after_so_many_that_were_not() -> None:
    log: dict[int, bytes] = {}
    told: Told | None = None
    entries = [entry(f"e{n}") for n in range(30)]
    for number in range(2 * SOURCES + 2):
        entries.insert(0, entry(f"n{number}"))
        drafted = draft(document(number, entries), told)
        log[number] = drafted.value
        told = drafted.written(number)
    assert amended(log) == [False, *[True] * SOURCES] * 2


@pytest.mark.parametrize(
    ("change", "is_amended"),
    [
        (lambda entries: [entry("new"), *entries], True),
        (lambda entries: entries[:3], True),
        (lambda entries: [entry(f"new-{n}") for n in range(21)] + entries[:20], False),
        (list, True),
    ],
    ids=["one is new", "few are left", "most are new", "none is new"],
)
def test_what_mostly_stands_is_written_by_what_changed(change: object, is_amended: bool) -> None:
    assert callable(change)
    entries = [entry(f"e{n}") for n in range(20)]
    told = draft(document(0, entries), None).written(7)
    later = decoded(draft(document(1, change(entries)), told).value)
    assert isinstance(later, Amended) is is_amended


def test_nothing_refers_to_a_whole_document_that_is_too_old_or_from_later() -> None:
    entries = [entry(f"e{n}") for n in range(20)]
    told = draft(document(0, entries), None).written(7)
    for after, refers in ((AMENDED_FOR - timedelta(seconds=1), True), (AMENDED_FOR, False), (-timedelta(1), False)):
        later = decoded(draft(document(1, entries, after=after), told).value)
        assert isinstance(later, Amended) is refers


def test_small_documents_are_always_whole() -> None:
    drafted = draft(document(0, [entry("e", times=10)]), None)
    assert len(drafted.value) < WHOLE_BYTES
    assert drafted.written(7) is None


def test_entries_whose_digests_were_not_taken_are_not_compared() -> None:
    entries = [entry(f"e{n}") for n in range(20)]
    told = draft(document(0, entries), None).written(7)
    seen = document(1, entries)
    copied = msgspec.structs.replace(seen, reading=msgspec.convert(msgspec.to_builtins(seen.reading), Reading))
    drafted = draft(copied, told)
    assert decoded(drafted.value) == seen
    assert drafted.written(8) is None


def test_what_is_at_hand_need_not_be_read_back_and_lives_no_longer_for_it() -> None:
    entries = [entry(f"e{n}") for n in range(20)]
    told = draft(document(0, entries), None).written(7)
    later = decoded(draft(document(1, entries), told).value)
    assert isinstance(later, Amended)
    for found, written in zip(whole(later, {}).reading.entries, entries, strict=True):
        assert found is written
    del found, written
    entries.clear()
    with pytest.raises(Absent, match="offsets 7") as absent:
        whole(later, {})
    assert absent.value.sources == {Source(7, later.sources[0].poll_id)}


async def test_a_poller_refers_to_what_it_wrote_itself_and_no_failed_write(site: Deployment) -> None:
    words = " ".join(["fog"] * 500)
    shown = [[f"{words} {number}" for number in range(24 - look, 4 - look, -1)] for look in range(5)]
    await site.add()
    log = Failing(site.log)

    async def show(number: int) -> None:
        items = [{"id": text.split()[-1], "content_text": text} for text in shown[number]]
        site.origin.serve("/feed", Answer(body=blog(items=items), content_type="application/feed+json"))
        await site.until(lambda seen: shown[number] in [texts(one) for one in seen if isinstance(one, Document)])

    for numbers in ((0, 1, 2), (3, 4)):
        async with (
            net.make_session(CONFIG.fetch) as session,
            running(service.run(log, TOPICS, CONFIG, session=session)),  # type: ignore[arg-type]
        ):
            for number in numbers:
                log.failures = int(number == 2)
                await show(number)
    records = [record async for record in snapshot(site.log, TOPICS.observations)]
    documents = [look for record in records if isinstance(look := decoded(record.value or b""), Document | Amended)]
    assert [type(look) for look in documents] == [Document, Amended, Amended, Document, Amended]
    poll_ids = {record.offset: decoded(record.value or b"").poll_id for record in records}
    for look in documents:
        for source in look.sources if isinstance(look, Amended) else ():
            assert poll_ids[source.offset] == source.poll_id


@pytest.mark.parametrize("name", RENDERED)
def test_what_is_at_hand_is_what_decoding_gives(name: FormatName) -> None:
    publisher = Publisher(3, name, noisy=True)
    for _ in range(5):
        publisher.step()
    raw = Raw(body=publisher.draw(), url="http://press.test/feed", content_type=RENDERED[name].content_type)
    entries = read(raw).entries
    again = msgspec.json.decode(msgspec.json.encode(entries), type=tuple[Entry, ...])
    assert entries
    assert again == entries
    # Nor do they differ in what compares as equal: the zone of a time, say.
    assert repr(again) == repr(entries)
