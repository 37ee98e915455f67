"""Explains a clip that CuPy holds on a GPU: neither the clip nor the tube leaves the device.

python deploy/arrays/explain_cupy.py [cuda:N]
"""

import sys

import cupy

import tubecam

device = sys.argv[1] if len(sys.argv) > 1 else "cuda:0"
with tubecam.Explainer(device=device) as explainer, cupy.cuda.Device(int(device[5:])):
    spec = explainer.clip_spec
    shape = (spec.length, 3, spec.height, spec.width)
    with cupy.cuda.Stream(non_blocking=True):
        clip = cupy.random.standard_normal(shape, cupy.float32)
        explanation = explainer.explain(clip)  # waits for this stream on the device
    tube = cupy.from_dlpack(explanation.device_tube)  # a copy: no later window changes it
    assert (tube.get() == explanation.tube).all()
    print(f"{explanation.label} {explanation.score:.0%}, peak {float(tube.max()):.4g}")
