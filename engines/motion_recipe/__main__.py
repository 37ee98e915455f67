"""Renders clips, trains on them, exports, and measures the exported bundle.

python -m engines.motion_recipe [--out engines/motion] [--seed 0] [--clips 3600] [--epochs 6]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import torch

from tubecam.export import export
from tubecam.export.bundle_folder import refuse_overwrite, state
from tubecam.scene.scene import LABELS

from .data import CLIP, Clips, render
from .evaluate import BundlePredict, Figures, evaluate
from .model import LAYER, CentredNet
from .train import train

REQUIRED = {"held_out_accuracy": 0.95, "pointing_game": 0.90}


def main() -> int:
    options = _options()
    refuse_overwrite(options.out, force=True)  # before minutes of work, not after
    begin = time.monotonic()
    torch.set_num_threads(options.threads)
    _say(begin, f"rendering {options.clips} training and {options.held_out} held-out clips")
    seen = render("train", options.clips, seed=options.seed, grey=True)
    # The clips of seed + 1 chose the width of the network's last mean, so others have to judge it.
    unseen = render("held-out", options.held_out, seed=options.seed + 2)
    _say(begin, "training on labels alone")
    net = train(seen, options.epochs, options.seed)
    _say(begin, "exporting")
    export(
        CentredNet(net), options.out, labels=LABELS, clip=CLIP, name="motion", layer=LAYER,
        license="Apache-2.0", force=True, progress=print,
    )  # fmt: skip
    figures = measure(options.out, unseen)
    _note(options.out, options, figures)
    _say(begin, "done")
    summary = figures.summary()
    missed = [name for name, least in REQUIRED.items() if summary[name] < least]
    for name in missed:
        print(f"{name} is {summary[name]:.4f}, below {REQUIRED[name]}", file=sys.stderr)
    return 1 if missed else 0


def measure(bundle: Path, clips: Clips) -> Figures:
    """Prints and returns what the exported bundle reaches in its engine."""
    predict = BundlePredict(bundle, clips)
    figures = evaluate(predict, clips, predict.layer)
    print(figures, flush=True)
    return figures


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("engines/motion"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--clips", type=int, default=3600, help="rendered training clips")
    parser.add_argument("--held-out", type=int, default=900, help="rendered held-out clips")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def _note(bundle: Path, options: argparse.Namespace, figures: Figures) -> None:
    """Adds to the sidecar where the weights come from and what they reach."""
    path = bundle / "bundle.json"
    sidecar = json.loads(path.read_text(encoding="utf-8"))
    sidecar["provenance"] |= {
        "source": "engines/motion_recipe, trained on clips that it renders",
        "command": f"python -m engines.motion_recipe --seed {options.seed}"
        f" --clips {options.clips} --epochs {options.epochs}",
        "figures": figures.summary(),
    }
    state(bundle, sidecar)


def _say(begin: float, text: str) -> None:
    print(f"[{time.monotonic() - begin:5.0f} s] {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
