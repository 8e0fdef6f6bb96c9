"""Convolutions of torchvision's AlexNet and ResNets, from a file of weights."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor, nn

from ...core.errors import CheckpointError, ConfigError
from ...core.imports import import_torchvision
from .network import Backbone

_KINDS = {
    "alexnet": ("features.10.weight", "features.13.weight"),
    "resnet18": ("layer4.1.conv2.weight", "layer4.2.conv2.weight"),
    "resnet50": ("layer4.2.conv3.weight", "layer3.6.conv3.weight"),
}
"""A key that an architecture has, and one that only larger ones of its kind have."""
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class _ImageNetUnits(nn.Module):
    """Takes images in [-1, 1] to the units of torchvision's networks."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Maps `(N, 3, H, W)` to the same shape."""
        return ((x + 1) / 2 - self.mean) / self.std


def read_backbone(path: Path) -> tuple[str, Backbone]:
    """The architecture that a file's keys name, and its convolutional layers.

    A `state_dict` of torchvision's `alexnet`, `resnet18` or `resnet50` is read, as `.pth` (without
    running code from it) or `.safetensors`; its classifier is left out. AlexNet's own fc6 and fc7
    are left out as well, as in BiGAN's evaluation of other networks by their convolutions.

    Raises:
        CheckpointError: The file is missing, damaged, or holds other weights.
    """
    state = _state_of(path)
    name = _architecture(path, state)
    models: Any = import_torchvision("models")
    with torch.device("meta"):  # nothing is drawn that the file replaces
        network = getattr(models, name)(weights=None)
    shapes = {
        key: value.shape
        for key, value in network.state_dict().items()
        if not key.startswith(("fc.", "classifier."))
    }
    for key in shapes:
        if key.endswith("num_batches_tracked"):  # which no layer in eval mode uses
            state.setdefault(key, torch.tensor(0))
    bad = [key for key, shape in shapes.items() if key not in state or state[key].shape != shape]
    if bad:
        raise CheckpointError(
            f"{path} looks like torchvision's {name}, but {len(bad)} of {len(shapes)} weights are"
            f" missing or of another shape, the first {bad[0]}."
        )
    own = {key: state[key].float() for key in shapes}
    network.load_state_dict(own, strict=False, assign=True)
    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False  # earlier maps are read, too
    return name, Backbone(_layers_of(network, name), 3)


def _layers_of(network: Any, name: str) -> list[nn.Module]:
    units = _ImageNetUnits()
    if name == "alexnet":
        f = network.features
        # Pooling belongs to the layer before it, and pool5 to what follows.
        cuts = ((0, 3), (3, 6), (6, 8), (8, 10), (10, 12))
        layers: list[nn.Module] = [f[start:end] for start, end in cuts]
        return [nn.Sequential(units, layers[0]), *layers[1:]]
    stem = nn.Sequential(units, network.conv1, network.bn1, network.relu, network.maxpool)
    return [stem, network.layer1, network.layer2, network.layer3, network.layer4]


def _architecture(path: Path, state: dict[str, Tensor]) -> str:
    for name, (has, has_not) in _KINDS.items():
        if has in state and has_not not in state:
            return name
    raise CheckpointError(
        f"{path} has keys such as {', '.join(list(state)[:2])}, which are not those of"
        f" torchvision's {', '.join(_KINDS)}."
    )


def _state_of(path: Path) -> dict[str, Tensor]:
    """Weights by key, of any nesting that training scripts usually write."""
    if not path.is_file():
        raise ConfigError(f"--backbone {path} is no file; give a .pth or .safetensors file.")
    try:
        readers: dict[str, Any] = {".safetensors": load_file}
        found: Any = readers.get(path.suffix, partial(torch.load, weights_only=True))(path)
    except MemoryError:
        raise
    except Exception as error:  # each reader fails on damage in its own way
        said = str(error).partition("\n")[0]
        hint = " It may hold code; save its state_dict." * isinstance(error, pickle.UnpicklingError)
        raise CheckpointError(f"{path} cannot be read as weights: {said}{hint}") from error
    for key in ("state_dict", "model"):
        if isinstance(found, Mapping) and key in found:
            found = cast(Any, found)[key]
    if not isinstance(found, Mapping) or not all(isinstance(k, str) for k in cast(Any, found)):
        raise CheckpointError(f"{path} holds no weights by name; save a state_dict.")
    state = cast(Mapping[str, Any], found)
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    return {name.removeprefix("module."): value.cpu() for name, value in tensors.items()}
