"""RSS and Atom."""

from __future__ import annotations

import time

import pytest

from deltawire.formats import registry
from deltawire.formats.base import Raw
from formats.docs import ATOM, RSS, URL, read_doc, refusal, utc


def test_rss_is_read_whole() -> None:
    reading = read_doc(RSS)
    assert (reading.format, reading.coverage, reading.problems) == ("rss", "window", ())
    assert (reading.feed.title, reading.feed.url, reading.feed.language) == (
        "Harbour storm & tide – live",
        "https://harbour.example/live/storm",
        "en-gb",
    )
    assert reading.feed.live is None
    ferry, wind = reading.entries
    assert ferry.source_id == "b-2"
    assert ferry.url == "https://harbour.example/live/storm#b-2"
    assert ferry.title == "Ferry cancelled"
    assert ferry.content_html == (
        '<p>All <b>six</b> sailings are off. <a href="https://harbour.example/timetable">Timetable</a></p>'
        '<p><img alt="Sea" src="https://harbour.example/sea.jpg"></p>'
    )
    assert ferry.content_text == "All six sailings are off. Timetable"
    assert ferry.authors == ("Ada Quill",)
    assert ferry.labels == ("ferries", "key event")
    assert ferry.language == "en-gb"
    assert (ferry.published_at, ferry.published_precision, ferry.updated_at) == (
        utc("2025-03-03T10:30:00"),
        "exact",
        None,
    )
    assert [medium.url for medium in ferry.media] == ["https://harbour.example/sea.jpg", "https://cdn.example/horn.mp3"]
    assert wind.source_id == "https://harbour.example/live/storm#b-1"
    assert (wind.published_at, wind.published_precision) == (utc("2025-03-03T09:05:00"), "minute")
    assert wind.content_text == "Gusts of 60 knots."


def test_atom_is_read_whole() -> None:
    reading = read_doc(ATOM)
    assert (reading.format, reading.coverage, reading.problems) == ("atom", "window", ())
    (entry,) = reading.entries
    assert (entry.source_id, entry.url, entry.title) == (
        "urn:x:1",
        "https://harbour.example/live/storm#1",
        "Tide < wind",
    )
    assert (entry.published_at, entry.updated_at) == (utc("2025-03-03T09:30:00"), utc("2025-03-03T10:40:00"))
    assert entry.content_html == "<p>High <i>water</i></p>"
    assert (entry.authors, entry.labels, entry.language) == (("Ada Quill",), ("key event",), "en")


OLD_ITEM = "<item><title>a</title><link>https://x.example/1?utm_source=q</link></item>"
RSS_1 = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"'


@pytest.mark.parametrize(
    ("document", "identity"),
    [
        (f'<rss version="0.91"><channel><title>T</title>{OLD_ITEM}</channel></rss>', "https://x.example/1"),
        (f"<rdf:RDF {RSS_1}><channel><title>T</title></channel>{OLD_ITEM}</rdf:RDF>", "https://x.example/1"),
        (
            f"<rdf:RDF {RSS_1}><channel><title>T</title></channel>{OLD_ITEM}</rdf:RDF>".replace(
                "<item", "<item rdf:about='u'"
            ),
            "u",
        ),
        (
            f'\n<?x-sheet href="x"?><!-- c -->\n<rss version="2.0"><channel>{OLD_ITEM}</channel></rss>',
            "https://x.example/1",
        ),
    ],
)
def test_older_and_odder_feeds_are_read(document: str, identity: str) -> None:
    reading = read_doc(document)
    assert reading.format == "rss"
    assert [(entry.source_id, entry.title) for entry in reading.entries] == [(identity, "a")]


def test_an_item_without_guid_and_link_has_no_identity() -> None:
    (entry,) = read_doc("<rss version='2.0'><channel><item><title>a</title></item></channel></rss>").entries
    assert entry.source_id is None


def test_an_empty_feed_has_no_entries() -> None:
    assert read_doc("<rss version='2.0'><channel><title>T</title></channel></rss>").entries == ()


@pytest.mark.parametrize(
    "document",
    [
        "<rss></rss>",
        "<feed/>",
        "<rss version='2.0'><channel/></rss>",
        "<rss><channel><title>T</title> & <b></channel></rss>",
        "<rss>" + "<a " * 1000 + "</rss>",
    ],
)
def test_an_empty_or_broken_feed_without_items_is_refused(document: str) -> None:
    assert refusal(document, "rss")[0] in ("malformed", "cut-off", "not-a-live-blog")


