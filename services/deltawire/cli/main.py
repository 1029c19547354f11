"""``deltawire``: arguments, exit statuses, and errors as one clear sentence."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn, get_args

import deltawire
from deltawire import telemetry
from deltawire.config import FormatName
from deltawire.log.port import LogError
from deltawire.settings import ConfigError, Settings, load
from deltawire.store.port import StoreError

OK, FAILED, USAGE = 0, 1, 2

LENIENT = frozenset({"tail", "check", "diff", "explain", "feeds", "dead-letters"})
"""Commands that only look, or speak to the process that runs: a secret that is not set here does not stop them."""


class Failure(Exception):
    """The command ran and failed; the message is for the user."""


class Misuse(Exception):
    """The command line is wrong; the message is for the user."""


SERVICES = {
    "poller": "fetch the feeds and write down what is seen, for a Kafka log",
    "differ": "turn what was seen into events, for a Kafka log",
    "storage": "keep the store, for a Kafka log",
    "alerting": "raise and deliver alerts, for a Kafka log",
    "gateway": "the web page, the JSON API and the event stream, for a Kafka log",
}

EPILOG = """\
first steps:
  deltawire check https://news.example/live      what deltawire makes of a page, feed or file
  deltawire run https://news.example/live        follow it; the web page's address is printed
  deltawire tail                                 in another terminal: the change events

