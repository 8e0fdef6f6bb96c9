"""D, G and E in NumPy, float64, written from the papers' text; in training mode."""

from __future__ import annotations

import numpy as np
import torch

from ambigan.game import Method
from ambigan.networks.ali import ALIDiscriminator, ALIEncoder, ALIGenerator
from ambigan.networks.biggan import BigGANDiscriminator, BigGANGenerator
from ambigan.networks.biggan_deep import BigGANDeepGenerator
from ambigan.networks.mlp import MLP
from ambigan.networks.resnet import ResNet


def sigmoid(a: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-a))


def weights_of(network: torch.nn.Module) -> dict[str, np.ndarray]:
    """By name; those under spectral norm divided by their largest singular value."""
    found = {}
    for name, parameter in network.named_parameters():
        value = parameter.detach().double().numpy()
        if ".parametrizations.weight.original" in name:
            name = name.replace(".parametrizations.weight.original", ".weight")
            value = value / np.linalg.svd(value.reshape(len(value), -1), compute_uv=False)[0]
        found[name] = value
    return found


def normed(a: np.ndarray, norm: torch.nn.Module, gain, shift) -> np.ndarray:
    axes = (0, *range(2, a.ndim))
    shape = (1, -1, *[1] * (a.ndim - 2))
    a = (a - a.mean(axes, keepdims=True)) / np.sqrt(a.var(axes, keepdims=True) + norm.epsilon)
    return a if gain is None else a * gain.reshape(shape) + shift.reshape(shape)


def bounded(h: np.ndarray, ending: str) -> np.ndarray:
    if ending == "tanh":
        return np.tanh(h)
    return 2 * sigmoid(h) - 1 if ending == "squash" else h


def mlp(
    network: torch.nn.Module, x: np.ndarray, z: np.ndarray | None, slope: float, last: str = ""
):
    """The MLP of BiGAN's appendix C.1, up to its layer `last` or its end."""
    weights = weights_of(network)
    h = x.reshape(len(x), -1)
    h = (h + 1) / 2 if network.unit_input else h
    for name in [*network.hidden_names, "output"]:
        a = h @ weights[f"{name}.linear.weight"].T
        a = a + weights.get(f"{name}.linear.bias", 0)
        if f"{name}.latent.weight" in weights:
            a = a + z @ weights[f"{name}.latent.weight"].T
        if network.get_submodule(name).norm is not None:
            a = normed(a, network.get_submodule(name).norm, None, None)
        h = a if name == "output" else np.where(a > 0, a, slope * a)
        if name == last:
            return h
    return bounded(h, network.ending).reshape(len(x), *network.out_shape)


