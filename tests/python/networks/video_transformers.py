"""Tiny video transformers, saved in folders as the transformers package saves them."""

from __future__ import annotations

import json

import torch

import parts

SMALL = {
    "num_frames": 4,
    "image_size": 32,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "num_labels": 3,
    "id2label": {0: "still", 1: "left", 2: "right"},
}
KINDS = {
    "videomae": ("VideoMAE", {"patch_size": 8, "tubelet_size": 2}, (2, 4, 4)),
    "vivit": ("Vivit", {"tubelet_size": [2, 8, 8]}, (2, 4, 4)),
    "timesformer": ("Timesformer", {"patch_size": 8}, (4, 4, 4)),
}


def saved(folder, kind, **more):
    transformers = parts.require("transformers")
    prefix, options, _ = KINDS[kind]
    torch.manual_seed(3)
    config = getattr(transformers, f"{prefix}Config")(**SMALL, **options, **more)
    model = getattr(transformers, f"{prefix}ForVideoClassification")(config).eval()
    for parameter in model.parameters():  # as initialised, all clips get the same logits
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    size = {"shortest_edge": 40}
    processor = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.2, 0.2], "size": size}
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return model
