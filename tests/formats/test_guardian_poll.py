"""The Guardian page's own poll: newer blocks only, as HTML, from which nothing follows for the others."""

from __future__ import annotations

from deltawire.model import Reading
from formats.docs import corpus, read_doc, refusal, utc
from formats.page_docs import poll, polled_block

PAGE = "sea/live/2025/mar/03/storm"
URL = f"https://api.nextgen.guardianapps.co.uk/{PAGE}.json?lastUpdate=block-1&isLivePage=true&dcr=true"


def answer(*articles: str) -> Reading:
    return read_doc(poll(*articles), url=URL)


def test_the_blocks_of_an_answer_are_a_delta() -> None:
    reading = answer(polled_block(9), polled_block(8))
    assert (reading.format, reading.coverage, reading.problems) == ("guardian-poll", "delta", ())
    nine = reading.entries[0]
    assert (nine.source_id, nine.title, nine.content_html) == (f"{9:024x}", "Ferry & tide", "<p>Wind rises.</p>")
    assert (nine.published_at, nine.published_precision) == (utc("2025-03-03T10:09:40"), "exact")
    page = f"https://www.theguardian.com/{PAGE}"
    assert (reading.feed.url, nine.url) == (page, f"{page}?page=with:block-{9:024x}#block-{9:024x}")


def test_an_answer_without_news_has_no_entries() -> None:
    assert answer().entries == ()


def test_appeals_among_the_blocks_and_links_of_the_tagger_are_left_out() -> None:
    link = '<p>See <a data-link-name="in body link" data-component="auto-linked-tag" href="/mars">Mars</a>.</p>'
    reading = answer(polled_block(9, kind="block is-epic"), polled_block(8, link))
    assert [(entry.source_id, entry.content_html) for entry in reading.entries] == [(f"{8:024x}", "<p>See Mars.</p>")]


def test_an_answer_that_counts_blocks_and_shows_none_is_refused() -> None:
    assert refusal(poll("<p>Sorry</p>", count=2))[0] == "malformed"


def test_the_real_answer_has_its_block() -> None:
    reading = read_doc(corpus("guardian-dcr/poll-response_us-politics_2024-01-08.json"), url=URL)
    (entry,) = reading.entries
    assert (entry.source_id, entry.published_at) == ("659c06188f08f409d77a8151", utc("2024-01-08T14:35:40"))
    assert entry.title == "Conservative caucus calls budget deal 'even worse than we thought'"
    assert "Share on" not in entry.content_html
    assert "ago" not in entry.content_text.split()
    assert not any("/us-news/republicans" in link.url for link in entry.links)
