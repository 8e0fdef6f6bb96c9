"""Near copies by the codes of an autoencoder, as DCGAN's authors removed them from LSUN.

Source: Radford et al. (2016), DCGAN, section 4.1.1: a denoising, dropout-regularised ReLU
autoencoder of 3072, 128 and 3072 units on 32x32 centre crops; codes are binarised, and images of
one code are copies.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ..core.data_spec import DataSpec
from ..data import Decoding, ImageSource
from ..data.images.near_copies import decode_small
from ..fitting import fit
from ..game import Batch, Terms
from ..methods.autoencoder import Autoencoder, AutoencoderSettings
from ..networks.layers.basic import mask_inputs

NUM_BITS = 128
_SIDE = (32, 32)
_STEPS, _BATCH = 3000, 64


@dataclass(frozen=True)
class SemanticHashSettings(AutoencoderSettings):
    """Settings of the autoencoder; the paper gives none of its two shares.

    Attributes:
        masked: share of input values that are set to gray.
        dropout: share of the code's units that are dropped.
    """

    latent_dim: int = NUM_BITS
    masked: float = 0.2
    dropout: float = 0.5


class SemanticHash(Autoencoder):
    """One hidden layer of ReLU between an image with holes and the image."""

    Settings = SemanticHashSettings
    settings: SemanticHashSettings

    def __init__(self, settings: SemanticHashSettings, spec: DataSpec) -> None:
        super().__init__(settings, spec)
        layers = {"flat": nn.Flatten(), "linear": nn.Linear(spec.num_values, settings.latent_dim)}
        self.encoder = nn.Sequential(OrderedDict({**layers, "relu": nn.ReLU()}))
        self.generator = nn.Linear(settings.latent_dim, spec.num_values)
        self.default_layer = "encoder.relu"

    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        """The squared distance of x from what a part of its code gives."""
        share = self.settings.dropout
        z = self.encode(mask_inputs(batch.x, self.settings.masked, batch.noise, 0.0))
        again = self.decode(mask_inputs(z, share, batch.noise, 0.0) / (1 - share))
        return {"autoencoder": {"reconstruction": self.error(batch.x, again)}}

    def decode(self, z: Tensor) -> Tensor:
        """G(z)."""
        return self.generator(z).reshape(-1, *self.spec.shape)


def find_equal_codes(
    gallery: ImageSource, workers: int | None = None, progress: Decoding | None = None
) -> list[tuple[int, int, float]]:
    """Finds images whose codes are equal, of which one is kept; see `find_duplicates`.

    Args:
        gallery: Images to compare.
        workers: Number of decoding threads; None for one per core, eight at most.
        progress: Function that is called with the number of images decoded and the total.

    Returns:
        Index of each image to drop, that of the one it is a copy of, and their correlation.
    """
    rows, images = decode_small(gallery, _SIDE, 3, workers, progress)
    if len(rows) < 2:
        return []
    epochs = max(1, round(_STEPS * _BATCH / len(rows)))
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)  # of this training, whose data do hold copies
    try:
        run = fit(
            "ambigan.retrieval.semantic_hashing:SemanticHash",
            images,
            epochs=epochs,
            batch_size=min(_BATCH, max(2, len(rows) // 2)),
            test_fraction=max(1 / len(rows), 0.01),
            layout="NCHW",
        )
    finally:
        logging.disable(level)
    codes = np.packbits(run.features(images) > 0, axis=1)
    _, firsts, group = np.unique(codes, axis=0, return_index=True, return_inverse=True)
    found = list[tuple[int, int, float]]()
    originals: list[int] = firsts[group.ravel()].tolist()
    for place, first in enumerate(originals):
        if place != first:
            alike = _correlation(images[place], images[first])
            found.append((rows[place], rows[first], alike))
    return found


def _correlation(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    x, y = (image.ravel() - image.mean() for image in (one, other))
    lengths = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(x @ y) / lengths if lengths else float(np.array_equal(one, other))