exit status: 0 done; 1 it ran and failed; 2 the command line or the configuration is wrong.
Logs go to standard error; one JSON object a line when that is no terminal.
"""


class Parser(argparse.ArgumentParser):
    """Says what is wrong with a command line in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    root = Parser(
        prog="deltawire",
        description="Live blogs in, change events out.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _config_argument(root)
    root.set_defaults(config=None)
    root.add_argument("--version", action="version", version=f"deltawire {deltawire.__version__}")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(
        name: str, module: str, summary: str, epilog: str = "", *, function: str = "main"
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.set_defaults(module=module, function=function)
        _config_argument(added)
        return added

    run = command(
        "run",
        "run",
        "poller, differ, storage, alerting and gateway in one process",
        "With URLs it needs no configuration. Stop it with Ctrl-C: nothing is lost, it goes on where it was.\n\n"
        "  deltawire run https://news.example/live\n"
        "  deltawire run --config desk.toml",
    )
    run.add_argument("urls", nargs="*", metavar="URL", help="feeds to follow beside the configured ones")
    _log_level(run)
    for name, summary in SERVICES.items():
        epilog = "One of several processes on a Kafka log; start as many of each as you like, up to kafka.partitions."
        _log_level(command(name, "run", summary, epilog, function="one"))

    tail = command(
        "tail",
        "tail",
        "the event stream",
        "  deltawire tail --from-beginning --no-follow --json | jq .type",
    )
    tail.add_argument("--from-beginning", action="store_true", help="all events still kept, then the new ones")
    tail.add_argument("--feed", metavar="ID", help="this feed, or the feeds of this series, only")
    tail.add_argument("--json", action="store_true", help="one CloudEvent (structured JSON) a line")
    tail.add_argument("--no-follow", action="store_true", help="stop at the end instead of waiting for more")

    check = command(
        "check",
        "check",
        "fetch or read one document and show what deltawire makes of it",
        "The tool to reach for first: it shows the format, the entries, in what order and time zone they were\n"
        "understood, and what was not. Exit status 1 when the document cannot be read.\n\n"
        "  deltawire check https://news.example/live\n"
        "  deltawire check saved.html --json",
    )
    check.add_argument("document", metavar="URL_OR_FILE")
    _format_argument(check)
    check.add_argument("--json", action="store_true")

    diff = command("diff", "diff", "the events between two saved documents", "  deltawire diff before.xml after.xml")
    diff.add_argument("old", metavar="OLD")
    diff.add_argument("new", metavar="NEW")
    _format_argument(diff)
    diff.add_argument("--json", action="store_true", help="one CloudEvent (structured JSON) a line")

    explain = command(
        "explain",
        "explain",
        "the last decisions of the differ, also those that led to no event",
        "  deltawire explain --feed europe-live",
    )
    explain.add_argument("--feed", metavar="ID", required=True)
    explain.add_argument("--entry", metavar="ID", help="the decisions on this entry")
    explain.add_argument("--json", action="store_true", help="one decision a line")

    demo = command(
        "demo",
        "demo",
        "the whole pipeline on three invented live blogs that a bundled publisher plays",
        "Needs no network and no configuration. Its data is in var/demo and begins anew each time.",
    )
    demo.add_argument("--speed", type=float, default=60, help="story seconds a second (default: 60)")

    _feeds_parser(command("feeds", "feeds", "the feeds of a running deployment"))

    _dead_letters_parser(
        command(
            "dead-letters",
            "dead_letters",
            "what services could not process: look at it, put it back",
            "A record that a service cannot process is skipped, and kept here for 30 days with the reason.\n\n"
            "  deltawire dead-letters list                 one a line: id, when, who, where it stood, why\n"
            "  deltawire dead-letters show 3@17            its headers, an empty line, the original bytes\n"
            "  deltawire dead-letters redrive 3@17         back to where it came from, once its cause is mended\n"
            "  deltawire dead-letters redrive --all        each that was not put back yet",
        )
    )

    topics = command(
        "topics",
        "topics",
        "the topics and rights that are needed on Kafka",
        "Services start without the right to create topics.\n\n"
        "  deltawire topics plan      what is missing or differs, and the rights; changes nothing\n"
        "  deltawire topics apply     creates and adjusts them",
    )
    topics.add_argument("action", choices=["plan", "apply"])

    config = command("config", "config", "check or show the configuration")
    config.add_argument("action", choices=["check", "show"], help="every mistake, or every value and its origin")
    return root


def _log_level(service: argparse.ArgumentParser) -> None:
    service.add_argument("--log-level", choices=["debug", "info", "warning", "error"], default="info")


def _config_argument(command: argparse.ArgumentParser) -> None:
    # Suppressed, so that a subcommand without it leaves alone what stood before the subcommand.
    sentence = "configuration (default: ./deltawire.toml if it is there)"
    command.add_argument("--config", metavar="FILE", default=argparse.SUPPRESS, help=sentence)


def _format_argument(command: argparse.ArgumentParser) -> None:
    names = get_args(FormatName)
    command.add_argument("--format", default="auto", choices=names, metavar="F", help=f"one of {', '.join(names)}")


def _feeds_parser(feeds: argparse.ArgumentParser) -> None:
    actions = feeds.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="the wanted feeds and their state")
    _config_argument(listing)
    listing.add_argument("--json", action="store_true", help="one feed a line")
    add = actions.add_parser(
        "add",
        help="follow a feed",
        description="Follows a live blog or a feed. A page that is neither, but points to one of them, stands for it.",
    )
    _config_argument(add)
    add.add_argument("url", metavar="URL")
    add.add_argument("--id", help="[a-z0-9-]+ (default: made from the address)")
    _format_argument(add)
    add.add_argument("--as-given", action="store_true", help="do not look what is at the URL")
    add.add_argument("--min-interval", type=float, default=10, metavar="S", help="seconds (default: 10)")
    add.add_argument("--max-interval", type=float, default=900, metavar="S", help="seconds (default: 900)")
    add.add_argument("--tag", action="append", default=[], dest="tags", metavar="TAG")
    importing = actions.add_parser(
        "import",
        help="follow the feeds of a list: OPML, or one URL a line",
        description="Follows every feed of an OPML file (its folders and categories become tags) or of a plain list of "
        "URLs (empty lines and lines with # in front do not count), all at once. What is followed already is skipped. "
        "Each line that names no feed is reported with its number; the others are imported, and the exit status is 1.",
    )
    _config_argument(importing)
    importing.add_argument("file", metavar="FILE", help="- for standard input")
    importing.add_argument("--tag", action="append", default=[], dest="tags", metavar="TAG", help="for all of them")
    for name, summary in (
        ("remove", "stop following and forget; adding it again starts a new epoch"),
        ("pause", "stop polling until resumed"),
        ("resume", "poll again"),
    ):
        action = actions.add_parser(name, help=summary)
        _config_argument(action)
        action.add_argument("id", metavar="ID")


def _dead_letters_parser(dead_letters: argparse.ArgumentParser) -> None:
    actions = dead_letters.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="all that are kept, oldest first")
    listing.add_argument("--json", action="store_true", help="one dead letter a line")
    listing.add_argument("--service", metavar="S", help="those of this service only: differ, poller, alerting")
    show = actions.add_parser("show", help="one with its headers and the original bytes (hex where they are no UTF-8)")
    show.add_argument("id", metavar="ID", help="<partition>@<offset>, as list shows it")
    redrive = actions.add_parser(
        "redrive",
        help="copy originals back to the end of the partition they came from",
        description="Copies the original bytes, key and headers back to the end of the partition they came from, for "
        "the service to try again. The dead letter stays, marked, and is not redriven twice. Records of the public "
        "topics are not redriven, since subscribers have read them; nor what a newer record has replaced.",
    )
    which = redrive.add_mutually_exclusive_group(required=True)
    which.add_argument("id", metavar="ID", nargs="?", help="this one")
    which.add_argument("--all", action="store_true", help="each that was not redriven yet")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    arguments = parser().parse_args(argv)
    try:
        settings: Settings = load(arguments.config, lenient=arguments.command in LENIENT)
        module = importlib.import_module(f"deltawire.cli.{arguments.module}")
        # Services log; other commands speak for themselves, also for the libraries below.
        telemetry.configure_logging("critical")
        asyncio.run(getattr(module, arguments.function)(arguments, settings))
    except ConfigError as error:
        return _complain(str(error), USAGE)
    except Misuse as error:
        return _complain(f"deltawire {arguments.command}: {error}", USAGE)
    except (Failure, LogError, StoreError) as error:
        return _complain(f"deltawire {arguments.command}: {error}", FAILED)
    except KeyboardInterrupt:
        return OK
    except BrokenPipeError:
        # The reader of our output has gone (head, say); keep Python from saying so when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return OK


def _complain(sentence: str, status: int) -> int:
    print(sentence, file=sys.stderr)
    return status
