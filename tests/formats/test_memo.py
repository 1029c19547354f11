"""What is remembered of earlier documents changes what a reading costs, never what it says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deltawire.formats import feed as feeds
from deltawire.formats.base import BEGINNING, Forgetful, Memo, Raw, Unreadable
from deltawire.formats.feed_cut import batched
from deltawire.formats.memo import Memory
from deltawire.model import Reading
from formats.docs import ATOM, JSON_FEED, RSS, URL, block, blog, capi, page, read_either_way

Entries = list[tuple[int, str, bool]]
"""Number, text, and whether that is in a CDATA section."""

BODIES = ["<p>Six <b>ferries</b></p>", "a & b", "]]", "<!-- x -->", "", "</item>", "<item>", "“x” ☃"]


def quoted(text: str) -> str:
    return f"<![CDATA[{text}]]>"


def rss(entries: Entries, odd: str = "") -> str:
    items = "".join(
        f"<item><guid isPermaLink='false'>g{n}</guid><link>/n/{n}</link><title>T{n}</title>"
        f"<pubDate>Mon, 03 Mar 2025 10:{n:02}:00 GMT</pubDate>"
        f"<description>{quoted(text) if cdata else escape(text)}</description></item>{odd if n % 3 == 0 else ''}"
        for n, text, cdata in entries
    )
    return (
        f"<?xml version='1.0'?><rss version='2.0'><channel><title>t</title><link>{URL}</link>"
        f"<language>en</language>{items}</channel></rss>"
    )


def atom(entries: Entries, odd: str = "") -> str:
    items = "".join(
        f"<entry><id>urn:{n}</id><link href='/n/{n}'/><title>T{n}</title><updated>2025-03-03T10:{n:02}:00Z</updated>"
        f"<content type='html' xml:base='/d{n}/'>{quoted(text) if cdata else escape(text)}</content></entry>"
        f"{odd if n % 3 == 0 else ''}"
        for n, text, cdata in entries
    )
    return (
        f"<feed xmlns='http://www.w3.org/2005/Atom' xml:lang='en'><title>t</title><id>urn:f</id>{items}"
        "<updated>2025-03-03T10:00:00Z</updated></feed>"
    )


def rdf(entries: Entries, odd: str = "") -> str:
    items = "".join(
        f"<item rdf:about='/n/{n}'><title>T{n}</title><description>{escape(text)}</description></item>"
        f"{odd if n % 3 == 0 else ''}"
        for n, text, _ in entries
    )
    return (
        "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns='http://purl.org/rss/1.0/'>"
        f"<channel rdf:about='{URL}'><title>t</title></channel>{items}</rdf:RDF>"
    )


def outcome(document: str, memo: Memo) -> Reading | tuple[str, str]:
    try:
        return read_either_way(Raw(body=document.encode("utf-8", "surrogatepass"), url=URL, memo=memo))
    except Unreadable as refusal:
        return refusal.code, str(refusal)


ENTRIES = st.lists(st.tuples(st.integers(0, 59), st.sampled_from(BODIES), st.booleans()), max_size=6)
ODD = st.sampled_from(
    [
        *("", "<!-- <item><title>no</title></item> -->", "<!-- </channel> -->", "<?x <item> ?>", "<items/>", "<item/>"),
        *("<description><![CDATA[<item>no</item>]]></description>", "<x:y xmlns:x='urn:x'><item>no</item></x:y>"),
        *("<language>fr</language>", "<link>https://other.example/</link>", "<title>later</title>", "</channel>"),
        *("<item ><guid>s</guid></item >", "<item xmlns='urn:q'><title>q</title></item>", "&nope;", "]]>"),
        *("<item><guid>s</guid><image/></item>", "<image/>", "<item><!-- </item><item> --></item>", "<item />"),
        *("<entry>no</entry>", "<entry><id>i</id></entry>", "<image><title>no</title></image>"),
    ]
)
NOISE = st.sampled_from(["", "<", "&", "x", "]]>", "-->", "'"])
EDITS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), NOISE))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([rss, atom, rdf]), st.lists(st.tuples(ENTRIES, ODD), min_size=2, max_size=4), EDITS)
@example(rss, [([(0, "a", False), (1, "b", False)], "<item ><guid>s</guid></item >")] * 2, [])
@example(rss, [([(0, "a", False)], "<!-- <item><title>no</title></item> -->")] * 2, [])
def test_a_feed_reads_the_same_with_and_without_memory_and_cuts(
    render: Callable[..., str],
    looks: list[tuple[Entries, str]],
    edits: list[tuple[float, int, str]],
) -> None:
    memo = Memory(1 << 20, "1").of("f")
    documents = [render(entries, odd) for entries, odd in looks]
    for place, length, text in edits:
        at = int(place * len(documents[-1]))
        documents[-1] = documents[-1][:at] + text + documents[-1][at + length :]
    for document in documents:
        with uncut():
            whole = outcome(document, Forgetful())
        assert outcome(document, memo) == whole
        assert outcome(document, Forgetful()) == whole


def test_a_comment_that_quotes_another_channel_lends_no_item_its_base() -> None:
    quoting = rss([(1, "<a href='x'>x</a>", True)]).replace(
        "<channel>", "<!-- <channel xml:base='https://evil.example/'> --><channel xml:base='https://good.example/'>"
    )
    reading = outcome(quoting, Forgetful())
    assert isinstance(reading, Reading)
    assert [link.url for link in reading.entries[0].links] == ["https://good.example/x"]


@contextmanager
def uncut() -> Iterator[None]:
    """No document is cut: each is parsed as a whole."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feeds, "cut", lambda body, begun: None)
        yield


