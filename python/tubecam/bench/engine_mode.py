"""Engine mode: one clip at a time, plain, explained by each method, and by the peers.

Rows, all in one interleaved run:
    plain       the graph of the logits alone, in the same engine with the same settings
    graph       the explained graph: the same forward pass with the explanation's tensors
    METHOD      Explainer.explain: graph, tube, curve, peak and boxes
    METHOD P    the default method in another precision P, and how far its map lies from METHOD's
    PEER        another library's way to the map
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _core
from ..errors import TubecamError
from ..explainer.explainer import Explainer
from . import floor as machine
from . import graph, memory
from .agreement import agree, drift_over
from .maps import gradcam, tensors_of
from .peers import Unfit, make_peer
from .row import Row
from .statistics import paired_ratio, samples_needed
from .subject import Subject
from .timing import Contender, Rounds

_SLOW = ("motion-split-exact",)  # a pass a slice: measured when it is asked for


class EngineBench:
    """Prepares, measures and reports; each step may be interrupted and leaves what it has."""

    def __init__(self, subject: Subject, peers: list[str], seconds: float) -> None:
        self.subject, self.peers, self.seconds = subject, peers, seconds
        self.rows: list[Row] = []
        self.notes: list[str] = []
        self._work: graph.Work | None = None
        self._peak: Contender | None = None
        self._bandwidth = math.nan
        self.rounds = Rounds([])
        self._reference: np.ndarray | None = None

    def prepare(self, log: Callable[[str], object]) -> None:
        """Loads and warms up every row; a peer that cannot take part becomes a row that says so."""
        log("loading the bundle into the engine")
        explained, self.engine_info = self._explained_rows()
        self._prepare_floor(log)
        log("loading the plain graph")
        self.rows = [*self._plain_row(), *explained]
        for precision in self.subject.precisions:
            log(f"loading {precision}")
            self.rows.append(self._precision_row(precision))
        for name in self.peers:
            log(f"loading the peer {name}")
            self.rows.append(self._peer_row(name))
        self._plan()

    def measure(self, progress: Callable[[float], object]) -> None:
        """Interleaved rounds; KeyboardInterrupt passes."""
        self.rounds.run(self.seconds, progress=progress)

    # ---- rows ----

    def _explained_rows(self) -> tuple[list[Row], _core.EngineInfo]:
        subject = self.subject
        with memory.Growth() as growth:
            engine = _core.Engine(subject.bundle.core, 0, **self._settings)
            outputs = engine.infer(subject.clip, subject.target)
        if tensors_of(subject.graph):
            self._reference = gradcam(self.subject.graph, outputs)
        row = Row("graph", "graph", f"explained graph, {engine.info.name}")
        row.contender = Contender("graph", lambda: engine.infer(subject.clip, subject.target))
        row.memory_mb = growth.megabytes
        row.contender.warm_up()
        return [row, *self._method_rows()], engine.info

    @property
    def _settings(self) -> dict[str, Any]:
        names = ("device", "engine", "precision", "threads")
        return {name: getattr(self.subject, name) for name in names}

    def _method_rows(self) -> list[Row]:
        """The first method of a graph is charged with the graph's memory."""
        bundle, rows, seen = self.subject.bundle, [], set()
        with memory.Growth() as growth:
            explainer = Explainer(bundle.folder, target=self.subject.target, **self._settings)
        for method in self._methods():
            row, graph_file = self._method_row(explainer, method), bundle.graph_of(method).file
            with memory.Growth() as more:
                row.contender.run()
            if graph_file not in seen:
                row.memory_mb = more.megabytes + (0 if seen else growth.megabytes)
            seen.add(graph_file)
            row.contender.warm_up()
            rows.append(row)
        return rows

    @property
    def _is_openvino(self) -> bool:
        return self.engine_info.name == "openvino"

    def _methods(self) -> list[str]:
        """The default method first, and always measured."""
        bundle = self.subject.bundle
        asked = self.subject.methods or [m for m in bundle.methods if m not in _SLOW]
        return list(dict.fromkeys([bundle.default_method, *asked]))

    def _method_row(self, explainer: Explainer, method: str) -> Row:
        row = Row(method, "method", f"{method}, whole explanation")
        row.contender = self._explaining(row, explainer, method)
        return row

    def _explaining(self, row: Row, explainer: Explainer, method: str) -> Contender:
        """Explains the clip; notes its stages in the row."""

        def run() -> None:
            explainer.method = method
            timings = explainer.explain(self.subject.clip[0]).timings
            for stage in ("engine", "explain"):
                row.stages.setdefault(stage, []).append(getattr(timings, stage))

        return Contender(row.name, run)

    def _precision_row(self, precision: str) -> Row:
        """The default method in another precision; what cannot run becomes a row that says so."""
        subject, method = self.subject, self._methods()[0]
        settings = {"method": method, "target": subject.target, **self._settings}
        row = Row(f"{method} {precision}", "precision", f"{method}, {precision}")
        try:
            with memory.Growth() as growth:
                explainer = Explainer(subject.bundle.folder, **{**settings, "precision": precision})
                row.contender = self._explaining(row, explainer, method)
                row.contender.warm_up()
        except TubecamError as error:
            return Row(row.name, row.kind, row.title, skipped=str(error))
        row.memory_mb = growth.megabytes
        row.title = f"{method}, computed in {explainer.engine_info.precision}"
        with Explainer(subject.bundle.folder, **settings) as reference:
            row.agreement = drift_over(reference, explainer)
        return row

    def _plain_row(self) -> list[Row]:
        subject = self.subject
        row = Row("plain", "plain", "plain forward, logits only")
        if not self._is_openvino:
            row.skipped = "the plain graph is measured with OpenVINO on the CPU"
            return [row]
        with memory.Growth() as growth:
            engine = _core.Engine(subject.bundle.core, 0, logits_only=True, **self._settings)
            row.contender = Contender("plain", lambda: engine.infer(subject.clip))
            row.contender.warm_up()
        row.memory_mb = growth.megabytes
        return [row]

    def _peer_row(self, name: str) -> Row:
        if self._reference is None:
            text = "compares class-activation maps, which this bundle does not make by default"
            return Row(name, "peer", name, skipped=text)
        try:
            with memory.Growth() as growth:
                peer = make_peer(name, self.subject)
                agreement = agree(peer.tube(), self._reference)
            row = Row(name, "peer", f"{peer.title} ({peer.version})", agreement=agreement)
            row.contender, row.memory_mb = Contender(name, peer.run), growth.megabytes
            row.contender.warm_up()
            return row
        except Unfit as error:
            return Row(name, "peer", name, skipped=str(error))
        except Exception as error:  # a foreign library may fail in any way; the other rows go on
            text = (str(error).strip().splitlines() or [""])[0][:160]
            return Row(name, "peer", name, skipped=f"failed: {type(error).__name__}: {text}")

    # ---- the run ----

    def _prepare_floor(self, log: Callable[[str], object]) -> None:
        subject = self.subject
        if not self._is_openvino or "int8" in self.engine_info.precision:
            return  # the peak is measured in floating point
        log("finding what the machine can do at best")
        self._work = graph.work(graph.load(subject.graph_file))
        self._bandwidth = machine.copy_bandwidth(subject.threads)
        product = machine.PeakProduct(subject.threads, subject.precision)
        self._peak = Contender("peak", product)
        self._peak.warm_up()

    def _plan(self) -> None:
        """The default method and all else have a turn in every round; other methods share one."""
        able = [row for row in self.rows if row.contender]
        others = [row for row in able if row.kind == "method"][1:]
        each = [[row.contender] for row in able if row not in others]
        each += [[self._peak]] if self._peak else []
        self.rounds = Rounds([*each, [row.contender for row in others]])
        for row in self.rows:
            row.stages.clear()
        count, needed = self.rounds.expected(self.seconds), samples_needed(99)
        if count < needed:
            self.notes.append(
                f"p99 needs {needed} samples, and {self.seconds:g} s give about {count}:"
                f" --duration {math.ceil(needed * self.rounds.cost * 1.05)} would do"
            )

    # ---- results ----

    def overheads(self) -> dict[str, dict[str, Any]]:
        """What explaining costs: explained over plain, the default method over itself in other
        precisions, and each peer over all of these."""
        able = {row.name: row for row in self.rows if row.contender}
        found: dict[str, dict[str, Any]] = {}
        plain = able.get("plain")
        first = next((r for r in able.values() if r.kind == "method"), None)
        narrow = [r for r in able.values() if r.kind == "precision"]
        for row in able.values():
            if plain and row.kind in ("graph", "method"):
                found[f"{row.name}/plain"] = _ratio(row, plain)
            elif row.kind == "precision":
                found[f"{first.name}/{row.name}"] = _ratio(first, row)
            elif row.kind == "peer":
                for ours in [first, *narrow]:
                    found[f"{row.name}/{ours.name}"] = _ratio(row, ours)
        return {name: value for name, value in found.items() if value}

    def floor(self) -> dict[str, float]:
        """What the machine could do at best while it ran, and how close the explanation comes."""
        if self._peak is None or self._work is None or not self._peak.seconds:
            return {}
        found = machine.floor(self._work, self._peak.run.macs_per_second, self._bandwidth)
        default = next(row for row in self.rows if row.kind == "method")
        fastest = float(np.nanmin(default.contender.seconds)) * 1e3
        return {**found, "fastest_ms": fastest, "reached": found["floor_ms"] / fastest}

    def facts(self) -> dict[str, Any]:
        """Everything in JSON."""
        spec, info = self.subject.bundle.clip, self.engine_info
        return {
            "clip": [spec.length, spec.height, spec.width],
            "layer": self.subject.graph.layer.name,
            "engine": {n: getattr(info, n) for n in ("name", "version", "device", "precision")},
            "rounds": self.rounds.count,
            "rows": [row.facts() for row in self.rows],
            "overheads": self.overheads(),
            "floor": self.floor(),
            "peak_memory_mb": round(memory.peak(), 1),
        }


def _ratio(row: Row, base: Row) -> dict[str, Any] | None:
    return paired_ratio(row.contender.seconds, base.contender.seconds)
