"""What each term of SAO costs D, beside a plain game and a straightforward transcription.

    python benchmarks/structural_terms.py --out results/structural-terms.json

One step of D (losses, gradients, optimiser) with the networks of preset `images`:

- `hinge`: the plain game with the same networks, from a batch and latents to D's move;
- `ours`: all terms, and with each left out;
- `transcription`: the published algorithm as one would write it from the paper: for every term a
  forward pass of its own, J' u by reverse mode, and J v sample by sample, by forward mode through
  `vmap`. Its losses are compared with ours before anything is timed.

All take turns within each round, since a machine's speed drifts; ratios are medians over rounds.
Memory is what the graphs of a step hold for their backward passes, as far as torch tells of it:
what forward mode keeps inside `vmap` is not seen, so the transcription has no such figure.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, jvp, vmap

from ambigan.core.data_spec import DataSpec
from ambigan.core.files import write_json
from ambigan.core.precision import usable_precisions
from ambigan.core.randomness import Randomness
from ambigan.engine.config import RunConfig, choose_device
from ambigan.engine.train_state import TrainState
from ambigan.engine.train_step import compute_gradients, set_requires_grad, step_optimizers
from ambigan.estimate.memory import saved_bytes
from ambigan.evaluation.provenance import hardware
from ambigan.game import Batch, Terms
from ambigan.methods.structural import Structural
from ambigan.networks.resnet import ResBlock
from ambigan.presets import find_preset
from ambigan.training import make_method
from step.suite import timed

SPEC = DataSpec("images", (3, 32, 32), bounded=True)
WITHOUT = {
    "no Gaussian term": {"gaussian_weight": 0.0},
    "no cluster term": {"cluster_weight": 0.0},
    "no smoothness": {"smoothness_weight": 0.0},
    "no norm hinge": {"norm_weight": 0.0},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto", choices=("auto", "bf16", "fp32"))
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--out", type=Path)
    flags = parser.parse_args()
    device, precision = choose_device(flags.device), flags.precision
    if precision == "auto":
        precision = usable_precisions(device)[-1]
    record = measure(device, precision, flags.batch_size, flags.repeats, flags.steps)
    for row in record["rows"]:
        print(
            f"{row['name']:24} {row['milliseconds']:9.1f} ms  {row['times_hinge']:5.2f} x hinge"
            f"  {row['mebibytes'] or '-':>8} MiB"
        )
    if flags.out:
        write_json(flags.out, record)


def measure(
    device: torch.device, precision: str, batch_size: int, repeats: int, steps: int
) -> dict[str, Any]:
    """Times every step in turn, and says what each is of the plain game's."""
    config = find_preset("structural", "images")
    batch = make_batch(config, batch_size, device)
    check_transcription(config, device)
    steps_by_name: dict[str, Callable[[], Any]] = {
        "hinge": ours(plain(), batch, precision),
        "ours": ours(config, batch, precision),
        "transcription": transcribed(config, batch, precision),
    }
    for name, changes in WITHOUT.items():
        changed = replace(config, settings=replace(config.settings, **changes))
        steps_by_name[name] = ours(changed, batch, precision)
    seconds: dict[str, list[float]] = {name: [] for name in steps_by_name}
    for step in steps_by_name.values():
        step()
    for _ in range(repeats):
        for name, step in steps_by_name.items():
            seconds[name].append(timed(step, steps, device))
    rows = [
        {
            "name": name,
            "milliseconds": round(1e3 * median(taken), 1),
            "times_hinge": ratio(taken, seconds["hinge"]),
            "mebibytes": None if name == "transcription" else held(step),
        }
        for (name, step), taken in zip(steps_by_name.items(), seconds.values(), strict=True)
    ]
    return {
        "what": "one step of D, preset images of structural",
        "precision": precision,
        "batch_size": batch_size,
        "repeats": repeats,
        "steps": steps,
        "torch": str(torch.__version__),
        "threads": torch.get_num_threads(),
        "hardware": hardware(device),
        "transcription_over_ours": ratio(seconds["transcription"], seconds["ours"]),
        "rows": rows,
    }


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median over rounds."""
    return round(median(a / b for a, b in zip(ours, theirs, strict=True)), 2)


def held(step: Callable[[], Any]) -> float:
    """MiB that the graphs of a step hold at once, at most."""
    with saved_bytes() as saved:
        step()
    return round(saved.most / 2**20, 1)


def make_batch(config: RunConfig, size: int, device: torch.device) -> Batch:
    """Random images and latents."""
    noise = Randomness(0, device=device)
    x = noise.uniform(size, *SPEC.shape) * 2 - 1
    return Batch(x, noise.normal(size, config.settings.latent_dim), noise)


def plain() -> RunConfig:
    """The plain game with the same networks: hinge, group norm in D, no penalty."""
    config = find_preset("gan", "residual")
    network = replace(config.settings.network, discriminator_norm="group")
    return replace(config, settings=replace(config.settings, network=network))


def ours(config: RunConfig, batch: Batch, precision: str) -> Callable[[], Any]:
    """The engine's turn of D."""
    torch.manual_seed(0)
    method = make_method(config, SPEC).to(batch.x.device).train()
    state = TrainState(method, 0)

    def step() -> dict[str, Terms]:
        owned = set_requires_grad(method, ("discriminator",))
        with torch.autocast(batch.x.device.type, torch.bfloat16, enabled=precision == "bf16"):
            losses = method.losses(batch, ("discriminator",))
        step_optimizers(state.optimizers, owned, compute_gradients(owned, losses))
        return losses

    return step