@pytest.mark.parametrize("format_", ["auto", "rss", "atom"])
def test_every_cut_of_a_feed_is_refused(format_: str) -> None:
    end = RSS.rindex("</rss>")
    for length in range(RSS.index("<item>"), end + len("</rss>") - 1, 7):
        assert refusal(RSS[:length], format_)[0] == "cut-off", length


def test_a_cut_inside_cdata_that_quotes_the_root_is_seen() -> None:
    cut = RSS[: RSS.index("six</b>")] + "</item></channel></rss>"
    assert refusal(cut)[0] == "cut-off"


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("Gusts of 60&amp;nbsp;knots.", "Gusts & squalls", "Gusts & squalls"),
        ("Gusts of 60&amp;nbsp;knots.", "Gusts&nbsp;of 60", "Gusts of 60"),
        ("Gusts of 60&amp;nbsp;knots.", "a <br> b", "a\nb"),
    ],
)
def test_mild_malformations_are_read_and_noted(old: str, new: str, text: str) -> None:
    reading = read_doc(RSS.replace(old, new))
    assert [problem.code for problem in reading.problems] == (["malformed-feed"])
    assert reading.entries[1].content_text == text
    assert reading.entries[0].source_id == "b-2"


def test_bad_bytes_are_read_and_noted() -> None:
    reading = read_doc(RSS.replace("Gusts", "GUSTS").encode().replace(b"GUSTS", b"\x93Gusts\x94"))
    assert [problem.code for problem in reading.problems] == ["bad-bytes"]
    assert reading.entries[1].content_text.startswith("“Gusts”")


@pytest.mark.parametrize(
    "reference", ["&#xD800;", "&#55296;", "&#x110000;", "&#0;", "&#99999999999999999999;", "&#xFFFE;"]
)
def test_illegal_character_references_do_not_stop_a_feed(reference: str) -> None:
    reading = read_doc(RSS.replace("Wind rises", f"Wind{reference}rises"))
    assert reading.entries[1].title is not None
    reading.entries[1].title.encode()


@pytest.mark.parametrize("newline", ["\n", ""])
def test_entity_bombs_never_reach_the_parser(newline: str) -> None:
    chain = "".join(f'<!ENTITY e{n} "&e{n - 1};">' for n in range(1, 30_000))
    document = f'<?xml version="1.0"?>{newline}<!DOCTYPE rss [<!ENTITY e0 "x">{chain}]>' + RSS[
        RSS.index("<rss") :
    ].replace("Wind rises", "&e29999;")
    reading = read_doc(document)
    assert [entry.source_id for entry in reading.entries] == ["b-2", "https://harbour.example/live/storm#b-1"]


def test_a_root_inside_the_doctype_smuggles_no_entity_in() -> None:
    document = '<!DOCTYPE rss [<!ENTITY a "<rss>"><!ENTITY b "boom">]>' + RSS[RSS.index("<rss") :]
    assert "boom" not in [entry.title for entry in read_doc(document.replace("Wind rises", "&b;")).entries]


def test_no_local_file_is_read() -> None:
    document = '<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/hostname">]>' + RSS[RSS.index("<rss") :].replace(
        "Wind rises", "[&x;]"
    )
    titles = [entry.title for entry in read_doc(document).entries]
    assert titles[1] in ("[&x;]", "[]")
    assert refusal(b"/etc/hostname", "rss")[0] == "not-a-live-blog"


@pytest.mark.parametrize(
    "bomb",
    [
        "<a>" * 50_000,
        "".join(f'<a xmlns:n{n}="u">' for n in range(10_000)),
        "<x " + " ".join(f'a{n}="1"' for n in range(50_000)) + "/>",
    ],
    ids=["depth", "namespaces", "attributes"],
)
def test_structure_bombs_are_refused_quickly(bomb: str) -> None:
    before = time.process_time()
    assert refusal(RSS.replace("<item>", bomb + "<item>", 1))[0] == "malformed"
    assert time.process_time() - before < 2