VALUES = st.recursive(st.none() | st.text(max_size=4) | st.integers(), lambda inner: st.lists(inner, max_size=2))
KEYS = (
    *("id", "url", "title", "content_html", "content_text", "authors", "date_published"),
    *("bodyHtml", "attributes", "lastModifiedDate"),
    *("articleBody", "headline", "datePublished", "author", "image"),
)
CHANGES = st.dictionaries(
    st.sampled_from(KEYS),
    VALUES | st.sampled_from(["2025-03-03T10:30:00Z", "<p>new</p>", 2**70, "\ud800", {"keyEvent": True}]),
    max_size=3,
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(CHANGES, max_size=3), min_size=2, max_size=3), st.sampled_from(["feed", "capi", "blog"]))
def test_json_reads_the_same_with_and_without_memory(looks: list[list[dict[str, Any]]], kind: str) -> None:
    memo = Memory(1 << 20, "1").of("f")
    for changes in looks:
        if kind == "feed":
            document = json.dumps({**JSON_FEED, "items": [{"id": n} | change for n, change in enumerate(changes)]})
        elif kind == "capi":
            document = json.dumps(capi(blocks={"body": [block(n, **change) for n, change in enumerate(changes)]}))
        else:
            updates = [{"@type": "BlogPosting", "articleBody": f"Post {n}"} | c for n, c in enumerate(changes)]
            document = page(blog() | {"liveBlogUpdate": updates})
        assert outcome(document, memo) == outcome(document, Forgetful())


def test_only_what_is_new_is_read_again() -> None:
    memory = Memory(1 << 20, "1")
    for document in (RSS, RSS.replace("Wind rises", "Wind falls"), RSS):
        read_either_way(Raw(body=document.encode(), url=URL, memo=memory.of("f")))
    assert (memory.misses, memory.hits) == (3, 3)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<language>", "<language>x-"),
        ("https://harbour.example/live/storm</link>", "https://other.example/</link>"),
        ('<rss version="2.0"', '<rss version="2.0" xml:base="https://base.example/"'),
    ],
)
def test_what_an_item_depends_on_outside_of_it_is_not_forgotten(old: str, new: str) -> None:
    assert old in RSS
    memo = Memory(1 << 20, "1").of("f")
    outcome(RSS, memo)
    changed = RSS.replace(old, new)
    assert outcome(changed, memo) == outcome(changed, Forgetful()) != outcome(RSS, memo)


def test_the_memory_stays_within_its_budget_and_forgets_the_longest_unread_first() -> None:
    memory = Memory(10_000, "1")
    memo = memory.of("f")
    for n in range(100):
        memo.recall(b"kept", lambda: "x")
        memo.recall(b"%d" % n, lambda: "y" * 1000)
        assert memory.size <= 10_000
    assert memory.hits == 99
    memo.recall(b"huge", lambda: "z" * 20_000)
    assert memory.size <= 10_000
    memo.recall(b"kept", lambda: "x")
    assert memory.hits == 100


def test_feeds_that_are_read_in_turn_are_not_forgotten_in_turn() -> None:
    memory = Memory(100_000, "1")

    def round_of(feeds: int) -> int:
        before = memory.hits
        for number in range(feeds):
            memo = memory.of(f"feed {number}")
            for segment in range(10):
                memo.recall(b"%d" % segment, lambda: "y" * 400)
            assert memory.size <= 100_000
        return memory.hits - before

    # A hundred segments and some fit in: of eleven feeds, one less.
    for _ in range(20):
        round_of(11)
    assert sum(round_of(11) for _ in range(100)) > 100 * 11 * 10 / 4


def test_what_a_feed_no_longer_shows_is_forgotten_though_there_is_room() -> None:
    memory = Memory(1 << 20, "1")
    for n in range(1000):
        memo = memory.of("f")
        memo.recall(b"stays", lambda: "x" * 1000)
        memo.recall(b"%d" % n, lambda: "y" * 1000)
    assert memory.hits == 999
    assert memory.size < 100 * 2000


