"""One HTTP GET of a document that may be hostile, under a total deadline and a cap on what it unpacks to."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit, urlunsplit

import aiohttp
import msgspec
from yarl import URL

from deltawire import config_rules, http_time, net, variables
from deltawire.clock import Clock, utc_now
from deltawire.config import FetchConfig
from deltawire.formats import addresses
from deltawire.poller import exchange, headers
from deltawire.poller.codings import ACCEPT_ENCODING, CodingError, CutOff, decoder
from deltawire.poller.deadline import deadline
from deltawire.poller.exchange import Answer, Target
from deltawire.poller.outcome import GONE, Failure, Fetched, Validators
from deltawire.poller.remembered import remembered

MAX_REDIRECTS = 5
CHUNK = 64 * 1024
ACCEPT = (
    "application/rss+xml, application/atom+xml, application/feed+json, application/json;q=0.9, "
    "text/html;q=0.9, application/xml;q=0.9, text/plain;q=0.8, */*;q=0.1"
)
NO_VALIDATORS = Validators()
_TARGETS = 16_384
"""URLs of which the request is remembered, of two KiB each."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PERMANENT = frozenset({301, 308})


class FetchRefused(Exception):
    """The answer is none that can be used; ``failure`` says why."""

    def __init__(
        self,
        cause: str,
        detail: str,
        status: int | None = None,
        retry_after: datetime | None = None,
        refused_by: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.failure = Failure(
            cause=cause, detail=detail, status=status, retry_after=retry_after, refused_by=refused_by
        )


async def fetch(
    session: aiohttp.ClientSession,
    config: FetchConfig,
    url: str,
    validators: Validators = NO_VALIDATORS,
    *,
    clock: Clock = utc_now,
    home: str | None = None,
    cut: bool = False,
) -> Fetched | Failure:
    """GET a URL, or what stands for it (``formats.addresses``). Its ``${NAME}`` are filled in here and go no further.

    ``home`` is the feed's own URL where another is asked; the target of validators is named in relation to it.
    With ``cut`` a document that is too large is cut off, not refused.

    Takes at most ``config.timeout`` seconds with all redirects and the body, and ``config.max_bytes`` of memory.
    Never raises for what the network, the server or the URL do: that is a Failure.
    """
    began = time.monotonic()
    host = _host(url)
    outcome: Fetched | Failure
    try:
        with deadline(asyncio.get_running_loop(), config.timeout).within():
            outcome = await _fetch(session, config, url, validators, clock, home or url, cut)
    except FetchRefused as failed:
        outcome = failed.failure
    except variables.MissingVariable as error:
        outcome = Failure(cause="variable", detail=str(error))
    except TimeoutError:
        outcome = Failure(cause="timeout", detail=f"{host} gave no complete answer within {config.timeout:g} s")
    except aiohttp.ClientError as error:
        outcome = failure_of(error, host)
    return msgspec.structs.replace(outcome, duration_s=time.monotonic() - began)


async def _fetch(
    session: aiohttp.ClientSession,
    config: FetchConfig,
    url: str,
    validators: Validators,
    clock: Clock,
    home: str,
    cut: bool,
) -> Fetched:
    asked, values = variables.expand(_address(url))
    own = asked if home == url else variables.expand(_address(home))[0]
    here, place = asked, _checked(asked, config.user_agent)
    permanent: str | None = None
    lasting = True
    wait: datetime | None = None
    for _ in range(MAX_REDIRECTS + 1):
        target = None if here == own else _digest(here)
        conditions = _conditions(validators) if validators.target == target else ()
        response = await exchange.get(session, place, conditions, CHUNK)
        try:
            if response.status in _REDIRECTS:
                there = next_hop(here, response)
                lasting = lasting and response.status in _PERMANENT and _keepable(here, there)
                permanent = _shown(there, values) if lasting else permanent
                wait = headers.later(wait, http_time.retry_after(response.headers.get("Retry-After"), clock()))
                here, place = there, _target(there, config.user_agent)
                continue
            if response.status == 304 and not conditions:
                raise FetchRefused("not-modified", f"{_host(here)} answered 304 to a request without conditions", 304)
            fetched = await _conclude(response, config, place.url, _shown(here, values), target, clock, cut)
            if permanent is None and wait is None:
                return fetched
            return msgspec.structs.replace(fetched, permanent=permanent, retry_after=wait)
        finally:
            response.release()
    raise FetchRefused("redirect", f"{_host(url)} redirects more than {MAX_REDIRECTS} times")


async def _conclude(
    response: Answer,
    config: FetchConfig,
    url: URL,
    shown_url: str,
    target: str | None,
    clock: Clock,
    cut: bool,
) -> Fetched:
    now = clock()
    host = _host(shown_url)
    status = response.status
    if status not in (200, 203, 304):
        phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""
        raise FetchRefused(
            GONE if status == 410 else f"http-{status}",
            f"{host} answered {status} {phrase}".rstrip(),
            status,
            http_time.retry_after(response.headers.get("Retry-After"), now) if status in (429, 503) else None,
            str(url.with_user(None).with_fragment(None)) if status in (429, 503) else None,
        )
    body, body_hash = (b"", "") if status == 304 else await _body(response, config.max_bytes, host, cut)
    content_type = response.headers.get("Content-Type")
    return Fetched(
        status=304 if status == 304 else 200,
        url=shown_url,
        body=body,
        body_hash=body_hash,
        content_type=content_type and content_type.encode("utf-8", "replace").decode(),
        validators=Validators(
            etag=headers.opaque(response.headers.get("ETag")),
            last_modified=headers.opaque(response.headers.get("Last-Modified")),
            target=target,
        ),
        cache=headers.cache_info(response.headers),
        fresh_for=headers.fresh_for(response.headers, now),
        links=", ".join(response.headers.getall("Link", [])),
    )


async def _body(response: Answer, max_bytes: int, host: str, cut: bool) -> tuple[bytes, str]:
    """The unpacked body and its digest, taken as the body comes: that of megabytes at once would hold up the others."""

    def too_large() -> FetchRefused:
        return FetchRefused("too-large", f"the document of {host} is larger than {max_bytes} bytes", response.status)

    if int(response.headers.get("Content-Length", 0)) > max_bytes and not cut:
        raise too_large()
    encodings = response.headers.getall("Content-Encoding", [])
    pieces: list[bytes] = []
    size = 0
    digest = hashlib.sha256()
    try:
        decode = decoder(", ".join(encodings) or None)
        async for chunk in response.content.iter_any():
            for piece in decode.feed(chunk):
                size += len(piece)
                pieces.append(piece)
                if size > max_bytes:
                    if not cut:
                        raise too_large()
                    body = b"".join(pieces)[:max_bytes]
                    return body, _digest(body)
                digest.update(piece)
                # Unpacking must not hold up the other feeds; a whole chunk can become megabytes.
                await asyncio.sleep(0)
        decode.finish()
    except CutOff as error:
        raise FetchRefused("cut-off", f"the answer of {host} is cut off: {error}", response.status) from None
    except CodingError as error:
        raise FetchRefused("encoding", f"{host}: {error}", response.status) from None
    except TimeoutError:
        raise
    except net.AnswerTooLarge:
        raise too_large() from None
    except (aiohttp.ClientPayloadError, aiohttp.ClientConnectionError):
        raise FetchRefused("cut-off", f"{host} broke the connection off before the end", response.status) from None
    return b"".join(pieces), _short(digest)


def _conditions(validators: Validators) -> list[tuple[str, str]]:
    said = (("If-None-Match", validators.etag), ("If-Modified-Since", validators.last_modified))
    return [(name, value) for name, value in said if value is not None]


@remembered(_TARGETS)
def _checked(url: str, agent: str) -> Target:
    """The URL taken apart, once for all requests."""
    # What exactly is wrong stays unsaid: variables are put in, and the sentence may quote the URL.
    if config_rules.url_mistake(url) is not None:
        raise FetchRefused("url", "the URL of the feed is not a complete http:// or https:// URL")
    return _target(url, agent)


def _target(url: str, agent: str) -> Target:
    try:
        parsed = URL(url)
    except ValueError:
        raise aiohttp.InvalidURL(url) from None
    return exchange.target(parsed, {"User-Agent": agent, "Accept": ACCEPT, "Accept-Encoding": ACCEPT_ENCODING})


def next_hop(here: str, response: Answer | aiohttp.ClientResponse) -> str:
    """Where a redirect leads. Credentials go with it only within the same scheme, host and port."""
    host = _host(here)
    location = response.headers.get("Location", "").strip()
    if not location:
        raise FetchRefused("redirect", f"{host} answered {response.status} without saying where to", response.status)
    try:
        there = urlsplit(urljoin(here, location))
        old = urlsplit(here)
        userinfo, _, address = there.netloc.rpartition("@")
        if (there.scheme, there.hostname, there.port) == (old.scheme, old.hostname, old.port):
            userinfo = old.netloc.rpartition("@")[0]
            address = f"{userinfo}@{address}" if userinfo else address
        there = there._replace(netloc=address, fragment="")
    except ValueError:
        raise FetchRefused("redirect", f"{host} redirects to something that is no URL", response.status) from None
    if there.scheme not in ("http", "https") or not there.hostname:
        raise FetchRefused(
            "redirect",
            f"{host} redirects to a {there.scheme[:20]}: URL; only http and https are followed",
            response.status,
        )
    return urlunsplit(there)


def _keepable(here: str, there: str) -> bool:
    """Whether a permanent redirect may be kept: not from https to http, and nothing that a site wrote like a variable.

    A kept URL is expanded when it is asked: ``${NAME}`` from a Location header would hand a variable to the site.
    """
    downgrade = here.startswith("https:") and not there.startswith("https:")
    return not downgrade and variables.NAME.search(there) is None


def failure_of(error: aiohttp.ClientError, host: str) -> Failure:
    """What an error of the session means, in one sentence."""
    refused = net.refusal(error)
    if refused is not None:
        return Failure(cause="address-refused", detail=refused)
    match error:
        case net.AnswerTooLarge():
            return Failure(cause="too-large", detail=f"{host}: {error}")
        case aiohttp.ClientConnectorDNSError():
            return Failure(cause="dns", detail=f"the name {error.host} cannot be resolved")
        case aiohttp.ClientConnectorCertificateError():
            why = getattr(error.certificate_error, "verify_message", "").rstrip(".")
            return Failure(cause="tls", detail=f"the certificate of {host} is not valid: {why}".rstrip(": "))
        case aiohttp.ClientSSLError():
            return Failure(cause="tls", detail=f"{host} does not speak TLS as it should")
        case aiohttp.ClientConnectorError():
            reason = error.os_error.strerror or str(error.os_error)
            return Failure(cause="connect", detail=f"cannot connect to {error.host}:{error.port}: {reason}")
        case aiohttp.ClientConnectionError():
            return Failure(cause="connect", detail=f"{host} closed the connection without an answer")
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return Failure(cause="url", detail="the URL of the feed is not a complete http:// or https:// URL")
    return Failure(cause="protocol", detail=f"{host} sent an answer that is not HTTP, or headers beyond all bounds")


_address = remembered()(addresses.fetched)


@remembered()
def _plain(url: str) -> str:
    return variables.conceal(url, {})


def _shown(url: str, values: Mapping[str, str]) -> str:
    return variables.conceal(url, values) if values else _plain(url)


@remembered()
def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "the host"
    except ValueError:
        return "the host"


def _digest(data: str | bytes) -> str:
    return _short(hashlib.sha256(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data))


def _short(digest: hashlib._Hash) -> str:
    # SHA-256, which processors have instructions for: half the time of BLAKE2b. 128 bits of it are enough.
    return digest.hexdigest()[:32]