class Plain(nn.Module):
    """The same ResNet in parts that forward mode knows, under `vmap` too."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """As the network's."""
        network = self.network
        h = F.elu(network.stem.convolution(x))
        for name in network.hidden_names[1:]:
            for block in network.get_submodule(name):
                h = self.block(block, h)
        h = h.float().mean((2, 3))
        with torch.autocast(h.device.type, enabled=False):
            return network.output.linear(F.elu(network.output.hidden(h)))

    def block(self, block: ResBlock, h: Tensor) -> Tensor:
        """One residual block."""
        h = F.avg_pool2d(h, 2, ceil_mode=True) if block.halve else h
        inner = F.elu(block.first(h))
        return F.elu(self.normed(block.norm, block.second(inner)) + self.shortcut(block, h))

    def shortcut(self, block: ResBlock, h: Tensor) -> Tensor:
        """A convolution and a norm, or nothing."""
        if isinstance(block.shortcut, nn.Identity):
            return h
        return self.normed(block.shortcut[1], block.shortcut[0](h))

    def normed(self, norm: nn.Module, h: Tensor) -> Tensor:
        """Group norm in parts, since torch's own has no forward mode under `vmap`."""
        assert isinstance(norm, nn.GroupNorm)
        groups = h.float().reshape(len(h), norm.num_groups, -1)
        groups = groups - groups.mean(2, keepdim=True)
        groups = groups * (groups.square().mean(2, keepdim=True) + norm.eps).rsqrt()
        return groups.reshape(h.shape) * norm.weight[:, None, None] + norm.bias[:, None, None]


def transcribed(config: RunConfig, batch: Batch, precision: str) -> Callable[[], Any]:
    """D's step as one would write it from the paper."""
    torch.manual_seed(0)
    method = make_method(config, SPEC).to(batch.x.device).train()
    assert isinstance(method, Structural)
    names = dict(method.discriminator.named_parameters())
    optimizer = torch.optim.AdamW(
        names.values(), lr=2e-4, betas=(0.5, 0.999), weight_decay=0.1, foreach=True
    )
    device = batch.x.device.type

    def step() -> dict[str, Tensor]:
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
            losses = transcribed_losses(method, batch)
        optimizer.zero_grad()
        sum(losses.values(), start=torch.zeros((), device=batch.x.device)).backward()
        optimizer.step()
        return losses

    return step


