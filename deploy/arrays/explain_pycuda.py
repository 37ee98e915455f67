"""Explains a clip that pycuda holds on a GPU: neither the clip nor the tube leaves the device.

CUDA_DEVICE=0 python deploy/arrays/explain_pycuda.py     (pip install ".[pycuda]")

The context must be the device's primary one, which CUDA's runtime and so TubeCAM uses: that is
what pycuda.autoprimaryctx gives, and pycuda.autoinit does not.
"""

import numpy as np
import pycuda.autoprimaryctx  # noqa: F401  (makes the context)
import pycuda.driver
import pycuda.gpuarray

import tubecam

with tubecam.Explainer(device="cuda:0") as explainer:
    spec = explainer.clip_spec
    shape = (spec.length, 3, spec.height, spec.width)
    values = np.random.default_rng().standard_normal(shape, np.float32)
    clip = pycuda.gpuarray.to_gpu(values)
    explanation = explainer.explain(clip)
    borrowed = explanation.device_tube.borrow()  # read at once, before the next window
    interface = borrowed.__cuda_array_interface__
    tube = np.empty(interface["shape"], np.float32)
    pycuda.driver.memcpy_dtoh(tube, interface["data"][0])
    assert (tube == explanation.tube).all()
    print(f"{explanation.label} {explanation.score:.0%}, peak {tube.max():.4g}")
