"""Processes that come from one with an Explainer: by fork, by spawn, in pickles and as copies."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import parts
import tiny_bundle
import tubecam
from places import SUPPORT
from tubecam import MethodOptions, _core
from tubecam.errors import UsageError

# What the scripts below begin with. `child` forks, runs a function there and gives its status; one
# that hangs is killed after a while and gives 9.
HEAD = """
import os, signal, sys, threading, time
sys.path.insert(0, {tests!r})
import numpy as np
import tiny_bundle, tubecam
from tubecam.errors import TubecamError
BUNDLE, CLIP = {bundle!r}, tiny_bundle.clip()

def child(step):
    pid = os.fork()
    if pid == 0:
        code = 3
        try:
            code = step() or 0
        finally:
            os._exit(code)
    return wait(pid)

def wait(pid, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return 9

explainer = tubecam.Explainer(BUNDLE)
want = explainer.explain(CLIP).tube.copy()

def same(given=None):
    return 0 if np.array_equal((given or explainer).explain(CLIP).tube, want) else 4
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    """Two graphs: an explainer opens the second one when its method is asked for."""
    folder = tmp_path_factory.mktemp("tiny")
    graph = tiny_bundle.model("relevance").SerializeToString()
    return tiny_bundle.write_two(folder, graph)


@pytest.fixture
def script(bundle):
    """Runs a script of forks in a process that nothing else has touched."""

    def run(body: str, timeout: float = 120, **environment: str) -> str:
        head = HEAD.format(tests=str(SUPPORT), bundle=str(bundle))
        done = subprocess.run(
            [sys.executable, "-c", head + textwrap.dedent(body)],
            capture_output=True, text=True, timeout=timeout, check=False,
            env={**os.environ, **environment},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("winograd", ["on", "off"])
def test_an_inherited_explainer_goes_on(script, winograd, motion_bundle):
    # The trained bundle's convolutions go by Winograd's algorithm, with threads of our own.
    script(
        f"""
        trained = tubecam.Explainer({str(motion_bundle)!r}, threads=2)
        spec = trained.clip_spec
        clip = np.zeros((spec.length, 3, spec.height, spec.width), np.float32)
        expected = trained.explain(clip).logits.copy()
        assert child(same) == 0
        assert child(lambda: 0 if np.allclose(trained.explain(clip).logits, expected) else 4) == 0
        assert same() == 0  # the parent goes on, too
        """,
        TUBECAM_WINOGRAD=winograd,
    )


def test_a_child_may_close_and_end_like_any_process(script):
    script(
        """
        def leave(step):
            pid = os.fork()
            if pid == 0:
                signal.alarm(30)
                step()
                sys.exit(7)
            return wait(pid, 40)

        import atexit
        for step in (same, explainer.close, lambda: same() or explainer.close()):
            status = leave(step)
            if status != 7:
                sys.exit(f"{status} instead of 7")
        """
    )


def test_what_would_have_to_be_compiled_is_refused(script):
    said = script(
        """
        def refused(step):
            try:
                step()
            except TubecamError as error:
                print(type(error).__name__, error, flush=True)
                return 0
            return 5

        def other_method():
            explainer.method = "lrp-epsilon-plus"
            explainer.explain(CLIP)

        assert child(lambda: refused(other_method)) == 0
        assert child(lambda: refused(lambda: tubecam.Explainer(BUNDLE))) == 0
        explainer.close()
        assert child(lambda: refused(lambda: tubecam.Explainer(BUNDLE))) == 0
        """
    )
    assert said.count("UsageError") == 3 and said.count("spawn") == 3, said


def test_a_parent_that_opened_nothing_forks_as_ever(bundle):
    body = f"""
    import os, sys
    sys.path.insert(0, {str(SUPPORT)!r})
    import tiny_bundle, tubecam
    tubecam.load_bundle({str(bundle)!r})
    pid = os.fork()
    if pid == 0:
        tubecam.Explainer({str(bundle)!r}).explain(tiny_bundle.clip())
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(body)], check=True, timeout=60)


def test_a_fork_waits_for_other_threads(script):
    # Without that a child now and then inherits a lock that is never let go of.
    script(
        """
        stop = False
        def work():
            while not stop:
                explainer.explain(CLIP)
        others = [threading.Thread(target=work) for _ in range(2)]
        for thread in others:
            thread.start()
        statuses = [child(same) for _ in range(60)]
        stop = True
        for thread in others:
            thread.join()
        assert statuses == [0] * 60, statuses
        """
    )


def explain_seed(seed: int) -> np.ndarray:
    """In a worker, with the explainer that it inherited."""
    return _inherited.explain(tiny_bundle.clip(seed)).tube


def test_workers_of_multiprocessing_inherit_it(bundle):
    global _inherited
    with tubecam.Explainer(bundle) as _inherited:
        want = [explain_seed(seed) for seed in range(6)]
        with multiprocessing.get_context("fork").Pool(2) as pool:
            found = pool.map_async(explain_seed, range(6)).get(60)
    assert all(np.array_equal(a, b) for a, b in zip(found, want, strict=True))


class Clips:
    """A data set as DataLoader's workers get it: with an explainer of its own."""

    def __init__(self, explainer: tubecam.Explainer) -> None:
        self.explainer = explainer

    def __len__(self) -> int:
        return 4

    def __getitem__(self, seed: int) -> np.ndarray:
        return np.array(self.explainer.explain(tiny_bundle.clip(seed)).tube)


def test_spawned_workers_get_one_of_their_own(bundle):
    with tubecam.Explainer(bundle, target=2, method="hirescam") as explainer:
        clips = Clips(explainer)
        want = [clips[seed] for seed in range(4)]
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found = pool.map_async(clips.__getitem__, range(4)).get(90)
    assert all(np.array_equal(a, b) for a, b in zip(found, want, strict=True))


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_a_data_loader_explains(bundle, context):
    parts.require("torch")
    from torch.utils import data

    with tubecam.Explainer(bundle) as explainer:
        clips = Clips(explainer)
        loader = data.DataLoader(clips, num_workers=1, multiprocessing_context=context, timeout=90)
        found = [batch[0].numpy() for batch in loader]
        assert all(np.array_equal(a, clips[seed]) for seed, a in enumerate(found))


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))]
)
def test_another_one_is_like_the_first(bundle, again):
    options = MethodOptions(sigma=2.0)
    settings = {"target": 3, "method": "hirescam", "hop": 2, "threshold": 0.7, "budget_ms": 40.0}
    with tubecam.Explainer(bundle, threads=1, options=options) as explainer:
        for name, value in settings.items():
            setattr(explainer, name, value)
        other = again(explainer)
        assert {name: getattr(other, name) for name in settings} == settings
        assert other.options.sigma == 2.0 and other.bundle.folder == explainer.bundle.folder
        clip = tiny_bundle.clip()
        assert np.array_equal(other.explain(clip).tube, explainer.explain(clip).tube)
        explainer.target = 0  # they are two
        assert other.explain(clip).target_index == 3
        other.close()
        with pytest.raises(UsageError, match="closed"):
            again(other)


