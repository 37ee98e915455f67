"""`tubecam env`: the shell line after which gst-launch-1.0 finds the elements."""

from __future__ import annotations

import argparse

from ..errors import UnavailableError
from ..libraries import plugin_path


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds this command to the command line."""
    parser = subparsers.add_parser(
        "env",
        usage="tubecam env",
        description="Prints the line that lets gst-launch-1.0 and gst-inspect-1.0 find TubeCAM's"
        ' elements, and nothing else: eval "$(tubecam env)"',
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints the line; 0. Raises UnavailableError where there is no plugin to find."""
    if not plugin_path.PLUGIN.is_file():
        raise UnavailableError(
            f"the plugin is not built: there is no {plugin_path.PLUGIN}; `tubecam doctor` says what"
            " it needs"
        )
    print(plugin_path.export_line())
    return 0
