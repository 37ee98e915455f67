"""`tubecam export SOURCE --list-layers`: which layers there are to choose from."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ..bundle.layer_grid import field_text, is_coarse

if TYPE_CHECKING:
    from ..export.listing import ListedLayer, Listing

_ROW = "{:{width}}  {:>8}  {:>10}  {:>12}  {}"


def print_layers(args: argparse.Namespace, clip: dict[str, Any]) -> None:
    """The table of a model's layers, nothing is exported."""
    from ..export import list_layers

    listing = list_layers(
        args.source,
        weights=args.weights,
        tokens=args.tokens,
        clip=clip,
        time_first=args.time_first,
        output=args.output_key,
        reduce=args.reduce,
    )
    print(table(listing))


def table(listing: Listing) -> str:
    """A layer a line, the first one that sees the clip first, and which is explained by default."""
    width = max([len(layer.name) for layer in listing.layers] + [5])
    lines = [_ROW.format("layer", "channels", "cells", "stride", "a cell sees", width=width)]
    lines += [_line(layer, listing, width) for layer in listing.layers]
    chosen = f"by default: {listing.default}" if listing.default else listing.reason
    return "\n".join([*(line.rstrip() for line in lines), "", chosen])


def _line(layer: ListedLayer, listing: Listing, width: int) -> str:
    channels, *grid = layer.shape
    cells = "x".join(map(str, grid)) + (f"+{layer.others}" if layer.others else "")
    stride = " ".join(f"{value:.3g}" for value in layer.geometry.stride)
    sees = field_text(layer.geometry.field, listing.clip)
    note = " (coarse)" if is_coarse(layer.shape) else ""
    return _ROW.format(layer.name, channels, cells, stride, sees + note, width=width)
