"""The shares of a step's CPU time, by kind of operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from torch.profiler import ProfilerActivity, profile

GROUPS: dict[str, tuple[str, ...]] = {
    "convolutions": (
        "aten::mkldnn_convolution",
        "aten::_slow_conv2d_forward",
        "aten::_slow_conv2d_backward",
        "aten::slow_conv_transpose2d",
        "aten::_convolution",
        "aten::convolution_backward",
    ),
    "matrix products": ("aten::mm", "aten::addmm", "aten::bmm", "aten::matmul"),
    "conversions between fp32 and bf16, copies": ("aten::copy_", "aten::_to_copy", "aten::to"),
    "optimiser": ("aten::_fused_adam_", "aten::_fused_adamw_"),
    "average (EMA)": ("aten::_foreach_lerp_", "aten::lerp_"),
    "batch norm": ("aten::native_batch_norm", "aten::native_batch_norm_backward"),
    "activations": (
        "aten::leaky_relu",
        "aten::leaky_relu_backward",
        "aten::relu",
        "aten::clamp_min",
        "aten::threshold_backward",
        "aten::tanh",
        "aten::tanh_backward",
    ),
    "gathering examples, latents": ("aten::index_select", "aten::uniform_", "aten::rand"),
}
OTHER = "everything else"


def time_shares(work: Callable[[], object], steps: int = 20) -> dict[str, float]:
    """The share of each kind of operator in the CPU time of several steps, largest first.

    Only the operators' own time counts; the time that Python needs between them does not.

    Args:
        work: a function that plays one step on the CPU and that has run before.
        steps: the number of steps to profile.
    """
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        for _ in range(steps):
            work()
    total = dict.fromkeys([*GROUPS, OTHER], 0.0)
    kinds = {name: group for group, names in GROUPS.items() for name in names}
    for event in cast(Any, seen).key_averages():
        total[kinds.get(event.key, OTHER)] += event.self_cpu_time_total
    whole = sum(total.values())
    shares = {group: round(value / whole, 3) for group, value in total.items()}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))
