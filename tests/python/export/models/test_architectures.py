"""The named architectures: published parameter counts, names, shapes and costs; checkpoints fit."""

from __future__ import annotations

import pytest

import parts

torch = parts.require("torch")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from tubecam.export.models.architectures import ARCHITECTURES  # noqa: E402

# Published: millions of parameters and 10⁹ multiply–adds of one clip. torchvision's model table for
# the video ResNets and resnet18; PyTorchVideo's model zoo for SlowFast (65.71); Feichtenhofer 2020,
# table 2 for X3D; the others as their ports count them.
PUBLISHED = {
    "r3d_18": (33.37, 40.7),
    "mc3_18": (11.70, 43.3),
    "r2plus1d_18": (31.51, 40.5),
    "c3d": (78.41, 38.6),
    "i3d": (12.70, 27.8),
    "x3d_xs": (3.79, 0.6),
    "x3d_s": (3.79, 1.96),
    "x3d_m": (3.79, 4.73),
    "slowfast_r50": (34.57, 65.7),
    "frame_resnet18": (11.69, 14.5),
}


def on_meta(name, clip=None):
    """A model without memory, and its answer to a clip of its own size."""
    architecture = ARCHITECTURES[name]
    spec = architecture.clip
    with torch.device("meta"):
        model = architecture.make(architecture.classes).eval()
        x = torch.zeros(1, spec.input_shape[2], *(clip or (spec.length, spec.height, spec.width)))
        with FlopCounterMode(display=False) as flops, torch.no_grad():
            logits = model(x)
    return model, logits, flops.get_total_flops() / 2e9


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_size_cost_and_logits_of_one_clip(name):
    architecture = ARCHITECTURES[name]
    model, logits, gmac = on_meta(name)
    parameters = sum(p.numel() for p in model.parameters())
    assert parameters == architecture.parameters
    assert gmac == pytest.approx(architecture.gmac, rel=0.02)
    assert logits.shape == (1, architecture.classes)
    assert model.state_dict()[architecture.head].shape[0] == architecture.classes
    if name in PUBLISHED:
        assert parameters / 1e6 == pytest.approx(PUBLISHED[name][0], abs=0.006)
        assert gmac == pytest.approx(PUBLISHED[name][1], rel=0.01)


