"""Protocols of the way through the latents and back."""

from __future__ import annotations

from ...data.dataset import Dataset
from ..metrics import reconstruction
from ..metrics.reconstruction import Errors, Maps
from .registry import Device, protocol


@protocol(
    "reconstruct",
    "mean L2 distance to the reconstruction, over that of the next example; images in [0, 1]",
    "BiGAN, the authors' code: EGr / EGr_b and EGg / EGg_b",
    quick=True,
    num_generated=10_000,
    seed=0,
)
def reconstruction_l2(
    maps: Maps, dataset: Dataset, device: Device, *, num_generated: int, seed: int
) -> Errors:
    """Of the test split, and where the method can, of samples and of latents."""
    return reconstruction.reconstruction_errors(
        maps, dataset, num_generated=num_generated, seed=seed, device=device
    )