def test_what_an_explainer_gives_can_be_sent(bundle):
    with tubecam.Explainer(bundle) as explainer:
        explanation = explainer.explain(tiny_bundle.clip())
        sent = pickle.loads(pickle.dumps(explanation))
        assert sent.to_json() == explanation.to_json()
        assert repr(sent.receipt) == repr(explanation.receipt)  # NaN is not NaN
        assert np.array_equal(sent.tube, explanation.tube)
        spec = pickle.loads(pickle.dumps(explainer.clip_spec))
        names = "length height width sample_fps mean std color resize short_side flow".split()
        assert all(getattr(spec, n) == getattr(explainer.clip_spec, n) for n in names)
        described = pickle.loads(pickle.dumps(explainer.bundle))
        assert described.describe() == explainer.bundle.describe()
    window = _core.ClipWindow(_core.ClipSpec(length=2, height=8, width=8, sample_fps=10), hop=1)
    frame = _core.Frame.from_array(np.zeros((8, 8, 3), np.uint8))
    for i in range(2):
        window.push(frame, i * 100_000_000)
    sent = pickle.loads(pickle.dumps(window.window))
    assert sent.pts.tolist() == window.window.pts.tolist() == [0, 100_000_000]
    assert sent.source == window.window.source


def test_a_padded_window_travels_and_a_broken_one_is_refused():
    window = _core.ClipWindow(_core.ClipSpec(length=4, height=8, width=8, sample_fps=15), 1)
    window.push(_core.Frame.from_array(np.zeros((10, 12, 3), np.uint8)), 0)
    assert window.pad("loop")
    sent = pickle.loads(pickle.dumps(window.window))
    assert (sent.padding, sent.padded, sent.frames) == ("loop", 3, 1)
    *state, padding, padded = window.window.__getstate__()
    for wrong in ((padding, 5), (padding, -1), ("mirror", padded)):
        with pytest.raises(UsageError):
            _core.Window.__new__(_core.Window).__setstate__((*state, *wrong))
