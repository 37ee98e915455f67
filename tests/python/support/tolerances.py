"""How far a kernel may lie from its NumPy definition: one table, with the reason for each value.

A test that needs more is wrong, or the kernel is. Never loosen a value to make a test pass.
"""

from __future__ import annotations

TOLERANCES: dict[str, dict[str, float]] = {
    # Values in 0…1 before mean and std. Weights and sums are float32: each of a pixel's roundings
    # is 6e-8 of 1.16 (studio range stretched to 255/219); the colour matrix adds three such terms,
    # the largest times 2.1. Seen: 4e-7.
    "preprocess": {"rtol": 0.0, "atol": 2e-6},
    # Of the tube's greatest magnitude. Sums are float64 in both; the tube is rounded to float32,
    # 6e-8 of its magnitude.
    "cam3d": {"rtol": 0.0, "atol": 2e-7},
    # Of the greatest magnitude. A tiny network in the engine's float32 against float64: some
    # hundred terms of both signs. Seen: 1e-6.
    "engine": {"rtol": 0.0, "atol": 1e-5},
    # Of the tube's greatest magnitude. Trilinear weights are float32, eight terms a sample.
    "tube": {"rtol": 0.0, "atol": 2e-6},
    # Of 255, against the definition before rounding. Rounding to a byte takes 0.5, the table of
    # 2048 heats 0.3 at its steepest; lines between looked-up samples may be off by 0.8, at kinks by
    # 0.7, but hardly at the same place. Seen: 1.4.
    "overlay": {"rtol": 0.0, "atol": 2.0},
}