@pytest.mark.parametrize(
    "bomb",
    [
        "<author>" + "a" * 1_000_000 + "</author>",
        "<link>" + "http:" * 200_000 + "</link>",
        "<title>" + "&lt;/a" * 200_000 + "</title>",
        "<title>" + "&amp;a" * 200_000 + "</title>",
        "<category/>" * 100_000,
        "<x>" * 90 + "</x>" * 90,
        "<![CDATA[</item>]]>" * 50_000,
        "<![CDATA[" + "</item>" * 100_000 + "]]>",
        "<!-- - -->" * 100_000,
    ],
    ids=["author", "link", "tags", "references", "categories", "depth", "sections", "quoted ends", "comments"],
)
def test_what_is_well_formed_and_absurd_is_read_quickly(bomb: str) -> None:
    before = time.process_time()
    assert "b-2" in {entry.source_id for entry in read_doc(RSS.replace("</item>", bomb + "</item>")).entries}
    assert time.process_time() - before < 3


def test_a_bomb_of_comments_in_a_body_is_read_quickly() -> None:
    before = time.process_time()
    reading = read_doc(RSS.replace("Gusts", "&lt;!--" * 40_000 + "Gusts"))
    assert len(reading.entries) == 2
    assert time.process_time() - before < 3


def test_an_item_that_the_parser_loses_is_no_removal() -> None:
    document = RSS.replace("</channel>", "<rss:item xmlns:rss='urn:none'><rss:guid>b-0</rss:guid></rss:item></channel>")
    code, message = refusal(document)
    assert code == "malformed"
    assert "3 items, of which 2 can be read" in message


def test_times_without_a_zone_are_null_and_noted() -> None:
    reading = read_doc(RSS.replace("11:05 CEST", "11:05"))
    assert reading.entries[1].published_at is None
    assert reading.entries[1].published_precision == "unknown"
    assert [problem.code for problem in reading.problems] == ["bad-time"]


@pytest.mark.parametrize(
    "document", ["<html><body>Sorry</body></html>", "<!doctype html><title>Just a moment...</title>"]
)
def test_an_html_page_is_no_feed(document: str) -> None:
    assert refusal(document, "rss")[0] == "not-a-live-blog"
    assert refusal(document)[0] == "not-a-live-blog"


def test_a_duplicate_item_is_one_entry() -> None:
    item = RSS[RSS.index("<item>") : RSS.index("</item>") + 7]
    reading = read_doc(RSS.replace(item, item + item))
    assert [entry.source_id for entry in reading.entries] == ["b-2", "https://harbour.example/live/storm#b-1"]


def test_oldest_first_feeds_come_out_newest_first() -> None:
    first, last = RSS.index("<item>"), RSS.rindex("</item>") + 7
    items = RSS[first:last].split("</item>\n")
    swapped = RSS[:first] + items[1] + items[0] + "</item>" + RSS[last:]
    reading = read_doc(swapped)
    assert reading.feed.order == "oldest-first"
    assert reading.entries == read_doc(RSS).entries


def test_items_that_share_a_guid_but_nothing_else_are_all_kept() -> None:
    def item(minute: int, text: str) -> str:
        return (
            f"<item><guid>https://page.example/</guid><pubDate>Mon, 03 Mar 2025 10:{minute}:00 GMT</pubDate>"
            f"<description>{text}</description></item>"
        )

    items = item(30, "Ferry cancelled.") + item(20, "Wind rises.") + item(10, "Gates shut.") + item(10, "Gates open.")
    reading = read_doc(f'<rss version="2.0"><channel><title>t</title>{items}</channel></rss>')
    assert [e.content_text for e in reading.entries] == [
        "Ferry cancelled.",
        "Wind rises.",
        "Gates shut.",
        "Gates open.",
    ]
    assert [p.code for p in reading.problems] == ["duplicate-id"] * 3


def test_items_that_share_a_guid_and_have_no_time_are_all_kept() -> None:
    items = "".join(f"<item><guid>g</guid><title>{n}</title><description>{n}</description></item>" for n in "abc")
    reading = read_doc(f'<rss version="2.0"><channel><title>t</title>{items}</channel></rss>')
    assert [e.content_text for e in reading.entries] == ["a", "b", "c"]


def shared(*items: tuple[str, str]) -> str:
    """A feed of titles and descriptions, all with one guid and one time."""
    listed = "".join(
        f"<item><guid>g</guid><pubDate>Mon, 03 Mar 2025 10:30:00 GMT</pubDate><title>{title}</title>"
        f"<description>{text}</description></item>"
        for title, text in items
    )
    return f'<rss version="2.0"><channel><title>t</title>{listed}</channel></rss>'


