"""The command `tubecam`: finds the subcommand, and turns errors into a sentence and an exit status.

A subcommand's module is imported only when it is asked for, so that help is there at once.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import NoReturn

from .._version import __version__
from ..errors import (
    EXIT_STATUS,
    DamageError,
    DamageWarning,
    OutputError,
    StreamWarning,
    TubecamError,
)
from ..run.signals import SIGNALS, STUCK, interruptible, raising
from ..text.redaction import redact

COMMANDS = {
    "run": "explain a video, a camera or a network stream",
    "demo": "render a small video whose answer is known, and explain it",
    "methods": "draw what each method makes of the same moment of a video",
    "export": "turn a PyTorch model into a bundle",
    "models": "list the architectures that are exported by name",
    "inspect": "say what is in a bundle",
    "build": "compile a bundle for this machine's NVIDIA GPU, and check what that changes",
    "bench": "measure how long explanations take here, beside other libraries",
    "env": "print what lets gst-launch-1.0 find the elements",
    "doctor": "say what is installed, and how to install what is missing",
}

_DESCRIPTION = """\
TubeCAM shows where and when a video model looked, while the video plays.

Look at a video
  run       {run}
  demo      {demo}
  methods   {methods}

Bring a model
  export    {export}
  models    {models}
  inspect   {inspect}
  build     {build}

Know what it costs
  bench     {bench}

Write pipelines of your own
  env       {env}

When something does not work
  doctor    {doctor}
"""

_EXAMPLES = """\
Examples
  tubecam demo
  tubecam run street.mp4 -o explained.mp4
  tubecam run street.mp4 --sheet sheet.png --jsonl windows.jsonl
  tubecam run camera:0
  tubecam export r3d_18 --weights r3d_18.pth -o engines/r3d_18

`tubecam COMMAND --help` says more about each.

Exit status
{statuses}
"""


def script() -> NoReturn:
    """The command `tubecam`."""
    status = main()
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)  # there is nothing left to put in order
    sys.stdout.flush()
    sys.stderr.flush()
    if any(thread.name == STUCK and thread.is_alive() for thread in threading.enumerate()):
        os._exit(status)  # Python would tear down what the thread still works with
    sys.exit(status)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line and gives the exit status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    with raising() as signals:
        try:
            status = _answer(arguments)
        except (Exception, KeyboardInterrupt) as error:
            if not signals and not isinstance(error, KeyboardInterrupt):
                raise
            number = signals[0] if signals else getattr(error, "number", signal.SIGINT)
            with interruptible(lambda count: None):
                return _complain("interrupted", 128 + number)
        return 128 + signals[0] if signals else status


def _answer(arguments: Sequence[str]) -> int:
    try:
        args = _parser(arguments).parse_args(arguments)
        if args.command is None:
            _parser([]).print_help()
            return 0
        with _printed_warnings() as damaged:
            status = args.run(args)
        return status or (DamageError.exit_status if damaged else 0)
    except TubecamError as error:
        return _complain(error, error.exit_status)
    except BrokenPipeError:
        # The reader of our output has closed it; nothing more can be written there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OutputError.exit_status


@contextlib.contextmanager
def _printed_warnings() -> Iterator[list[DamageWarning]]:
    """Prints what is wrong with videos as a sentence, and gives those that are damaged."""
    damaged: list[DamageWarning] = []
    with warnings.catch_warnings():
        others = warnings.showwarning

        def show(message, category, *place) -> None:
            if not issubclass(category, StreamWarning):
                others(message, category, *place)
                return
            _complain(message, 0)
            damaged.extend([message] if issubclass(category, DamageWarning) else [])

        warnings.showwarning = show
        yield damaged


class _Parser(argparse.ArgumentParser):
    """Refuses without quoting secrets."""

    def error(self, message: str) -> NoReturn:
        super().error(redact(message))


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    statuses = "\n".join(f"  {status:<5} {text}" for status, text in EXIT_STATUS.items())
    parser = _Parser(
        prog="tubecam",
        usage="tubecam COMMAND …",
        description=_DESCRIPTION.format(**COMMANDS),
        epilog=_EXAMPLES.format(statuses=statuses),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tubecam {__version__}")
    subparsers = parser.add_subparsers(dest="command", prog="tubecam", help=argparse.SUPPRESS)
    asked = next((word for word in arguments if not word.startswith("-")), None)
    for name in COMMANDS:
        if name == asked:
            import_module(f".{name}", __package__).add_parser(subparsers)
        else:
            subparsers.add_parser(name, add_help=False)
    return parser


def _complain(problem: object, status: int) -> int:
    print(redact(f"tubecam: {problem}"), file=sys.stderr)
    return status


if __name__ == "__main__":
    script()
