"""Two ways to answer for a clip: the network in PyTorch, and the bundle in OpenVINO."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from .data import Clips, normalise
from .model import LAYER

Answer = tuple[np.ndarray, np.ndarray, np.ndarray]  # logits [K], activation [C, t, h, w], weight [C]


class TorchPredict:
    """A `MotionNet` in evaluation mode, before anything is exported."""

    def __init__(self, net, clips: Clips) -> None:
        self._net, self._clips = net.eval(), clips
        self.layer = LAYER

    def __call__(self, index: int) -> Answer:
        clip = normalise(self._clips.frames[index : index + 1])
        activation = self._net.explained(clip).detach()
        logits = self._net.head(activation.mean((2, 3, 4)))[0].detach()
        weight = self._net.head.weight[logits.argmax()].detach()
        return logits.numpy(), activation[0].numpy(), weight.numpy()


class BundlePredict:
    """The exported graph, run as a bundle's graph is, without this project's runtime."""

    def __init__(self, bundle: Path, clips: Clips) -> None:
        import openvino

        sidecar = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))
        graph = sidecar["graphs"][0]
        self.layer, self._clips = graph["layer"], clips
        hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        self._model = openvino.compile_model(bundle / graph["file"], "CPU", hints)

    def __call__(self, index: int) -> Answer:
        clip = normalise(self._clips.frames[index : index + 1], time_first=True).numpy()
        found = self._model({"clip": clip, "target": np.array([-1], np.int64)})
        return tuple(found[name][0] for name in ("logits", "activation", "weight"))
