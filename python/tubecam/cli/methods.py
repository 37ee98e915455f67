"""`tubecam methods`: every method of a bundle on the same window of a video."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..errors import UsageError
from ..libraries.extras import needed_for
from ..text.counting import counted
from ..windows.sampling import PADS, RULES
from .arguments import add_scale


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds this command to the command line."""
    parser = subparsers.add_parser(
        "methods",
        usage="tubecam methods VIDEO -o SHEET.png [--bundle B] [--method A,B] [--at S]",
        description="Draws what each method of a bundle makes of the same window of a video, a row"
        " each: four frames with heat, relevance over time, motion share, what the relevance sums"
        " to, passes and time.",
        epilog="engines/METHODS.md says which method is for what.",
    )
    parser.add_argument("video", metavar="VIDEO", help="a file, or test for the rendered scene")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="SHEET",
                        help="the picture to write: .png or .jpg")  # fmt: skip
    parser.add_argument("--bundle", default="motion", metavar="B", help="the model: a bundle's"
                        " folder or name (default: motion)")  # fmt: skip
    parser.add_argument("--method", metavar="A,B", type=lambda text: text.split(","),
                        help="only these (default: all that the bundle offers)")  # fmt: skip
    parser.add_argument("--at", type=float, metavar="S", help="the window that ends at second S or"
                        " just after (default: the one of highest relevance)")  # fmt: skip
    add_scale(parser)
    parser.add_argument("--pad", choices=PADS, default="last", metavar="P",
                        help="what fills the window of a shorter video: last, loop or none"
                        " (default: last)")  # fmt: skip
    parser.add_argument("--sampling", choices=RULES, default="rate", metavar="R",
                        help="rate, or uniform: one window over the whole file"
                        " (default: rate)")  # fmt: skip
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Writes the sheet and says so; 0."""
    from ..drawing.heat import HeatStyle
    from ..explainer.explain_video import uniform_rate
    from ..explainer.explainer import Explainer
    from ..video.output import check_writable
    from ..video.source import parse_source

    with needed_for("a sheet of methods", "cli"):
        from ..figures.method_sheet import draw_comparison, explain_moment, strongest_moment
        from ..figures.page import save
    if args.output.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise UsageError(f"{args.output}: a sheet's name must end in .png or .jpg")
    source = parse_source(args.video)
    check_writable(args.output, source.path, overwrite=True)
    with Explainer(args.bundle) as explainer:
        methods = args.method or explainer.methods
        for name in methods:
            if name not in explainer.methods:
                raise UsageError(f"--method {name}: {explainer.bundle.name} offers"
                                 f" {', '.join(explainer.methods)}")  # fmt: skip
        if args.sampling == "uniform":
            explainer.sample_fps = uniform_rate(source, explainer)
        moment = strongest_moment(explainer, source, args.at, args.pad)
        explanations = list(explain_moment(explainer, moment, methods))
        name = Path(args.video).name
        save(args.output, draw_comparison(moment, explanations, name, HeatStyle(scale=args.scale)))
    first, last = moment.times[0], moment.times[-1]
    print(
        f"{counted(len(explanations), 'method')} on {first:.2f} s to {last:.2f} s", file=sys.stderr
    )
    print(f"Written: {args.output}", file=sys.stderr)
    return 0