def convolved(x: np.ndarray, w: np.ndarray, stride: int, *, padded: bool = True) -> np.ndarray:
    """Kernel w at every `stride`-th place, over borders of zeros or none; in as many groups."""
    if (groups := x.shape[1] // w.shape[1]) > 1:
        parts = zip(np.split(x, groups, 1), np.split(w, groups), strict=True)
        return np.concatenate([convolved(*part, stride, padded=padded) for part in parts], 1)
    side, margin = w.shape[2], w.shape[2] // 2 if padded else 0
    x = np.pad(x, ((0, 0), (0, 0), (margin, margin), (margin, margin)))
    patches = np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(2, 3))
    patches = patches[:, :, ::stride, ::stride]  # n, c, i, j, h, w
    return np.tensordot(patches, w, axes=((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2)


def spread(x: np.ndarray, w: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Each place lays down its kernel around twice its position; what leaves `size` is cut."""
    side = w.shape[2]
    canvas = np.zeros((len(x), w.shape[1], size[0] + 2 * side, size[1] + 2 * side))
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            top, left = 2 * i + side - side // 2, 2 * j + side - side // 2
            laid = np.einsum("nc,cohw->nohw", x[:, :, i, j], w)
            canvas[:, :, top : top + side, left : left + side] += laid
    return canvas[:, :, side : side + size[0], side : side + size[1]]


def pooled(x: np.ndarray, *, padded: bool = True) -> np.ndarray:
    """Largest of 3x3 around every second place; without padding, of those inside."""
    margin = int(padded)
    beside = ((0, 0), (0, 0), (margin, margin), (margin, margin))
    x = np.pad(x, beside, constant_values=-np.inf)
    rows, columns = range(0, x.shape[2] - 2, 2), range(0, x.shape[3] - 2, 2)
    parts = [[x[:, :, i : i + 3, j : j + 3].max((2, 3)) for j in columns] for i in rows]
    return np.stack([np.stack(row, -1) for row in parts], -2)


def layer(weights: dict, name: str, module: torch.nn.Module, a: np.ndarray, z, slope: float):
    """What follows a convolution: bias, z at every place, batch norm, activation."""
    a = a + weights.get(f"{name}.convolution.bias", np.zeros(a.shape[1]))[:, None, None]
    if f"{name}.latent.weight" in weights:
        a = a + (z @ weights[f"{name}.latent.weight"].T)[:, :, None, None]
    if module.norm is not None:
        gain, shift = weights.get(f"{name}.norm.weight"), weights.get(f"{name}.norm.bias")
        a = normed(a, module.norm, gain, shift)
    return np.where(a > 0, a, slope * a)


def convnet(network: torch.nn.Module, x: np.ndarray, z: np.ndarray | None) -> np.ndarray:
    """A chain of convolutions with leaky ReLU, and a linear output to which z may come."""
    weights, h = weights_of(network), x
    for name in network.hidden_names:
        module = network.get_submodule(name)
        convolution = module.convolution
        kernels, padded = weights[f"{name}.convolution.weight"], convolution.padding != (0, 0)
        a = convolved(h, kernels, convolution.stride[0], padded=padded)
        h = layer(weights, name, module, a, z, 0.2)
        h = pooled(h, padded=module.pool_padding > 0) if module.pool else h
    a = h.reshape(len(h), -1) @ weights["output.linear.weight"].T
    a = a + weights.get("output.linear.bias", 0)
    if "output.latent.weight" in weights:
        a = a + z @ weights["output.latent.weight"].T
    return bounded(a, network.ending)


def deconvnet(network: torch.nn.Module, z: np.ndarray) -> np.ndarray:
    """DCGAN's generator: a projection, then kernels laid down at every second place."""
    weights, start = weights_of(network), network.project
    gain, shift = weights.get("project.norm.weight"), weights.get("project.norm.bias")
    a = z @ weights["project.linear.weight"].T
    a = a if start.over_units else a.reshape(-1, *start.shape)
    h = np.maximum(normed(a, start.norm, gain, shift), 0).reshape(-1, *start.shape)
    for name in network.hidden_names:
        module = network.get_submodule(name)
        size = sizes_of(module, h)
        h = layer(weights, name, module, spread(h, kernel(weights, name), size), z, 0.0)
    a = spread(h, kernel(weights, "output"), network.out_shape[1:])
    a = a + weights.get("output.convolution.bias", np.zeros(a.shape[1]))[:, None, None]
    return bounded(a, network.ending)


def kernel(weights: dict, name: str) -> np.ndarray:
    return weights[f"{name}.convolution.weight"]


def sizes_of(module: torch.nn.Module, h: np.ndarray) -> tuple[int, ...]:
    """Twice as many places, less one where the larger image has an odd side."""
    extra = module.convolution.output_padding
    return tuple(2 * side - 1 + more for side, more in zip(h.shape[2:], extra, strict=True))


def elu(a: np.ndarray) -> np.ndarray:
    return np.where(a > 0, a, np.expm1(np.minimum(a, 0)))


def halves(h: np.ndarray) -> np.ndarray:
    """Means of 2x2 places, of those there are at an odd border."""
    rows, columns = (range(0, side, 2) for side in h.shape[2:])
    parts = [[h[:, :, i : i + 2, j : j + 2].mean((2, 3)) for j in columns] for i in rows]
    return np.stack([np.stack(row, -1) for row in parts], -2)


def with_bias(weights: dict, name: str, a: np.ndarray) -> np.ndarray:
    return a + weights.get(f"{name}.bias", np.zeros(a.shape[1]))[:, None, None]


def convolution(weights: dict, name: str, h: np.ndarray) -> np.ndarray:
    return with_bias(weights, name, convolved(h, weights[f"{name}.weight"], 1))


def group_normed(weights: dict, name: str, norm: torch.nn.Module, a: np.ndarray) -> np.ndarray:
    if not isinstance(norm, torch.nn.GroupNorm):
        return a
    groups = a.reshape(len(a), norm.num_groups, -1)
    groups = groups - groups.mean(2, keepdims=True)
    groups = groups / np.sqrt((groups**2).mean(2, keepdims=True) + norm.eps)
    return with_bias(
        weights, name, groups.reshape(a.shape) * weights[f"{name}.weight"][:, None, None]
    )


def resnet(network: torch.nn.Module, x: np.ndarray) -> np.ndarray:
    """ResNet-18 of SAO: averages before a block's convolutions."""
    weights = weights_of(network)
    h = elu(convolution(weights, "stem.convolution", x))
    for stage in network.hidden_names[1:]:
        for number, block in enumerate(network.get_submodule(stage)):
            name = f"{stage}.{number}"
            h = halves(h) if block.halve else h
            inner = elu(convolution(weights, f"{name}.first", h))
            if f"{name}.shortcut.0.weight" in weights:
                h = convolution(weights, f"{name}.shortcut.0", h)
                h = group_normed(weights, f"{name}.shortcut.1", block.shortcut[1], h)
            inner = convolution(weights, f"{name}.second", inner)
            h = elu(group_normed(weights, f"{name}.norm", block.norm, inner) + h)
    h = elu(dense(weights, "output.hidden", h.mean((2, 3))))
    return dense(weights, "output.linear", h)


def dense(weights: dict, name: str, h: np.ndarray) -> np.ndarray:
    return h @ weights[f"{name}.weight"].T + weights.get(f"{name}.bias", 0)


def biggan_deep(network: torch.nn.Module, z: np.ndarray) -> np.ndarray:
    """Blocks of four convolutions, each after a norm whose gain and bias are linear in a code."""
    weights = weights_of(network)
    code = dense(weights, "code", z)
    h = dense(weights, "project", code).reshape(len(z), *network.start)
    for name, size in zip(network.hidden_names, network.sizes, strict=True):
        block, inner = network.get_submodule(name), h
        for i in range(4):
            gain, shift = (
                (code @ weights[f"{name}.norms.{i}.{part}.weight"].T)[:, :, None, None]
                for part in ("gain", "bias")
            )
            inner = normed(inner, block.norms[i].norm, None, None) * (1 + gain) + shift
            inner = np.maximum(inner, 0)
            inner = repeated(inner, size) if i == 1 else inner
            inner = convolution(weights, f"{name}.convolutions.{i}", inner)
        h = inner + repeated(h, size)
    h = normed(h, network.norm, weights["norm.weight"], weights["norm.bias"])
    return np.tanh(convolution(weights, "output", np.maximum(h, 0)))


def repeated(h: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Each place twice in both directions; where the size is odd, the last place once."""
    return h if h.shape[2:] == size else h.repeat(2, 2).repeat(2, 3)[:, :, : size[0], : size[1]]


def ali_normed(weights: dict, name: str, module: torch.nn.Module, a: np.ndarray) -> np.ndarray:
    """Batch norm with gain and bias, and leaky ReLU of slope 0.1."""
    a = normed(a, module.norm, weights[f"{name}.norm.weight"], weights[f"{name}.norm.bias"])
    return np.where(a > 0, a, 0.1 * a)


def ali_encoder(network: torch.nn.Module, x: np.ndarray) -> np.ndarray:
    """Convolutions without padding, with strides 1, 2, 1, 2, 1, 1."""
    weights, h = weights_of(network), x
    for name, stride in zip(network.hidden_names, (1, 2, 1, 2, 1, 1), strict=True):
        a = convolved(h, kernel(weights, name), stride, padded=False)
        h = ali_normed(weights, name, network.get_submodule(name), a)
    return bounded(dense(weights, "output.linear", h[:, :, 0, 0]), network.ending)


def ali_generator(network: torch.nn.Module, z: np.ndarray) -> np.ndarray:
    """Each place lays down its kernel at its position times the stride: 1, 2, 1, 2, 1, 1."""
    weights, h = weights_of(network), z[:, :, None, None]
    for name, stride in zip(network.hidden_names, (1, 2, 1, 2, 1, 1), strict=True):
        w, module = kernel(weights, name), network.get_submodule(name)
        extra = module.convolution.output_padding
        rows, columns = (
            stride * (side - 1) + w.shape[2] + more
            for side, more in zip(h.shape[2:], extra, strict=True)
        )
        canvas = np.zeros((len(h), w.shape[1], rows, columns))
        for i in range(h.shape[2]):
            for j in range(h.shape[3]):
                top, left = stride * i, stride * j
                laid = np.einsum("nc,cohw->nohw", h[:, :, i, j], w)
                canvas[:, :, top : top + w.shape[2], left : left + w.shape[3]] += laid
        h = ali_normed(weights, name, module, canvas)
    a = np.einsum("nchw,oc->nohw", h, weights["output.weight"][:, :, 0, 0]) + weights["bias"]
    return bounded(a, network.ending)


def ali_discriminator(network, x: np.ndarray, z: np.ndarray | None, noise) -> np.ndarray:
    """x and z apart, then both; before each layer dropout, 0.2 of inputs and 0.5 elsewhere."""
    weights = weights_of(network)

    def dropped(h: np.ndarray, share: float) -> np.ndarray:
        if noise is None:
            return h
        return h * (noise.uniform(*h.shape).numpy() >= share) / (1 - share)

    def maxout(name: str, h: np.ndarray, stride: int) -> np.ndarray:
        a = convolved(h, kernel(weights, name), stride, padded=False)
        a = with_bias(weights, f"{name}.convolution", a)
        return a.reshape(len(a), -1, 2, *a.shape[2:]).max(2)

    h, share = x, 0.2
    for name, stride in zip(network.image_names, (1, 2, 1, 2, 1), strict=True):
        h, share = maxout(name, dropped(h, share), stride), 0.5
    if z is not None:
        k = maxout("latent1", dropped(z[:, :, None, None], 0.2), 1)
        h = np.concatenate([h, maxout("latent2", dropped(k, 0.5), 1)], 1)
    for name in network.joint_names:
        h = maxout(name, dropped(h, 0.5), 1)
    return dense(weights, "output.linear", dropped(h, 0.5)[:, :, 0, 0])


class Networks:
    """D, G and E of a method in NumPy, with the papers' slopes."""

    def __init__(self, method: Method) -> None:
        self.method = method

    def D(self, x: np.ndarray, z: np.ndarray | None = None, noise=None) -> np.ndarray:
        if isinstance(self.method.discriminator, ALIDiscriminator):
            return ali_discriminator(self.method.discriminator, x, z, noise)
        return self._chain(self.method.discriminator, x, z)

    def E(self, x: np.ndarray) -> np.ndarray:
        return self._chain(self.method.encoder, x, None)

    def G(self, z: np.ndarray) -> np.ndarray:
        from reference import numpy_bigbigan  # which needs this module

        network = self.method.generator
        match network:
            case MLP():
                return mlp(network, z, z, 0.0)
            case BigGANDeepGenerator():
                return biggan_deep(network, z)
            case ALIGenerator():
                return ali_generator(network, z)
            case BigGANGenerator():
                return numpy_bigbigan.generator(network, z)
            case _:
                return deconvnet(network, z)

    def _chain(self, network: torch.nn.Module, x: np.ndarray, z: np.ndarray | None) -> np.ndarray:
        from reference import numpy_bigbigan

        match network:
            case MLP():
                return mlp(network, x, z, 0.2)
            case ResNet():
                return resnet(network, x)
            case ALIEncoder():
                return ali_encoder(network, x)
            case BigGANDiscriminator():
                f = numpy_bigbigan.body(network.image, x)
                return dense(weights_of(network), "output", f)
            case _:
                return convnet(network, x, z)
