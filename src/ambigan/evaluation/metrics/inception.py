"""The reference Inception network of FID, from torch-fidelity, with its reference weights."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ...core.files import sha256_of
from .sample_distances import import_fidelity

POOL_LAYER = 2048
"""Number of pooled features; the logits without bias follow them."""

INCEPTION_BATCH = 64
"""Number of images in one forward pass."""


def find_weights(path: str | Path | None) -> Path:
    """Returns the file of the weights: the given one, or torch's cached one, downloaded if needed.

    Raises:
        ConfigError: The file is missing, holds more than weights, or cannot be downloaded.
    """
    if path is not None:
        file = Path(path).expanduser()
        if not file.is_file():
            raise ConfigError(f"there is no file of Inception weights at {file}.")
        return _checked(file)
    url = str(_module().URL_INCEPTION_V3)
    file = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            cast(Any, torch.hub).download_url_to_file(url, str(file), progress=False)
        except OSError as error:
            raise ConfigError(
                f"the Inception weights of torch-fidelity could not be downloaded ({error}); go"
                f" online once, or give their file, {file.name}, with --inception PATH. Distances"
                " in the run's own features need neither: --protocol generation_features."
            ) from error
    return _checked(file)


def load_inception(
    file: Path, device: torch.device | str = "cpu"
) -> tuple[Callable[[Tensor], Tensor], str]:
    """Loads the network onto a device and computes the SHA-256 of its weights.

    Returns:
        A function from images `(N, 1 or 3, H, W)` in [-1, 1] to `(N, 2048 + 1008)` float32, the
        pooled features followed by the logits without bias; and the hash.

    Raises:
        ConfigError: The file holds other weights.
    """
    try:
        extractor = _module().FeatureExtractorInceptionV3
        layers = [str(POOL_LAYER), "logits_unbiased"]
        network = extractor("inception-v3-compat", layers, str(file)).to(device)
    except RuntimeError as error:
        raise ConfigError(
            f"{file} does not hold the weights of torch-fidelity's Inception network; use"
            f" {str(_module().URL_INCEPTION_V3).rpartition('/')[2]}."
        ) from error

    def describe(images: Tensor) -> Tensor:
        # FID is defined on 8-bit images; the network rescales and resizes them itself.
        levels = ((images + 1) * 127.5).round().clamp(0, 255).byte()
        levels = levels.expand(-1, 3, -1, -1).to(device)
        parts = [torch.cat(network(part), dim=1) for part in torch.split(levels, INCEPTION_BATCH)]
        return torch.cat(parts)

    return describe, sha256_of(file.read_bytes())


def _checked(file: Path) -> Path:
    """Returns the file if it holds tensors only; torch-fidelity would run any code in it."""
    try:
        torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise ConfigError(
            f"{file} holds no weights that can be loaded safely; use the file that torch-fidelity"
            " publishes."
        ) from error
    return file


def _module() -> Any:
    return import_fidelity("feature_extractor_inceptionv3")
