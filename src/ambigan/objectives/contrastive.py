"""Contrastive objectives and their views: the peers of games that need no views.

Views and NT-Xent are by `lightly`. InfoNCE over a queue is ours, since checkpoints do not contain
the queue of `lightly`, and its update drops rows where the queue starts over.

Sources: Chen, Kornblith, Norouzi, Hinton (2020), SimCLR, arXiv 2002.05709; He, Fan, Wu, Xie,
Girshick (2020), MoCo, arXiv 1911.05722.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from PIL import Image
from pydantic import Field
from torch import Tensor

from ..core.data_spec import DataSpec
from ..core.errors import ConfigError
from ..core.imports import import_extra, import_torchvision
from ..core.precision import at_least_float32
from ..core.randomness import Randomness
from ..core.settings import Fraction, Positive

MOST_JITTER = 2.5
"""A fifth of it is the change of hue, of which half is all the way round."""

Temperature = Annotated[float, Field(ge=1e-8, allow_inf_nan=False)]
"""The temperature of the contrast; `lightly` takes none that is less."""

BITS = 16
"""Bits of a seed from one draw in float32; torch's generator takes 32 in all."""


@dataclass(frozen=True)
class ContrastiveViewSettings:
    """Transformations that make two views of an image; the defaults are SimCLR's for CIFAR-10.

    Attributes:
        min_scale: least fraction of an image's area that is cropped and scaled to its size, with
            proportions of 3:4 to 4:3; above 0, and 1 for the whole image.
        flip: whether half of the views are mirrored.
        jitter: strength of changes of brightness, contrast, saturation and hue, on four views of
            five; 0 for none, 2.5 at most.
        grayscale: fraction of views without colour, in [0, 1).
    """

    min_scale: Positive = 0.08
    flip: bool = True
    jitter: Annotated[float, Field(ge=0, le=MOST_JITTER)] = 0.5
    grayscale: Fraction = 0.2


Transform = Callable[[Image.Image], Tensor]
"""One image to a float tensor `(C, H, W)` in [0, 1]."""


def make_views(settings: ContrastiveViewSettings, spec: DataSpec) -> Transform:
    """The transform of `lightly`, for images of that form.

    Raises:
        ConfigError: the extra is not installed, a setting is out of range, or data are no images.
    """
    if spec.kind != "images" or spec.shape[0] not in (1, 3):
        raise ConfigError(
            "views are made of grey images and of those in three colours; these are"
            f" {spec.kind} of {'x'.join(map(str, spec.shape))}."
        )
    if settings.min_scale > 1:
        raise ConfigError(
            f"settings.views.min_scale is {settings.min_scale}; it is a part of the image's area,"
            " above 0 and up to 1."
        )
    module: Any = _lightly("transforms.simclr_transform")
    transform = module.SimCLRViewTransform(
        input_size=spec.shape[1:],
        min_scale=settings.min_scale,
        hf_prob=0.5 if settings.flip else 0.0,
        cj_prob=0.8 if settings.jitter else 0.0,
        cj_strength=settings.jitter,
        random_gray_scale=settings.grayscale,
        gaussian_blur=0.0,
        normalize=None,
    )
    if settings.min_scale == 1:  # the crop that comes first would still lose a row now and then
        del transform.transform.transforms[0]
    return transform


def view(
    x: Float[Tensor, "N C H W"], transform: Transform, noise: Randomness
) -> Float[Tensor, "N C H W"]:
    """One view of each image, on the CPU, one after the other.

    Args:
        x: images `(N, C, H, W)` in [-1, 1].
        transform: as `make_views` gives it; it draws from torch's own randomness, which is seeded
            for each image, so that ranks together see what one would, and restored at the end.
        noise: source of randomness of the turn.

    Returns:
        Views in the form of x, on its device.
    """
    stored = x.float().add(1).mul(127.5).round().clamp(0, 255).to("cpu", torch.uint8)
    pixels = stored.permute(0, 2, 3, 1).numpy()
    pixels = pixels[..., 0] if x.shape[1] == 1 else pixels
    draws = (noise.uniform(len(x), 2).cpu().double().numpy() * 2**BITS).astype(np.int64)
    made: list[Tensor] = []
    before = torch.get_rng_state()
    try:
        with torch.autocast("cpu", enabled=False):
            for image, (high, low) in zip(pixels, draws, strict=True):
                torch.default_generator.manual_seed((int(high) << BITS) + int(low))
                made.append(transform(Image.fromarray(image)))
    finally:
        torch.set_rng_state(before)
    return torch.stack(made).mul_(2).sub_(1).to(x.device, x.dtype)


def make_contrast(temperature: float) -> Callable[[Tensor, Tensor], Tensor]:
    """NT-Xent of `lightly`, over the batch of all processes together.

    Raises:
        ConfigError: the extra is not installed.
    """
    module: Any = _lightly("loss.ntx_ent_loss")
    loss = module.NTXentLoss(temperature=temperature, gather_distributed=True)

    def contrast(first: Float[Tensor, "N D"], second: Float[Tensor, "N D"]) -> Float[Tensor, ""]:
        with torch.autocast(first.device.type, enabled=False):
            return loss(at_least_float32(first), at_least_float32(second))

    return contrast


def info_nce(
    queries: Float[Tensor, "N D"],
    keys: Float[Tensor, "N D"],
    negatives: Float[Tensor, "M D"],
    temperature: float,
) -> Float[Tensor, ""]:
    """The cross-entropy of telling each query's own key from the negatives.

    A mean over the examples of this process.

    Source: MoCo, Eq. 1.

    Args:
        queries: Embeddings of one view of each example, of any length.
        keys: The teacher's embeddings of the other view, of length 1, in the same order.
        negatives: Earlier keys, of length 1.
        temperature: Divisor of the cosines, above 0.
    """
    with torch.autocast(queries.device.type, enabled=False):
        queries = F.normalize(at_least_float32(queries), dim=1)
        own = (queries * keys).sum(1, keepdim=True)
        logits = torch.cat([own, queries @ negatives.T], 1) / temperature
        return (logits.logsumexp(1) - logits[:, 0]).mean()


def _lightly(name: str) -> Any:
    import_torchvision()  # which lightly imports, and which may need help with that
    return import_extra(
        f"lightly.{name}", "contrastive", "a method that compares two views, which lightly makes,"
    )