@pytest.mark.parametrize("text", ["five", "five more", "5", "<![CDATA[</item>]]>five"])
def test_an_item_that_was_edited_behind_its_beginning_is_read_anew(text: str) -> None:
    memory = Memory(1 << 20, "1")
    before = rss([(1, "one", False), (2, "four", False), (3, "three", True)])
    after = before.replace("four", text)
    for document in (before, after, before, after):
        assert outcome(document, memory.of("f")) == outcome(document, Forgetful())
    assert (memory.misses, memory.hits) == (4, 8)


@pytest.mark.parametrize(
    ("sizes", "together"),
    [((), ()), ((3, 4, 3, 1), (2, 2)), ((9, 9), (1, 1)), ((1, 9, 1), (1, 1, 1)), ((1, 1, 1), (3,))],
)
def test_items_are_parsed_together_up_to_a_size(sizes: tuple[int, ...], together: tuple[int, ...]) -> None:
    items = [b"x" * size for size in sizes]
    batches = list(batched(items, 7))
    assert [item for batch in batches for item in batch] == items
    assert tuple(map(len, batches)) == together


def test_items_that_reach_into_each_other_are_not_remembered_one_for_another() -> None:
    hiding, hidden = "<item><guid>1</guid><!-- </item>", "<item> --></item>"
    two = "<item><guid>2</guid><!-- <![CDATA[ --></item><item><guid>3</guid><!-- ]]> --></item>"
    memo = Memory(1 << 20, "1").of("f")
    for items, count in ((hiding + hidden + two, 3), (two, 2)):
        document = rss([]).replace("</channel>", f"{items}</channel>")
        reading = outcome(document, memo)
        assert isinstance(reading, Reading)
        assert len(reading.entries) == count
        assert reading == outcome(document, Forgetful())


def test_prefixes_of_one_item_are_not_those_of_the_next() -> None:
    items = [
        f"<item xmlns:{prefix}='urn:unknown'><guid>{prefix}</guid><{prefix}:creator>Ada</{prefix}:creator></item>"
        for prefix in ("x", "dc")
    ]
    alone = [outcome(rss([]).replace("</channel>", f"{item}</channel>"), Forgetful()) for item in items]
    both = outcome(rss([]).replace("</channel>", f"{''.join(items)}</channel>"), Forgetful())
    assert isinstance(both, Reading)
    authors = [entry.authors for reading in alone if isinstance(reading, Reading) for entry in reading.entries]
    assert [entry.authors for entry in both.entries] == authors == [(), ("Ada",)]


def test_how_an_edited_segment_begins_is_known_for_as_long_as_the_segment_is() -> None:
    memory = Memory(1 << 20, "1")
    old, new = (b"<item><guid>1</guid>" + b"x" * BEGINNING + text for text in (b"old", b"new"))
    for version, readings in ((old, 1), (new, 100)):
        for _ in range(readings):
            memo = memory.of("f")
            memo.recall_all(b"", [version], list)
    assert memo.begun() == {new[:BEGINNING]: (len(new), hash(new))}
    for _ in range(100):
        memo = memory.of("f")
    assert memo.begun() == {}
    assert memory.size == 0


def test_segments_that_depend_on_something_else_are_not_the_same() -> None:
    memo = Memory(10_000, "1").of("f")
    assert memo.recall_all(b"a", [b"s", b"t", b"s"], partial(map_with, b"a")) == [b"as", b"at", b"as"]
    assert memo.recall_all(b"b", [b"s"], partial(map_with, b"b")) == [b"bs"]
    assert memo.recall_all(b"a", [b"s", b"u"], partial(map_with, b"new")) == [b"as", b"newu"]


def map_with(prefix: bytes, segments: Sequence[bytes]) -> list[bytes]:
    return [prefix + one for one in segments]


def test_feeds_and_generations_share_nothing() -> None:
    memory = Memory(10_000, "1")
    assert memory.of("a").recall(b"s", lambda: 1) == 1
    assert memory.of("b").recall(b"s", lambda: 2) == 2
    assert memory.of("a").recall(b"s", lambda: 3) == 1


def test_a_failed_reading_is_not_remembered() -> None:
    memo = Memory(10_000, "1").of("f")

    def fails() -> int:
        raise ValueError

    with pytest.raises(ValueError):
        memo.recall(b"s", fails)
    assert memo.recall(b"s", lambda: 1) == 1


def test_threads_may_share_a_memory() -> None:
    memory = Memory(20_000, "1")

    def work(name: str) -> None:
        memo = memory.of(name)
        for n in range(2000):
            said = (name, n % 50)
            assert memo.recall(b"%d" % (n % 50), partial(tuple, said)) == said

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert memory.hits + memory.misses == 8000
    assert memory.size <= 20_000


def test_atom_reads_the_same_from_memory() -> None:
    memo = Memory(1 << 20, "1").of("f")
    assert outcome(ATOM, memo) == outcome(ATOM, memo) == outcome(ATOM, Forgetful())
