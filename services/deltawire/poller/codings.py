"""Content codings, undone piece by piece under a cap: what a bomb unpacks to never exists in memory.

Done here and not by aiohttp, which has no total cap, hands unknown and nested codings on undecoded, and does
not notice a gzip stream that breaks off.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Protocol

import brotli

ACCEPT_ENCODING = "gzip, deflate, br"
STEP = 256 * 1024
"""Bytes that are unpacked at a time."""

_GZIP = 16 + zlib.MAX_WBITS
_MEMBERS = 100


class CodingError(Exception):
    """The body cannot be decoded: an unknown coding, or data that is not of the coding it claims."""


class CutOff(CodingError):
    """The compressed stream ends before its end mark."""


class Decoder(Protocol):
    def feed(self, data: bytes) -> Iterator[bytes]:
        """What the data unpacks to, in pieces of about STEP bytes; the caller may stop at any piece."""

    def finish(self) -> None:
        """Raises CutOff unless the stream is complete."""


def decoder(content_encoding: str | None) -> Decoder:
    """The decoder for a Content-Encoding header.

    Raises:
        CodingError: a coding that was not asked for, or more than one.
    """
    coding = (content_encoding or "identity").strip().lower()
    match coding:
        case "" | "identity":
            return _Identity()
        case "gzip" | "x-gzip":  # the same by RFC 9110, 8.4.1.3
            return _Zlib("gzip")
        case "deflate":
            return _Zlib("deflate")
        case "br":
            return _Brotli()
    raise CodingError(f"the body has the content coding {coding[:40]!r}, which was not asked for")


class _Identity:
    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data

    def finish(self) -> None:
        return


class _Zlib:
    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._stream = zlib.decompressobj(_GZIP) if coding == "gzip" else None
        self._begun = False
        self._members = 1

    def feed(self, data: bytes) -> Iterator[bytes]:
        if not data:
            return
        if self._stream is None:
            # Many servers send raw deflate data without the zlib header that RFC 9110, 8.4.1.2 asks for.
            self._stream = zlib.decompressobj(zlib.MAX_WBITS if data[0] & 0xF == 8 else -zlib.MAX_WBITS)
        self._begun = True
        while True:
            if self._stream.eof:
                self._next_member(data)
            try:
                piece = self._stream.decompress(data, STEP)
            except zlib.error:
                raise CodingError(f"the body is not what its content coding {self._coding} says") from None
            data = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
            if piece:
                yield piece
            # A full piece may leave more inside the stream although all data is consumed.
            if not data and (self._stream.eof or len(piece) < STEP):
                return

    def _next_member(self, data: bytes) -> None:
        """A gzip file is a series of members (RFC 1952, 2.2); each costs a copy of the data behind it."""
        self._members += 1
        if self._coding != "gzip" or self._members > _MEMBERS or data[:1] != b"\x1f":
            raise CodingError(f"there is data after the end of the {self._coding} stream")
        self._stream = zlib.decompressobj(_GZIP)

    def finish(self) -> None:
        if self._begun and self._stream is not None and not self._stream.eof:
            raise CutOff(f"the {self._coding} stream breaks off")


class _Brotli:
    def __init__(self) -> None:
        self._stream = brotli.Decompressor()
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        if not data:
            return
        self._begun = True
        try:
            while piece := self._stream.process(data, output_buffer_limit=STEP):
                yield piece
                if self._stream.is_finished():
                    return
                data = b""
        except brotli.error:
            raise CodingError("the body is not what its content coding br says") from None

    def finish(self) -> None:
        if self._begun and not self._stream.is_finished():
            raise CutOff("the br stream breaks off")
