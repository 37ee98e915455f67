"""ONNX Runtime on the bundle's own explained graph: another engine, the same explanation."""

from __future__ import annotations

import numpy as np
import onnxruntime

from ... import _core
from ..maps import gradcam, tensors_of
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
        self._graph = subject.graph
        file = str(subject.graph_file)
        self._session = onnxruntime.InferenceSession(file, options, ["CPUExecutionProvider"])
        target = np.array([subject.target], np.int64)
        self._inputs = {"clip": subject.clip, "target": target}
        clip = subject.bundle.core.clip
        self._flow = _core.ClipFlow(clip) if clip.flow else None
        layers = [name for n in tensors_of(self._graph) for name in (n.activation, n.second)]
        self._names = [self._graph.logits, *layers]

    def run(self) -> np.ndarray:
        if self._flow is not None:  # as our engine does before each inference
            self._inputs["flow"] = self._flow.run(self._inputs["clip"][0])[None]
        outputs = self._session.run(self._names, self._inputs)
        return gradcam(self._graph, dict(zip(self._names, outputs, strict=True)))

    def tube(self) -> np.ndarray:
        return self.run()


def make(subject: Subject) -> Peer:
    return OnnxRuntime(subject)
