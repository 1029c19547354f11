"""What came of a fetch: a response, or a failure with a stable cause."""

from __future__ import annotations

from datetime import datetime

import msgspec

from deltawire.health import BLOCKED
from deltawire.model import CacheInfo


class Validators(msgspec.Struct, frozen=True, kw_only=True):
    """What a response said to ask with next time, byte for byte (RFC 9110, 8.8).

    ``target`` is the digest of the URL that gave them when that was not the URL asked for; they are sent to
    no other, for on another resource the same validator means nothing.
    """

    etag: str | None = None
    last_modified: str | None = None
    target: str | None = None


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """A complete response: 200 with a body, or 304 without one.

    ``url`` is where the document was found, without credentials and variables' values. ``fresh_for`` is for how
    many seconds the source says that asking again is useless (RFC 9111, 4.2), null if it does not say.
    ``permanent`` is where permanent redirects (301, 308) from the URL asked led, up to the first other one;
    ``retry_after`` is before when a redirect does not want to be asked again; ``links`` are the Link headers.
    """

    status: int
    url: str
    duration_s: float = 0
    body: bytes = b""
    body_hash: str = ""
    content_type: str | None = None
    validators: Validators = Validators()
    cache: CacheInfo = CacheInfo()
    fresh_for: float | None = None
    permanent: str | None = None
    retry_after: datetime | None = None
    links: str = ""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A look that failed. ``cause`` is a key of MENDS or ``http-<status>``; ``detail`` is one sentence.

    ``retry_after`` is before when the source does not want to be asked again; ``refused_by`` is the URL that
    answered 429 or 503, as it was asked: it is neither stored nor logged. ``bytes`` is the size of the body of an
    answer that could not be understood.
    """

    cause: str
    detail: str
    duration_s: float = 0
    status: int | None = None
    retry_after: datetime | None = None
    refused_by: str | None = None
    bytes: int = 0


GONE = "gone"
"""The cause of an answer 410."""

MENDS = {
    "address-refused": "check the address of the feed, and where the name of its host leads",
    "ambiguous": "name the format in the feed's `format`",
    "connect": "none if the site is down for a while; else check the host and port of the feed's URL",
    "cut-off": "none if it passes; else the site or a proxy before it breaks off its answers",
    "dns": "check the host name in the feed's URL, and the name resolution of this machine",
    "empty": "none if it passes; else check in a browser what the URL shows",
    "encoding": "the site compresses in a way that was not asked for; tell its operators",
    "format": "correct the feed's `format`; `auto` finds it out",
    GONE: "remove the feed, or give it its new URL",
    "malformed": "run `deltawire check` on the feed's URL; the site publishes a broken document",
    "not-a-live-blog": "run `deltawire check` on the feed's URL; it shows a page that is no live blog (any more)",
    "not-modified": "none; the next look asks for the whole document",
    "protocol": "the site does not speak HTTP as it should; check the scheme and port of the feed's URL",
    "reader-crashed": "none if it passes; else run `deltawire check` on the feed's URL, and report what it says; if it "
    "could not be started, see whether the machine is out of memory or processes",
    "reader-error": "this is a defect of deltawire; please report it with the output of `deltawire check`",
    "redirect": "open the feed's URL in a browser and give the feed the address where it ends",
    BLOCKED: "ask the site's operators for leave, or remove the feed; [fetch] respect_robots = false asks all the same",
    "timeout": "none if it passes; else raise [fetch] timeout",
    "tls": "the certificate of the site is not valid; wait until it is mended, or check the host name",
    "too-expensive": "none if it passes; the document is built so that reading it takes seconds of CPU time or much "
    "memory. Give the feed another URL of the site, or tell its operators",
    "too-large": "raise [fetch] max_bytes if the document is really that large",
    "url": "correct the feed's URL: it must begin with http:// or https://",
    "variable": "set the environment variable where deltawire is started",
    "http-401": "the site wants credentials; put them into the feed's URL as ${NAME}",
    "http-403": "the site refuses us; set [fetch] user_agent to name a contact, or ask its operators",
    "http-404": "check the feed's URL; the blog may have moved",
    "http-429": "none; the next look waits as long as the site asks for. If it recurs, raise the feed's min_interval",
}
"""What an operator can do about each cause."""


def mend(cause: str) -> str:
    if cause in MENDS:
        return MENDS[cause]
    if cause.startswith("http-5"):
        return "none if it passes; the site has a fault of its own"
    return "open the feed's URL in a browser; run `deltawire check` on it"
