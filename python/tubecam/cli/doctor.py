"""`tubecam doctor`: what is installed, what is missing, and the command that installs it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict

from ..libraries import plugin_path
from .installation import Check, all_checks

_MARKS = {(True, True): "ok", (True, False): "ok", (False, True): "MISSING", (False, False): "-"}


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds this command to the command line."""
    parser = subparsers.add_parser(
        "doctor",
        help="say what is installed, what is missing, and how to install it",
        description="Says what is installed, and what is missing with the command that installs it."
        " Exit status 1 when something needed is missing.",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints the findings; 0 when everything that is needed is there, else 1."""
    checks = list(all_checks())
    healthy = all(check.ok for check in checks if check.needed)
    print(_as_json(checks, healthy) if args.json else _as_text(checks, healthy))
    return 0 if healthy else 1


def _as_json(checks: Iterable[Check], healthy: bool) -> str:
    report = {
        "healthy": healthy,
        "gst_plugin_path": str(plugin_path.PLUGIN_DIR),
        "checks": [asdict(check) for check in checks],
    }
    return json.dumps(report, indent=2, ensure_ascii=False)


def _as_text(checks: list[Check], healthy: bool) -> str:
    width = max(len(check.name) for check in checks)
    lines = []
    for group in dict.fromkeys(check.group for check in checks):
        lines += ["", group]
        lines += [_line(check, width) for check in checks if check.group == group]
    lines += ["", *_advice(checks, healthy), "", "For gst-launch-1.0 and gst-inspect-1.0:"]
    return "\n".join([*lines[1:], '  eval "$(tubecam env)"'])


def _line(check: Check, width: int) -> str:
    return f"  {_MARKS[check.ok, check.needed]:7}  {check.name:{width}}  {check.detail}".rstrip()


def _advice(checks: Iterable[Check], healthy: bool) -> list[str]:
    needed = dict.fromkeys(c.fix for c in checks if not c.ok and c.needed)
    optional = dict.fromkeys(c.fix for c in checks if not c.ok and not c.needed)
    lines = ["Everything that is needed is there."] if healthy else ["Install what is missing:"]
    lines += [f"  {fix}" for fix in _merged(needed)]
    if optional:
        lines += ["Optional:", *(f"  {fix}" for fix in _merged(optional))]
    return lines


def _merged(fixes: Iterable[str]) -> list[str]:
    """The commands, with those that differ in a package's name only made one."""
    apt, others = [], []
    for fix in fixes:
        if fix.startswith("apt-get install "):
            apt += fix.split()[2:]
        else:
            others.append(fix)
    command = ["sudo apt-get install " + " ".join(dict.fromkeys(apt))] if apt else []
    return [*command, *dict.fromkeys(others)]


if __name__ == "__main__":
    sys.exit(run(argparse.Namespace(json="--json" in sys.argv)))