def transcribed_losses(method: Structural, batch: Batch) -> dict[str, Tensor]:
    """D's terms, each from a forward pass of its own."""
    s, D = method.settings, method.discriminator
    with torch.no_grad():
        x, fake = batch.x, method.generator(batch.z)
    real_first, fake_first = F.normalize(D(x), dim=1), F.normalize(D(fake), dim=1)
    scale = 2.0 * s.embedding_dim

    def volume(rows: Tensor) -> Tensor:
        mean = F.normalize(rows.mean(0), dim=0)
        centred = rows - mean
        unit = torch.eye(rows.shape[1], device=rows.device)
        return torch.logdet(unit + scale * centred.T @ centred / len(rows))

    with torch.autocast(x.device.type, enabled=False):
        apart = volume(torch.cat([real_first, fake_first]))
        apart = (apart - (volume(real_first) + volume(fake_first)) / 2) / 2
    weights = {n: method.teacher.get_buffer(ours) for ours, n in method.teacher.names.items()}
    with torch.no_grad():
        h_real, h_fake = (functional_call(D, weights, (i,), {"head": False}) for i in (x, fake))
    real_second, fake_second = F.normalize(D(x), dim=1), F.normalize(D(fake), dim=1)
    keys = F.normalize(torch.cat([h_real, method.bank.keys]), dim=1)
    known = torch.cat([real_second, method.bank.embeddings])

    def similarity(rows: Tensor, h: Tensor, skip: int) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            found = (h @ keys.T).topk(s.neighbors + skip, 1).indices[:, skip:]
            return (rows[:, None] * known[found]).sum(2).mean()

    s_r = similarity(real_second, h_real, 1)
    s_f = similarity(fake_second, h_fake, int(s.skip_for_fake))
    alone, rough = Plain(D), list[Tensor]()
    for images in (x, fake):
        u = F.normalize(batch.noise.normal(len(images), s.embedding_dim), dim=1)
        leaf = images.detach().requires_grad_()
        (pulled,) = torch.autograd.grad(D(leaf), leaf, u)
        v = F.normalize(pulled.flatten(1), dim=1).view_as(pulled)

        def pushed(image: Tensor, direction: Tensor) -> Tensor:
            return jvp(lambda one: alone(one[None])[0], (image,), (direction,))[1]

        rough.append(vmap(pushed)(images, v).norm(dim=1))
    smoothness = (torch.cat(rough) - s.smoothness_target).square().mean()
    hinge = F.relu(1 - D(x).norm(dim=1)).square().mean()
    return {
        "gaussian": -s.gaussian_weight * apart,
        "cluster": s.cluster_weight * (s_f - s_r),
        "smoothness": s.smoothness_weight * smoothness,
        "norm": s.norm_weight * hinge,
    }


def check_transcription(config: RunConfig, device: torch.device) -> None:
    """The transcription plays the same game: its losses are ours, in fp32."""
    torch.manual_seed(0)
    method = make_method(config, SPEC).to(device).train()
    assert isinstance(method, Structural)
    again = Randomness(1, device=device)
    first = replace(make_batch(config, 16, device), noise=again)
    twin = copy.deepcopy(method)  # a forward pass moves the vectors of G's spectral norm
    theirs = {name: value.item() for name, value in transcribed_losses(twin, first).items()}
    first = replace(first, noise=Randomness(1, device=device))
    terms = method.losses(first, ("discriminator",))["discriminator"]
    found = {name: value.item() for name, value in terms.items()}
    found["cluster"] = found.pop("cluster_real") + found.pop("cluster_fake")
    for name, value in theirs.items():
        assert abs(found[name] - value) < 1e-3 * max(1, abs(value)), (name, found[name], value)


if __name__ == "__main__":
    main()