@pytest.mark.parametrize("part", [0, 1], ids=["in the title", "in the text"])
def test_items_that_share_a_guid_and_a_time_but_not_their_words_are_all_kept(part: int) -> None:
    said = ["Storm hits the coast tonight", "Minister resigns after vote", "Trains are running again"]
    reading = read_doc(shared(*((text, "") if part == 0 else ("Live", text) for text in said)))
    assert [e.content_text if part else e.title for e in reading.entries] == said
    assert {p.message for p in reading.problems} == {
        "two entries have the same identity; both were kept, told apart by what they say"
    }


def test_of_items_that_share_a_guid_a_time_and_most_words_one_is_kept() -> None:
    reading = read_doc(shared(("", "Trains are running again."), ("", "Something else."), ("", "Trains run again.")))
    assert [e.content_text for e in reading.entries] == ["Trains are running again.", "Something else."]


def test_many_items_with_one_guid_and_one_time_are_read_quickly() -> None:
    words = [f"{n * 7919 % 100_003} {'abcdefghijklmnopqrstuvwxyz'[n % 26] * 290}" for n in range(5_000)]
    document = shared(*(("", text) for text in words))
    before = time.process_time()
    reading = read_doc(document)
    assert time.process_time() - before < 10
    assert 26 <= len(reading.entries) <= 5_000


def test_the_order_of_categories_says_nothing() -> None:
    def labels(*names: str) -> tuple[str, ...]:
        terms = "".join(f"<category>{name}</category>" for name in names)
        item = f"<item><guid>a</guid>{terms}<description>x</description></item>"
        return read_doc(f'<rss version="2.0"><channel><title>t</title>{item}</channel></rss>').entries[0].labels

    assert labels("Summary", "pinned") == labels("pinned", "summary") == ("pinned", "summary")


@pytest.mark.parametrize(
    "inner",
    [
        "<summary>first</summary><abstract>second</abstract><summary>third</summary>",
        "<description/><media:description>second</media:description>",
        "<media:title>of a picture</media:title><title>own</title><media:title>of another</media:title>",
        "<author><name>Ada</name><itunes:name>Bo</itunes:name><name>Cy</name></author>",
        "<author>ada@x.example (Ada Quill)</author><dc:creator>Bo &lt;bo@x.example&gt;</dc:creator>",
        "<itunes:summary>first</itunes:summary><description>&lt;p&gt;second&lt;/p&gt;</description>",
        "<content:encoded>first</content:encoded><description>second</description>",
        "<guid>/n/1</guid><link rel='alternate' type='text/plain' href='/no'/><link href='/yes'/>",
        "<guid isPermaLink='false'>x</guid><link>/n/1?a=1&amp;b=2</link><enclosure url='/a.mp3' type='Audio/MPEG'/>",
        "<category domain='d'>A</category><category term='b'>c</category><media:keywords>d, e</media:keywords>",
        "<itunes:category text='f'><itunes:category text='g'/></itunes:category><itunes:keywords>h,i</itunes:keywords>",
        "<dc:date>2025-03-03T10:30:00Z</dc:date><dcterms:modified>2025-03-03T11:30:00Z</dcterms:modified>",
        "<source url='/s'>From</source><title>own</title><pubDate>Mon, 03 Mar 2025 10:30:00 GMT</pubDate>",
        "<media:group><media:content url='/v.mp4' medium='video'/><media:title>clip</media:title></media:group>",
        "<title>Ã©tÃ© &#147;x&#148;</title><description><p xmlns='http://www.w3.org/1999/xhtml'>raw</p></description>",
    ],
)
def test_the_vocabulary_means_the_same_to_both_readers(inner: str) -> None:
    names = {
        "media": "http://search.yahoo.com/mrss/",
        "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
        "dc": "http://purl.org/dc/elements/1.1/",
        "dcterms": "http://purl.org/dc/terms/",
        "content": "http://purl.org/rss/1.0/modules/content/",
    }
    declared = " ".join(f'xmlns:{prefix}="{name}"' for prefix, name in names.items())
    document = f'<rss version="2.0" {declared}><channel><title>T</title><item>{inner}</item></channel></rss>'
    raw = Raw(body=document.encode(), url=URL)
    assert registry.read(raw) == registry.read_leniently(raw)
    assert len(registry.read(raw).entries) == 1
