"""ONNX Runtime on the bundle's own explained graph: another engine, the same explanation."""

from __future__ import annotations

import numpy as np
import onnxruntime

from ... import _core
from ..subject import Subject
from .peer import Peer


class OnnxRuntime(Peer):
    """Inference with the explanation's tensors, then the core's cam3d."""

    title = "Grad-CAM, the bundle's graph in ONNX Runtime"
    version = onnxruntime.__version__

    def __init__(self, subject: Subject) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = subject.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        file = str(subject.graph_file)
        self._session = onnxruntime.InferenceSession(file, options, ["CPUExecutionProvider"])
        target = np.array([subject.target], np.int64)
        self._inputs = {"clip": subject.clip, "target": target}
        graph = subject.graph
        self._other = "weight" if graph.weight else "gradient"
        self._names = [graph.logits, graph.activation, graph.weight or graph.gradient]

    def run(self) -> np.ndarray:
        _, activation, other = self._session.run(self._names, self._inputs)
        tube, _ = _core.cam3d(activation[0], "gradcam", **{self._other: other[0]})
        return tube

    def tube(self) -> np.ndarray:
        return np.asarray(self.run())


def make(subject: Subject) -> Peer:
    return OnnxRuntime(subject)