@pytest.mark.parametrize(
    ("name", "key", "shape"),
    [
        ("r3d_18", "stem.0.weight", (64, 3, 3, 7, 7)),
        ("r3d_18", "stem.1.running_mean", (64,)),
        ("r3d_18", "layer1.0.conv1.0.weight", (64, 64, 3, 3, 3)),
        ("r3d_18", "layer2.0.downsample.0.weight", (128, 64, 1, 1, 1)),
        ("r3d_18", "layer4.1.conv2.1.bias", (512,)),
        ("r3d_18", "fc.weight", (400, 512)),
        ("mc3_18", "layer1.1.conv2.0.weight", (64, 64, 3, 3, 3)),
        ("mc3_18", "layer2.0.conv1.0.weight", (128, 64, 1, 3, 3)),
        ("r2plus1d_18", "stem.0.weight", (45, 3, 1, 7, 7)),
        ("r2plus1d_18", "stem.3.weight", (64, 45, 3, 1, 1)),
        ("r2plus1d_18", "layer1.0.conv1.0.0.weight", (144, 64, 1, 3, 3)),
        ("r2plus1d_18", "layer2.0.conv1.0.3.weight", (128, 230, 3, 1, 1)),
        ("r2plus1d_18", "layer2.0.conv2.0.0.weight", (230, 128, 1, 3, 3)),
        ("resnet3d_18", "conv1.weight", (64, 3, 7, 7, 7)),
        ("resnet3d_34", "layer3.5.bn2.running_var", (256,)),
        ("resnet3d_50", "layer1.0.downsample.0.weight", (256, 64, 1, 1, 1)),
        ("resnet3d_50", "layer4.2.conv3.weight", (2048, 512, 1, 1, 1)),
        ("c3d", "conv5b.bias", (512,)),
        ("c3d", "fc6.weight", (4096, 8192)),
        ("i3d", "Conv3d_1a_7x7.conv3d.weight", (64, 3, 7, 7, 7)),
        ("i3d", "Mixed_4f.b2b.bn.running_mean", (128,)),
        ("i3d", "logits.conv3d.bias", (400,)),
        ("x3d_xs", "blocks.0.conv.conv_t.weight", (24, 3, 1, 3, 3)),
        ("x3d_xs", "blocks.0.conv.conv_xy.weight", (24, 1, 5, 1, 1)),
        ("x3d_xs", "blocks.1.res_blocks.0.branch1_conv.weight", (24, 24, 1, 1, 1)),
        ("x3d_xs", "blocks.2.res_blocks.0.branch1_norm.weight", (48,)),
        ("x3d_xs", "blocks.3.res_blocks.10.branch2.norm_b.1.block.0.weight", (16, 216, 1, 1, 1)),
        ("x3d_xs", "blocks.4.res_blocks.6.branch2.conv_b.weight", (432, 1, 3, 3, 3)),
        ("x3d_xs", "blocks.5.pool.post_conv.weight", (2048, 432, 1, 1, 1)),
        ("slowfast_r50", "blocks.0.multipathway_blocks.1.conv.weight", (8, 3, 5, 7, 7)),
        (
            "slowfast_r50",
            "blocks.0.multipathway_fusion.conv_fast_to_slow.weight",
            (16, 8, 7, 1, 1),
        ),
        (
            "slowfast_r50",
            "blocks.1.multipathway_blocks.0.res_blocks.0.branch1_conv.weight",
            (256, 80, 1, 1, 1),
        ),
        (
            "slowfast_r50",
            "blocks.4.multipathway_blocks.0.res_blocks.2.branch2.conv_a.weight",
            (512, 2048, 3, 1, 1),
        ),
        ("slowfast_r50", "blocks.6.proj.weight", (400, 2304)),
        ("movinet_a0_stream", "conv1.conv_1.conv2d.weight", (8, 3, 3, 3)),
        ("movinet_a0_stream", "blocks.b1_l0.deep.conv_1.conv2d.weight", (80, 1, 3, 3)),
        ("movinet_a0_stream", "blocks.b1_l0.deep.conv_2.conv2d.weight", (80, 1, 3, 1)),
        ("movinet_a0_stream", "blocks.b1_l0.deep.conv_2.norm.running_var", (80,)),
        ("movinet_a0_stream", "blocks.b1_l0.se.fc1.conv_1.conv2d.weight", (40, 160, 1, 1)),
        ("movinet_a0_stream", "blocks.b4_l3.project.conv_1.norm.bias", (104,)),
        ("movinet_a0_stream", "classifier.3.conv_1.conv2d.weight", (600, 2048, 1, 1)),
        ("frame_resnet18", "layer4.1.bn2.weight", (512,)),
    ],
)
def test_names_and_shapes_of_published_checkpoints(name, key, shape):
    model, _, _ = on_meta(name)
    assert tuple(model.state_dict()[key].shape) == shape


@pytest.mark.parametrize(
    ("name", "cells"), [("r3d_18", (2, 3, 3)), ("mc3_18", (16, 3, 3)), ("r2plus1d_18", (2, 3, 3))]
)
def test_time_shrinks_only_where_convolutions_see_time(name, cells):
    with torch.device("meta"):
        model = ARCHITECTURES[name].make(400).eval()
        sizes = []
        model.layer4.register_forward_hook(lambda m, i, out: sizes.append(tuple(out.shape[2:])))
        model(torch.zeros(1, 3, 16, 48, 48))
    assert sizes == [cells]


