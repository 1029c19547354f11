"""Pages whose entries are elements of the page, in each notation: an invented blog."""

from __future__ import annotations

URL = "https://harbour.example/live/storm"
HEAD = (
    '<!doctype html><html lang="en-gb"><head><title>Storm | Harbour</title>'
    f'<link rel="canonical" href="{URL}"></head><body><h1>Storm &ndash; live</h1>'
)
TAIL = "<footer>Harbour</footer></body></html>"

AMP_ITEMS = (
    '<div id="post-2" data-sort-time="1740997800123" data-update-time="1740997860000"><h2>Ferry off</h2>'
    '<p>By <span itemprop="author">Ada Quill <a href="mailto:ada@harbour.example">ada@harbour.example</a></span></p>'
    '<p>All <b>six</b> sailings.</p><amp-img src="/sea.jpg?r=1741000000" alt="Sea" width="4" height="3"></amp-img>'
    "<time>21 mins ago</time></div>"
    '<div id="post-1" data-sort-time="1740997200"><p>Wind rises.</p>'
    '<amp-youtube data-videoid="abc"></amp-youtube></div>'
)


def amp(items: str = AMP_ITEMS, attributes: str = "", *, head: str = HEAD, tail: str = TAIL) -> str:
    """An AMP page with one list."""
    opening = f'<amp-live-list id="list" data-poll-interval="15000" data-max-items-per-page="20" {attributes}>'
    button = '<button update on="tap:list.update">New</button>'
    return f"{head}{opening}{button}<div items>{items}</div><div pagination></div></amp-live-list>{tail}"


MIRROR_ENTRIES = (
    '<div class="live-event-entry" id="7002" data-type="key-event" data-post-time="1740997800123" '
    'data-last-modified-time="1740997860000"><div class="entry-info"><time>10:30</time><mark>KEY EVENT</mark></div>'
    '<div class="entry-content"><h3>Ferry &amp; tide</h3><p>All <b>six</b> sailings.</p>'
    '<figure><amp-img src="https://img.example/sea.jpg?r=1741000000"></amp-img></figure></div></div>'
    '<div class="live-event-entry" id="7001" data-type="default" data-post-time="1740997200000" '
    'data-last-modified-time="1740997200000"><div class="entry-info"><time>10:20</time><mark>Ada Quill</mark></div>'
    '<div class="entry-content"><h3>Wind</h3><p>Wind rises.</p></div></div>'
)
EXPRESS_ENTRIES = (
    '<div class="live-events__entry" id="live-1-b" data-sort-time="1740997800" data-update-time="1740997860">'
    '<div class="live-events__entry-info"><time data-time="2025-03-03T10:30"><span>21 mins ago</span>10:30</time>'
    '<a href="/journalist/1/Ada" class="live-events__entry-author">Ada Quill</a></div>'
    '<h3 class="live-events__entry-head">Ferry &amp; tide</h3><div class="live-events__entry-text">'
    '<p>All <a href="/six">six</a> sailings.</p></div><div class="photo"><p><picture>'
    '<source srcset="https://img.example/sea.avif?1741000000123"><img src="https://img.example/sea.jpg?1741000000123" '
    'alt="Sea"></picture></p></div></div><div class="ad-slot-article"></div>'
    '<div class="live-events__entry" id="live-1-a" data-sort-time="1740997200" data-update-time="1740997200">'
    '<div class="live-events__entry-info"><time data-time="2025-03-03T10:20"><span>1 hour ago</span>10:20</time></div>'
    '<h3 class="live-events__entry-head">Wind</h3><div class="live-events__entry-text"><p>Wind rises.</p></div></div>'
)


def listed(entries: str, *, head: str = HEAD, tail: str = TAIL) -> str:
    return f'{head}<div class="live-events">{entries}</div>{tail}'


MICRODATA_ENTRIES = (
    '<article itemprop="liveBlogUpdate" itemscope itemtype="https://schema.org/BlogPosting" id="u2">'
    f'<link itemprop="url" href="{URL}#u2"><h2 itemprop="headline">Ferry off</h2>'
    '<time itemprop="datePublished" datetime="2025-03-03T10:30:00+00:00">10.30</time>'
    '<meta itemprop="dateModified" content="2025-03-03T10:31:00Z"><span itemprop="author" itemscope '
    'itemtype="https://schema.org/Person"><span itemprop="name">Ada Quill</span></span>'
    '<div itemprop="articleBody"><p>All <b>six</b> sailings &lt; seven.</p></div></article>'
    '<article itemprop="liveBlogUpdate" itemscope itemtype="https://schema.org/BlogPosting" id="u1">'
    '<time itemprop="datePublished" datetime="2025-03-03T10:20:00Z">10.20</time>'
    '<div itemprop="articleBody"><p>Wind rises.</p></div></article>'
)


def microdata(entries: str = MICRODATA_ENTRIES, *, head: str = HEAD, tail: str = TAIL) -> str:
    blog = '<main itemscope itemtype="https://schema.org/LiveBlogPosting">'
    return f'{head}{blog}<h2 itemprop="headline">Storm now</h2>{entries}</main>{tail}'


def poll(*articles: str, count: int | None = None) -> dict[str, object]:
    """An answer to the Guardian page's poll."""
    return {
        "numNewBlocks": len(articles) if count is None else count,
        "mostRecentBlockId": "block-" + "0" * 24,
        "html": "<style>.a{}</style>" + "".join(articles),
    }


def polled_block(number: int, inner: str = "<p>Wind rises.</p>", kind: str = "block pending") -> str:
    return (
        f'<article id="block-{number:024x}" class="{kind} dcr-1"><header><a href="?page=with:block-{number:024x}">'
        f'<time dateTime="2025-03-03T10:{number:02}:40.000Z" title="Monday">52s ago</time><span>10.{number:02}</span>'
        f"</a><h2>Ferry &amp; tide</h2></header>{inner}<footer><ul><li><a href='https://share.example/x'>Share</a></li></ul>"
        "</footer></article>"
    )
