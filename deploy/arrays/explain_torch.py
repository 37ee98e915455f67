"""Explains a clip that PyTorch holds on a GPU: neither the clip nor the tube leaves the device.

python deploy/arrays/explain_torch.py [cuda:N]
"""

import sys

import torch

import tubecam

device = sys.argv[1] if len(sys.argv) > 1 else "cuda:0"
with tubecam.Explainer(device=device) as explainer:
    spec = explainer.clip_spec
    clip = torch.randn(spec.length, 3, spec.height, spec.width, device=device)
    explanation = explainer.explain(clip)  # waits for torch's stream on the device
    tube = torch.from_dlpack(explanation.device_tube)  # a copy: no later window changes it
    assert tube.device == torch.device(device)
    assert torch.equal(tube.cpu(), torch.from_numpy(explanation.tube.copy()))
    print(f"{explanation.label} {explanation.score:.0%}, peak {tube.max().item():.4g}")
