"""The command `tubecam`: finds the subcommand, and turns errors into a sentence and an exit status.

A subcommand's module is imported only when it is asked for, so that help is there at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from ._version import __version__
from .errors import TubecamError, UsageError

COMMANDS = {
    "run": "explain a video, a camera or a network stream",
    "demo": "render a small video whose answer is known, and explain it",
    "methods": "draw what each method makes of the same moment of a video",
    "export": "turn a PyTorch model into a bundle",
    "models": "list the architectures that are exported by name",
    "inspect": "say what is in a bundle",
    "build": "compile a bundle for this machine's NVIDIA GPU, and check what that changes",
    "bench": "measure how long explanations take here, beside other libraries",
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

`tubecam COMMAND --help` tells more about each.
Exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line and gives the exit status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        args = _parser(arguments).parse_args(arguments)
        if args.command is None:
            _parser([]).print_help()
            return 0
        return args.run(args)
    except UsageError as error:
        return _complain(error, 2)
    except TubecamError as error:
        return _complain(error, 1)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)
    except BrokenPipeError:
        # Whoever read our output has left; nothing more can be said there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tubecam",
        usage="tubecam COMMAND …",
        description=_DESCRIPTION.format(**COMMANDS),
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tubecam {__version__}")
    subparsers = parser.add_subparsers(dest="command", prog="tubecam", help=argparse.SUPPRESS)
    asked = next((word for word in arguments if not word.startswith("-")), None)
    for name in COMMANDS:
        if name == asked:
            import_module(f".commands.{name}", __package__).add_parser(subparsers)
        else:
            subparsers.add_parser(name, add_help=False)
    return parser


def _complain(problem: object, status: int) -> int:
    print(f"tubecam: {problem}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
