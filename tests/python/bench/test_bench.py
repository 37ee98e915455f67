"""The bench's parts: statistics against their definitions, rounds, graphs, peers, comparison."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import tiny_bundle
from tubecam.bench import document, peers, provenance, regression, statistics, timing
from tubecam.bundle.bundle import load_bundle
from tubecam.errors import UsageError


def test_percentiles_need_enough_samples():
    assert [statistics.samples_needed(q) for q in (50, 90, 99)] == [2, 10, 100]
    few, many = (statistics.summarise(np.arange(n)) for n in (99, 101))
    assert few["p99"] is None and few["p90"] == pytest.approx(88.2)
    assert many["p50"] == 50 and many["p99"] == 99 and many["max"] == 100 and many["n"] == 101
    assert statistics.summarise([])["max"] is None


def test_missing_rounds_are_no_samples():
    assert statistics.summarise([1.0, math.nan, 3.0])["n"] == 2
    found = statistics.paired_ratio([2, 2, math.nan, 2], [1, 1, 1, math.nan])
    assert found is None  # two rounds in common
    assert statistics.paired_ratio([2, 2, 2, math.nan], [1, 1, 1, 7])["value"] == 2


def test_spread_is_that_of_block_medians():
    assert statistics.spread(np.repeat([10, 11, 12, 13, 14], 4)) == pytest.approx(4 / 12)
    assert statistics.spread(np.zeros(10)) == 0
    assert statistics.spread(np.ones(9)) is None


def test_interval_of_a_paired_ratio_ignores_what_hits_both(rng):
    disturbed = np.exp(rng.normal(0, 1, 200))  # a machine that is anything from idle to busy
    below = disturbed * np.exp(rng.normal(0, 0.01, 200))
    found = statistics.paired_ratio(1.1 * disturbed, below)
    apart = statistics.ratio(1.1 * disturbed, below)
    assert found["low"] <= 1.1 <= found["high"]
    assert found["high"] - found["low"] < 0.5 * (apart["high"] - apart["low"])


def test_interval_covers_the_truth_about_as_often_as_it_says():
    random, covered = np.random.default_rng(4), 0
    for trial in range(60):
        below, above = random.normal(10, 1, 40), random.normal(12, 1, 40)
        found = statistics.paired_ratio(above, below, seed=trial)
        covered += found["low"] <= 1.2 <= found["high"]
    assert 50 <= covered <= 60


def test_every_contender_has_its_turns():
    calls = []
    one, *others = (timing.Contender(n, lambda n=n: calls.append(n)) for n in "abc")
    rounds = timing.Rounds([[one], others])
    rounds.run(math.inf, least=6, most=6)
    assert len(one.seconds) == 6 and rounds.count == 6
    turns = [np.isfinite(c.seconds) for c in others]
    assert (turns[0] ^ turns[1]).all() and turns[0].sum() == 3


def test_an_interrupted_round_leaves_whole_ones():
    def stop_at_third(state=[0]):  # noqa: B006
        state[0] += 1
        if state[0] == 3:
            raise KeyboardInterrupt

    contenders = [timing.Contender("a", lambda: None), timing.Contender("b", stop_at_third)]
    for contender in contenders:
        contender._expected = 1.0  # long enough to run without an untimed one before
    rounds = timing.Rounds([[c] for c in contenders])
    with pytest.raises(KeyboardInterrupt):
        rounds.run(10)
    assert rounds.count == 2 and [len(c.seconds) for c in contenders] == [2, 2]


def test_time_limits_rounds():
    import time

    contender = timing.Contender("sleep", lambda: time.sleep(0.06))
    contender.warm_up(1)
    rounds = timing.Rounds([[contender]])
    assert 5 <= rounds.expected(0.6) <= 10
    rounds.run(0.6)
    assert 5 <= rounds.count <= 10 and all(0.05 < s < 1 for s in contender.seconds)


@pytest.mark.parametrize("head", ["pool", "full"])
def test_multiply_adds_of_a_graph(head, tmp_path):
    from tubecam.bench import graph

    path = tmp_path / "model.onnx"
    path.write_bytes(tiny_bundle.model(head).SerializeToString())
    cells, channels, classes = 4**3, tiny_bundle.CHANNELS, tiny_bundle.CLASSES
    columns = channels if head == "pool" else channels * cells
    expected = cells * channels * 3 * math.prod(tiny_bundle.STRIDE) + columns * classes
    assert graph.work(graph.load(path)).macs == expected


@pytest.mark.parametrize("head", ["pool", "full", "relevance"])
def test_the_plain_pass_gives_the_same_logits(tmp_path, head):
    from tubecam import _core

    bundle = _core.load_bundle(str(tiny_bundle.write(tmp_path, head)))
    clip = tiny_bundle.clip()[None]
    whole = _core.Engine(bundle).infer(clip)
    plain = _core.Engine(bundle, logits_only=True).infer(clip)
    assert list(plain) == ["logits"] and len(whole) > 1
    np.testing.assert_allclose(plain["logits"], whole["logits"], rtol=1e-5, atol=1e-6)


def test_peers_are_known_by_name():
    assert peers.parse_peers(" torch,captum,torch ") == ["torch", "captum"]
    assert peers.parse_peers("all") == list(peers.PEERS) and peers.parse_peers(None) == []
    with pytest.raises(UsageError, match="did you mean captum"):
        peers.parse_peers("captun")


def test_a_missing_peer_says_how_to_install_it(monkeypatch):
    from tubecam.bench.subject import Subject

    monkeypatch.setitem(peers.PEERS, "absent", peers.Entry("no_such_plugin", "pip install it"))
    subject = Subject(None, object(), np.zeros(1), 1)
    with pytest.raises(peers.Unfit, match="not installed: pip install it"):
        peers.make_peer("absent", subject)


def test_a_map_is_another_methods_unless_it_correlates(rng):
    from tubecam.bench.agreement import agree

    tube = rng.random((2, 3, 3)).astype(np.float32)
    assert agree(2 * tube, tube)["same_method"]
    assert not agree(tube + rng.normal(0, 0.1, tube.shape), tube)["same_method"]
    assert not agree(tube[:1], tube)["same_method"]
    assert agree(tube, tube)["drift"] == 0


def test_provenance_names_machine_and_bundle(motion_bundle):
    bundle = load_bundle(motion_bundle)
    found = provenance.provenance(bundle, 3)
    assert found["threads"] == 3 and found["cpu"]["model"] and found["packages"]["openvino"]
    assert found["bundle"]["files"] == bundle.sidecar["files"]


def bench(samples: dict[str, list[float]], **changes) -> dict:
    """A document with rows of these samples."""
    source = {"tubecam": "1", "cpu": {"model": "x"}, "gpu": [], "threads": 2, "packages": {},
              "bundle": {"name": "b", "files": {}}}  # fmt: skip
    rows = [{"name": n, "skipped": "", "samples_ms": s} for n, s in samples.items()]
    content = document.document("engine", [], {**source, **changes})
    return {**content, "engine": {"rows": rows}}


def test_comparison_tells_changes_from_noise(rng):
    def noisy(middle, width):
        return list(rng.normal(middle, width, 60))

    before = bench({"steady": noisy(10, 0.1), "wild": noisy(10, 5), "few": [1.0, 2.0]})
    after = bench({"steady": noisy(11, 0.1), "wild": noisy(10.3, 5), "few": [1.0, 2.0]})
    verdicts = {c.name: c.verdict for c in regression.compare(before, after)}
    assert verdicts == {"steady": "slower", "wild": "same", "few": "unknown"}
    back = {c.name: c.verdict for c in regression.compare(after, before)}
    assert back["steady"] == "faster"


def test_comparison_tells_circumstances():
    one, other = bench({"a": [1.0]}), bench({"a": [1.0]}, threads=4)
    assert regression.differences(one, other) == ["threads: 2 → 4"]
    with pytest.raises(UsageError, match="no row in common"):
        regression.compare(one, bench({"b": [1.0]}))


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "no JSON"), ("[]", "not written by"), ('{"format": 9, "mode": "engine"}', "format 9"),
     ('{"format": 1, "mode": "engine"}', "lacks its results")],
)  # fmt: skip
def test_only_benches_are_read(text, message, tmp_path):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        document.read(path)


def test_json_has_no_nan(tmp_path):
    path = tmp_path / "a.json"
    document.write(path, {"a": [math.nan, np.float32(1.5), np.int64(2)], "b": math.inf})
    assert json.loads(path.read_text()) == {"a": [None, 1.5, 2], "b": None}
    assert list(tmp_path.iterdir()) == [path]
