"""The command line: the one place that imports every service, each only when its command runs."""

from __future__ import annotations

from deltawire.cli.main import main

__all__ = ["main"]
