"""The export, step by step: load, trace, fold, choose, differentiate, convert, check, write."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt
from torch import nn

from .._version import __version__
from ..bundle.bundle import load_bundle
from ..errors import ExportError, UsageError
from . import bundle_folder
from .axes.receptive_field import Geometry
from .axes.token_layout import token_grid
from .cam.graph import Graph, Progress, class_activation, example_clip, explained_graph
from .convert_bundle import convert, is_bundle, load_wide, report_of, spec_of
from .graph_entry import Part, judge, write_cam, write_relevance
from .head.find_head import headed_model
from .head.head import Head
from .models.load import Source, load_source
from .precision.precision import Calibration, Narrow, checked_precision, prepared
from .relevance import FEW_PASS, INPUT_GRADIENT
from .relevance import METHODS as RELEVANCE_METHODS
from .relevance.domain import domain_of
from .relevance.graph import RelevanceGraph, build_relevance, checked_pool, readable_pool
from .spec import ClipSpec, clip_spec
from .trace.refusals import NoFormError
from .verify.check_report import CheckReport, joined
from .verify.sanity import Sanity

CAM_METHODS = ("gradcam", "cam", "gradcam-frame", "hirescam", "layercam", "gradcam++", "xgradcam")
MOTION = ("motion-split", "motion-split-exact", "selective-relevance")
METHODS = (*CAM_METHODS, *RELEVANCE_METHODS, *FEW_PASS, *MOTION)
REPLACE = "Nothing else works for this model either: replace that module."
CAM = "class activation"  # the methods that share one graph


@dataclass(frozen=True)
class ExportReport:
    """What was exported.

    Attributes
    ----------
    path : Path
        The bundle folder.
    layer, layer_shape : str, (C, t, h, w)
        The explained tensor of the first graph: ``clip`` where that gives relevance to the input.
    layers : tuple of str
        All explained layers of the first graph.
    closed_form : bool
        The head is global average pool + linear, so no backward pass is in the graph.
    geometry : Geometry
        The layer's stride and offset on the clip.
    methods : tuple of str
        Explanations that the bundle offers.
    folded, kept : int
        Batch normalisations folded into convolutions, and kept as affine operators.
    forms : dict
        How many convolution gradients took which form.
    check : CheckReport
        Agreement with autograd.
    sanity : dict
        By method: what its maps depend on.
    quantisation : dict
        Of an int8 graph: layers, clips, windows, rule, drift and limits, as in the sidecar.
    head : Head or None
        How scores follow from the logits; None where a bundle was converted.
    marks : tuple of str
        What explanations will bear, and by which methods.
    clip : (T, H, W)
    coarse : tuple of str
        Of each layer with few cells, a sentence that names a finer one.
    beside : str
        A sentence on pathways that were not explained, where none was named; empty without any.
    """

    path: Path
    layer: str
    layer_shape: tuple[int, int, int, int]
    layers: tuple[str, ...]
    closed_form: bool
    geometry: Geometry
    methods: tuple[str, ...]
    classes: int
    folded: int
    kept: int
    forms: dict[str, int]
    check: CheckReport
    sanity: dict[str, Sanity]
    quantisation: dict[str, Any] = field(default_factory=dict)
    head: Head | None = None
    marks: tuple[str, ...] = ()
    clip: tuple[int, int, int] = (0, 0, 0)
    coarse: tuple[str, ...] = ()
    beside: str = ""


def export(
    source: str | nn.Module,
    out: str | os.PathLike[str],
    *,
    weights: str | os.PathLike[str] | None = None,
    random_weights: bool = False,
    seed: int = 0,
    layer: str | Sequence[str] | None = None,
    tokens: str | None = None,
    methods: Sequence[str] | None = None,
    pool: Sequence[int] | None = (1, 1, 1),
    reference: npt.ArrayLike | None = None,
    labels: Sequence[str] | str | os.PathLike[str] | None = None,
    clip: ClipSpec | Mapping[str, Any] | None = None,
    precision: str = "float32",
    calibrate: Calibration | None = None,
    windows: int | None = None,
    name: str | None = None,
    time_first: bool = False,
    head: str | None = None,
    output: str | None = None,
    reduce: str | None = None,
    license: str = "unstated",
    force: bool = False,
    measure: bool = True,
    progress: Progress | None = None,
) -> ExportReport:
    """Writes a bundle: the model and its explanation as one graph, checked against autograd.

    Parameters
    ----------
    source : str or Module
        ``r3d_18``, ``mc3_18``, ``r2plus1d_18``; ``package.module:factory``; or a module, which is
        copied and explained in evaluation mode. Models take [N, 3, T, H, W] float32 and give
        logits [N, K]. Or a bundle's folder: its float32 graphs are written in another `precision`.
    out : path
        The bundle folder. Written as a whole or not at all.
    weights : path, optional
        A checkpoint (tensors only).
    random_weights : bool
        An architecture without a checkpoint, on purpose; `seed` decides the weights.
    layer : str or sequence of str, optional
        Module path (``layer3``; ``relu:0`` for the first of several calls, else the last), or
        several of them for a model of several pathways, each ``NAME=PATH``: every pathway then has
        a tube and a share of the decision. Default: the architecture's own, or else the last
        tensor whose cells the head reads (:mod:`default_layer`).
    tokens : str, optional
        ``8x14x14+1``: how a transformer's tokens lie in time, height and width, and how many stand
        in front that are none (class, registers). Needed only where the graph does not tell.
    methods : sequence of str, optional
        A subset of ``METHODS``, the first is the default method. Class-activation methods share one
        graph, each method of relevance to the input has its own. Default: all class-activation
        methods that the head allows.
    pool : (t, y, x)
        Slices, rows and columns whose relevance to the input is summed into one cell; None: square
        cells that can be read on a picture (:func:`readable_pool`). The cells of
        ``attention-rollout`` are the model's tokens, whatever this says.
    reference : array [T, 3, H, W], optional
        What ``deeplift`` compares a clip with, normalised as the model takes it. Default: zero, the
        mean colour everywhere.
    labels : sequence of str, or path of a file with one a line
    clip : ClipSpec or mapping, optional
        What clips the model expects.
    precision : str
        What the graph of the class-activation methods computes in: ``float32``; ``float16``; or
        ``int8``, convolutions and linear layers by explicit quantise–dequantise pairs. The float32
        graph is checked first and stays in the bundle as the reference; what rounding adds is
        measured and stated. Relevance to the input stays in float32 (``narrow.py``).
    calibrate : paths of videos or folders, or float32 [N, T, 3, H, W], optional
        For ``int8``: clips like those that the model will see, which decide the ranges. ``test`` is
        the rendered scene. Videos are cut into windows and preprocessed as the runtime does it; a
        quarter of them is held out, to measure on.
    windows : int, optional
        How many of them at most (48).
    time_first : bool
        The model takes [N, T, 3, H, W].
    head : str, optional
        What the model gives: ``logits``; ``softmax``, ``log-softmax`` or ``sigmoid`` of them, which
        is recognised where it is its last operator; ``multi-label`` for logits of classes that are
        each judged by themselves; ``scores`` for values that are no probabilities, as of a
        regression. One logit decides between the labels no and yes.
    output : str, optional
        Of a model that gives several tensors: a key, a field or a place, ``heads.verb`` of nested
        ones. Needed where more than one could be the prediction.
    reduce : str, optional
        ``mean``, ``max`` or ``last`` over the times of a model that predicts for each.
    force : bool
        Replace a bundle at `out`, and export all the same, marked so, a method of relevance whose
        maps do not depend on the class, or an int8 graph whose maps are not float32's. A folder
        that is no bundle is never replaced.
    measure : bool
        Time the forms of large convolution gradients in the engine and take the fastest.
    progress : callable, optional
        Receives one line of text per step.

    Raises
    ------
    UsageError
        An argument is wrong; nothing was touched.
    ExportError
        The model cannot be traced, the graph does not agree with autograd, a method of relevance
        does not depend on the class, or int8 moves the maps beyond the limits; nothing is left.
    StreamError
        A video to calibrate with is missing, no video, or shorter than a window.
    """
    say = progress or (lambda text: None)
    out = Path(out)
    _check_methods(methods)
    checked_precision(precision, calibrate)
    bundle_folder.refuse_overwrite(out, force)
    name = bundle_folder.checked_name(name or _file_name(out))
    if is_bundle(source):
        given = {"--weights": weights, "--random-weights": random_weights, "--layer": layer,
                 "--method": methods, "--labels": labels, "clip settings": clip,
                 "--time-first": time_first, "--tokens": tokens, "--head": head,
                 "--output-key": output, "--reduce": reduce}  # fmt: skip
        _refuse_settings(source, given)
        wide = load_wide(source, precision)
        narrow = prepared(precision, calibrate, spec_of(wide), force, say, windows)
        return _converted(out, convert(wide, out, narrow, name, license, say))
    if isinstance(labels, (str, os.PathLike)):
        labels = bundle_folder.read_labels(Path(labels))
    stated = token_grid(tokens) if tokens is not None else None
    say("loading the model")
    found = load_source(source, weights, random_weights, seed, len(labels) if labels else None)
    found.clip = clip_spec(clip, found.clip)
    found.model, read = headed_model(
        found, head or found.head, output, reduce, time_first, seed, labels, say
    )
    names = bundle_folder.checked_labels(labels or found.labels, read.classes, read)
    shape = found.clip.input_shape
    cells = readable_pool(shape) if pool is None else checked_pool(pool, shape)
    domain = domain_of(found.clip, reference)
    asked = _without_motion(methods)
    cam = [m for m in asked if m in CAM_METHODS] if asked is not None else None
    kinds = list(dict.fromkeys(_kind(m) for m in asked or CAM_METHODS))
    if precision == "int8" and CAM not in kinds:
        raise UsageError(
            f"{kinds[0]} is computed in float32 only; int8 is for {', '.join(CAM_METHODS)}."
        )
    narrow = prepared(precision, calibrate, found.clip, force, say, windows)

    def attempt(kind: str) -> Graph | RelevanceGraph:
        if kind == CAM:
            chosen = found.layer if layer is None else layer
            return explained_graph(found, chosen, stated, time_first, seed, measure, say)
        say(f"tracing {kind}")
        example = example_clip(found.clip, seed)
        return build_relevance(
            found.model, example, kind, cells, domain, time_first, measure, stated
        )

    def build(kind: str) -> Graph | RelevanceGraph:
        try:
            return attempt(kind)
        except NoFormError as error:
            advice = class_activation(found, found.layer, stated, time_first, seed)
            raise ExportError(f"{error} {advice or REPLACE}") from error

    def write(graph: Graph | RelevanceGraph, folder: Path) -> Part:
        if isinstance(graph, RelevanceGraph):
            say(f"comparing {graph.method} with float64 on inputs that were not traced")
            of_graph = tuple(m for m in asked or () if _kind(m) == graph.method)
            part = write_relevance(graph, of_graph, found, folder, time_first, seed, precision)
            for method in of_graph:
                judge(method, part.sanity[method], force, say)
            return part
        offered = _offered(cam, graph)
        say("comparing with autograd on inputs that were not traced")
        part = write_cam(graph, offered, folder, time_first, seed, narrow, say)
        for method in offered:  # what nobody asked for by name is marked
            judge(method, part.sanity[method], force or cam is None, say)
        return part

    first = build(kinds[0])
    with bundle_folder.new_folder(out) as folder:
        parts = [write(first, folder), *(write(build(kind), folder) for kind in kinds[1:])]
        check = joined([part.check for part in parts])
        (folder / bundle_folder.LABELS).write_text("\n".join(names) + "\n", encoding="utf-8")
        content = _sidecar(found, name, read, parts, narrow, check, license)
        files = [file for part in parts for file in part.files]
        marks = bundle_folder.write_sidecar(folder, [*files, bundle_folder.LABELS], content).marks
    say(f"wrote {out}")
    offered = tuple(method for part in parts for method in part.entry["methods"])
    return ExportReport(
        out, first.layer.name, first.layer.shape, tuple(layer.name for layer in first.layers),
        first.closed_form, first.layer.geometry, offered,
        first.classes, first.folded, first.kept, first.forms, check,
        {name: sanity for part in parts for name, sanity in part.sanity.items()},
         next((p.entry["quantisation"] for p in parts if "quantisation" in p.entry), {}),
         read, marks, (shape[1], *shape[3:]), getattr(first, "coarse", ()),
        getattr(first, "beside", ""),
    )  # fmt: skip


def _refuse_settings(source: str, given: Mapping[str, Any]) -> None:
    wrong = [name for name, value in given.items() if value]
    if wrong:
        raise UsageError(f"{source} is a bundle, whose graphs are fixed: leave out {wrong[0]}.")


def _converted(out: Path, sidecar: dict[str, Any]) -> ExportReport:
    """What a bundle says of itself that was made from another."""
    first = sidecar["graphs"][0]
    layers = [pathway["layer"] for pathway in first.get("pathways", [first])]
    layer = layers[0]
    return ExportReport(
        out, layer["name"], tuple(layer["shape"]), tuple(each["name"] for each in layers),
        "weight" in first["outputs"],
        Geometry(*(tuple(layer.get(k, ())) for k in ("stride", "offset", "receptive_field"))),
        tuple(method for graph in sidecar["graphs"] for method in graph["methods"]),
        len(load_bundle(out).labels), 0, 0, {}, report_of(sidecar), {},
        next((g["quantisation"] for g in sidecar["graphs"] if "quantisation" in g), {}),
        marks=load_bundle(out).marks,
        clip=tuple(sidecar["clip"][n] for n in ("length", "height", "width")),
    )  # fmt: skip


def _kind(method: str) -> str:
    """What the methods that share a graph have in common."""
    if method in CAM_METHODS:
        return CAM
    return INPUT_GRADIENT if method in FEW_PASS else method


def _without_motion(methods: Sequence[str] | None) -> list[str] | None:
    """Those that need a graph: every bundle offers the methods of motion, made of others."""
    if methods is None:
        return None
    return [m for m in methods if m not in MOTION] or ["gradcam"]


def _check_methods(methods: Sequence[str] | None) -> None:
    if methods is None:
        return
    if isinstance(methods, str) or not methods:
        raise UsageError("methods is a list of names that is not empty.")
    wrong = [m for m in methods if m not in METHODS]
    if wrong:
        raise UsageError(f"unknown method {wrong[0]!r}; there are {', '.join(METHODS)}.")


def _offered(methods: Sequence[str] | None, graph: Graph) -> tuple[str, ...]:
    """`cam` reads the head's own weights, so it exists for one kind of head."""
    if methods is not None and "cam" in methods and not graph.closed_form:
        raise ExportError(
            "cam needs a head of global average pool + linear behind layer "
            f"'{graph.layer.name}', and this one is another. gradcam is the same up to a factor "
            "there and works for any head; so do hirescam, layercam, gradcam++ and xgradcam."
        )
    if methods is not None:
        return tuple(dict.fromkeys(methods))
    return tuple(m for m in CAM_METHODS if m != "cam" or graph.closed_form)


def _file_name(out: Path) -> str:
    """The folder's name without what a name may not hold, cut to what the runtime accepts."""
    plain = re.sub(r"[^\w.+-]+", "-", out.absolute().name).strip("-")
    return plain.encode()[: bundle_folder.MAX_NAME_BYTES].decode(errors="ignore") or "model"


def _sidecar(
    found: Source,
    name: str,
    head: Head,
    parts: list[Part],
    narrow: Narrow,
    check: CheckReport,
    license: str,
) -> dict[str, Any]:
    return {
        "name": name,
        "labels": bundle_folder.LABELS,
        "clip": found.clip.sidecar(),
        "head": head.sidecar(),
        "graphs": [part.entry for part in parts],
        "precision": narrow.precision,
        "check": check.sidecar(),
        "provenance": {
            "source": found.description,
            "license": license,
            "created_by": f"tubecam {__version__}",
            **narrow.provenance(),
        },
    }
