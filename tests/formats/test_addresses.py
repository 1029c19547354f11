"""Which address is really fetched for one that was pasted."""

from __future__ import annotations

import pytest

from deltawire.formats.addresses import fetched

PATH = "world/live/2025/nov/25/europe-live-latest-news"
PAGE = f"https://www.theguardian.com/{PATH}"
API = f"https://content.guardianapis.com/{PATH}"
ALL = "show-blocks=all&show-fields=headline,liveBloggingNow,lang&show-tags=contributor"


@pytest.mark.parametrize(
    "pasted",
    [
        PAGE,
        f"{PAGE}/",
        f"{PAGE}?page=with:block-6925a3c98f08f7a3a8e5f3b1&filterKeyEvents=false#block-6925a3c98f08f7a3a8e5f3b1",
        f"{PAGE}?CMP=share_btn_url",
        PAGE.replace("www.", ""),
        PAGE.replace("https", "http").replace("www.", "amp."),
    ],
)
def test_a_guardian_page_is_fetched_as_its_json(pasted: str) -> None:
    assert fetched(pasted) == f"{PAGE}.json?dcr=true"


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("?api-key=${GUARDIAN_KEY}", f"?api-key=${{GUARDIAN_KEY}}&{ALL}"),
        ("", f"?{ALL}"),
        (
            "?api-key=test&show-blocks=body:latest:10",
            f"?api-key=test&show-blocks=body:latest:10&{ALL.partition('&')[2]}",
        ),
        ("?show-fields=body&api-key=a%2Fb", "?show-fields=body&api-key=a%2Fb&show-blocks=all&show-tags=contributor"),
    ],
)
def test_an_item_of_the_content_api_is_asked_for_all_that_it_does_not_say(asked: str, sent: str) -> None:
    assert fetched(API + asked) == API + sent
    assert fetched(fetched(API + asked)) == API + sent


def test_the_content_api_is_known_by_its_key_at_other_hosts() -> None:
    here = f"http://127.0.0.1:8000/{PATH}"
    assert fetched(f"{here}?api-key=test") == f"{here}?api-key=test&{ALL}"


@pytest.mark.parametrize(
    "url",
    [
        f"{PAGE}.json?dcr=true",
        f"{PAGE}.json?lastUpdate=block-1&isLivePage=true&dcr=true",
        "https://www.theguardian.com/uk/rss",
        "https://www.theguardian.com/world/2025/nov/25/an-article",
        "https://content.guardianapis.com/search?q=live&api-key=test",
        f"http://127.0.0.1:8000/{PATH}",
        f"https://www.theguardian.com.harbour.example/{PATH}",
        "https://harbour.example/live/storm?api-key=test",
        "http://[broken",
        f"ftp://www.theguardian.com/{PATH}",
        "",
    ],
)
def test_every_other_address_is_fetched_as_it_is(url: str) -> None:
    assert fetched(url) == url