def test_a_frozen_clip_of_an_inflated_network_gives_the_image_networks_logits():
    """Inflation (Carreira and Zisserman 2017): kernels repeated over time, divided by their length.

    Away from the ends of the clip, where padding is zero, every frame sees the image network.
    """
    from tubecam.export.models.architectures.i3d import Mixed

    torch.manual_seed(0)
    image = Mixed(6, (4, 3, 5, 2, 3, 4)).eval().double()
    video = Mixed(6, (4, 3, 5, 2, 3, 4)).eval().double()
    state = image.state_dict()
    for value in state.values():
        if value.dim() == 5 and value.shape[2] == 3:  # the image network's kernel is in the middle
            middle = value[:, :, 1:2]
            value.copy_(torch.cat([torch.zeros_like(middle), middle, torch.zeros_like(middle)], 2))
    inflated = {
        k: v.mean(2, keepdim=True).expand_as(v) if v.dim() == 5 and v.shape[2] == 3 else v
        for k, v in state.items()
    }
    video.load_state_dict(inflated)
    frozen = torch.rand(1, 6, 1, 9, 9, dtype=torch.float64).expand(-1, -1, 5, -1, -1)
    torch.testing.assert_close(video(frozen)[:, :, 1:-1], image(frozen)[:, :, 1:-1])


def test_a_frame_wise_network_answers_a_frozen_clip_like_its_frame():
    model = ARCHITECTURES["frame_resnet18"].make(5).eval()
    frame = torch.rand(1, 3, 1, 40, 40)
    torch.testing.assert_close(model(frame.expand(-1, -1, 4, -1, -1)), model(frame))


# ---- MoViNet's stream buffers ----


@pytest.fixture(scope="module")
def stream_net():
    """Random weights with every kind of normalisation and strong branches, float64."""
    torch.manual_seed(2)
    model = ARCHITECTURES["movinet_a0_stream"].make(5).double().eval()
    for name, parameter in [*model.named_parameters(), *model.named_buffers()]:
        if name.endswith(("running_mean", "norm.bias")):
            torch.nn.init.normal_(parameter, std=0.3)
        elif name.endswith("conv_2.conv2d.weight"):  # no slice alone decides
            torch.nn.init.normal_(parameter)
    return model


def streamed(model, clip, sizes):
    model.forget()
    with torch.no_grad():
        return [model.stream(chunk) for chunk in clip.split(sizes, 2)][-1]


@pytest.mark.parametrize("sizes", [[1] * 11, [4, 4, 3], [1, 7, 3], [11], [2, 1, 8]])
def test_slices_that_come_one_by_one_give_what_the_whole_clip_gives(stream_net, sizes):
    clip = torch.rand(2, 3, 11, 40, 56, dtype=torch.float64)
    with torch.no_grad():
        whole, other = stream_net(clip), stream_net(clip.flip(2))
    assert float((whole - other).abs().max()) > 1e-4 * float(whole.abs().max())  # order counts
    torch.testing.assert_close(streamed(stream_net, clip, sizes), whole, rtol=1e-10, atol=1e-12)


def test_a_clip_is_of_its_own_whatever_was_streamed_before(stream_net):
    clip = torch.rand(1, 3, 6, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        before = stream_net(clip)
    streamed(stream_net, clip, 2)
    with torch.no_grad():
        assert torch.equal(stream_net(clip), before)
        again = stream_net.stream(clip)
    assert not torch.allclose(again, before)  # twelve slices now
    stream_net.forget()
    torch.testing.assert_close(streamed(stream_net, clip, 6), before)


def test_no_slice_sees_a_later_one(stream_net):
    clip = torch.rand(1, 3, 8, 32, 32, dtype=torch.float64)
    kept = []
    handle = stream_net.conv7.register_forward_hook(lambda m, i, out: kept.append(out))
    with torch.no_grad():
        stream_net(clip)
        stream_net(torch.cat([clip[:, :, :5], torch.rand_like(clip[:, :, 5:])], 2))
    handle.remove()
    first, second = kept
    torch.testing.assert_close(first[:, :, :5], second[:, :, :5])
    assert not torch.allclose(first[:, :, 5:], second[:, :, 5:])
