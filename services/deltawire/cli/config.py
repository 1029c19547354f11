"""``deltawire config``: check it, or show every value with where it comes from."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec

from deltawire.settings import Settings

SECRETS = ("secret", "password", "sasl_password", "token")


async def main(arguments: argparse.Namespace, settings: Settings) -> None:
    for warning in settings.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if arguments.action == "check":
        print(f"{settings.path or 'the defaults'}: ok")
        return
    for key, value in leaves(msgspec.to_builtins(settings.config)):
        shown = msgspec.json.encode(hidden(key, value)).decode()
        print(f"{key} = {shown}  # {settings.origins.get(key, 'default')}")


def leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, f"{key}.{name}" if key else name)
    elif isinstance(value, list | tuple) and any(isinstance(item, dict) for item in value):
        for index, item in enumerate(value):
            yield from leaves(item, f"{key}[{index}]")
    else:
        yield key, value


def hidden(key: str, value: Any) -> Any:
    """The value without its secret: a password or a query in a URL, or all of a value that is one."""
    if not isinstance(value, str):
        return value
    if key.rpartition(".")[2] in SECRETS:
        return "***"
    parts = urlsplit(value)
    if parts.password:
        value = value.replace(f":{parts.password}@", ":***@", 1)
    if parts.query:
        value = value.replace(f"?{parts.query}", "?***", 1)
    return value
