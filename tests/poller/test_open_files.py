"""The limit of open files, which connections kept open would otherwise reach."""

from __future__ import annotations

import resource

from deltawire.cli.run import OPEN_FILES, allow_open_files


def test_the_limit_of_open_files_is_raised_as_far_as_the_system_allows() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted - 1, hard))
        allow_open_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        allow_open_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
