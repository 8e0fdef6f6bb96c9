"""Every method's losses against transcriptions of their equations in NumPy, in float64."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy_networks import Networks, mlp, sigmoid
from numpy_views import barlow_twins, byol, moco, simclr
from test_structural import bhattacharyya, jsd

from ambigan.core.randomness import Randomness
from ambigan.engine.config import RunConfig
from ambigan.game import Batch, Method
from ambigan.testing.method_under_test import converge_spectral_norms
from games import toy_config, toy_method
from reference import numpy_bigbigan

Totals = dict[str, float]


def gan(nets: Networks, config: RunConfig, x: np.ndarray, z: np.ndarray, noise: Randomness):
    """Eq. 1 of Goodfellow et al., with the generator's own objective of section 3, or the hinge."""
    settings, seen, drawn = config.settings, x, nets.G(z)
    if getattr(settings, "augment", False):
        drawn, seen = augmented(drawn, noise), augmented(x, noise)
    b = nets.D(masked(drawn, settings.discriminator_dropout, settings, noise))
    a = nets.D(masked(seen, settings.discriminator_dropout, settings, noise))
    if getattr(settings, "objective", None) == "hinge":
        margins = np.maximum(0, 1 - a).mean() + np.maximum(0, 1 + b).mean()
        total = settings.term_weight * margins
        if settings.gradient_penalty:
            total += settings.gradient_penalty * half_squared_slope(nets, x)
        if weight := getattr(settings, "smoothness_weight", 0):
            images = torch.from_numpy(np.concatenate([x, drawn]))
            steep = [np.linalg.norm(jacobian(nets.method.discriminator, i)) for i in images]
            total += weight * ((np.array(steep) - settings.smoothness_target) ** 2).mean()
        return {"discriminator": total, "generator": -b.mean()}
    real, fake = sigmoid(a), sigmoid(b)
    v = np.log(real).mean() + np.log(1 - fake).mean()
    penalty = settings.gradient_penalty * half_squared_slope(nets, x)
    return {
        "discriminator": -settings.term_weight * v + penalty,
        "generator": -np.log(fake).mean(),
    }


def masked(values: np.ndarray, share: float, settings: Any, noise: Randomness) -> np.ndarray:
    """Masking noise: of MLPs that see data in [0, 1], a value that is not seen is black."""
    kept = noise.uniform(*values.shape).numpy() >= share if share else True
    return np.where(kept, values, -1 if getattr(settings.network, "unit_input", 0) else 0)


def augmented(x: np.ndarray, noise: Randomness) -> np.ndarray:
    """Zhao et al., image by image: colours, a move by whole pixels, a hole of half the sides."""
    colours = noise.uniform(len(x), 3).double().numpy()
    moves = noise.uniform(len(x), 2).double().numpy()
    holes = noise.uniform(len(x), 2).double().numpy()
    return np.stack([one_augmented(*parts) for parts in zip(x, colours, moves, holes, strict=True)])


def one_augmented(image, colour, move, hole) -> np.ndarray:
    image = image + colour[0] - 0.5
    grey = image.mean(0, keepdims=True)
    image = (image - grey) * 2 * colour[1] + grey
    image = (image - image.mean()) * (colour[2] + 0.5) + image.mean()
    height, width = image.shape[1:]
    reach = [round(side / 8) for side in (height, width)]
    down, right = (int(m * (2 * r + 1)) - r for m, r in zip(move, reach, strict=True))
    moved = np.zeros_like(image)
    for row in range(height):
        for column in range(width):
            if 0 <= row + down < height and 0 <= column + right < width:
                moved[:, row, column] = image[:, row + down, column + right]
    spans = []
    for side, chance in zip((height, width), hole, strict=True):
        length = side // 2
        centre = int(chance * (side + 1 - length % 2))
        spans.append(slice(max(centre - length // 2, 0), max(centre - length // 2 + length, 0)))
    moved[:, spans[0], spans[1]] = 0
    return moved


def bigan(nets: Networks, config: RunConfig, x: np.ndarray, z: np.ndarray, noise: Randomness):
    """Eq. 3 of BiGAN, the inverse objective of its appendix B, and the hinge beside them."""
    settings = config.settings
    code = nets.E(masked(x, settings.encoder_dropout, settings, noise))
    x = smaller(x, getattr(settings.network, "image_size", None))
    if settings.encoder == "gaussian":
        mean, deviation = code[:, :4], np.exp(code[:, 4:])
        code = mean + deviation * noise.normal(*mean.shape).double().numpy()
    share, w = settings.discriminator_dropout, settings.term_weight
    seen = augmented(x, noise) if settings.augment else x
    a = nets.D(masked(seen, share, settings, noise), code, noise)
    drawn = augmented(nets.G(z), noise) if settings.augment else nets.G(z)
    b = nets.D(masked(drawn, share, settings, noise), z, noise)
    if settings.objective == "hinge":
        telling = w * (np.maximum(0, 1 - a).mean() + np.maximum(0, 1 + b).mean())
        fooling = w * (a.mean() - b.mean())
    else:
        real, fake = sigmoid(a), sigmoid(b)
        v = np.log(real).mean() + np.log(1 - fake).mean()
        inverse = np.log(1 - real).mean() + np.log(fake).mean()
        telling, fooling = -w * v, -w * inverse if settings.objective == "inverse" else w * v
    away = np.abs(x - nets.G(code)).reshape(len(x), -1)
    distance = (away**2 if settings.cycle_loss == "l2" else away).sum(1).mean()
    views = view_terms(nets, settings, x, noise) if settings.view_weight else 0.0
    return {
        "discriminator": telling + settings.gradient_penalty * half_squared_slope(nets, x, code),
        "generator_encoder": fooling
        + settings.cycle_weight * distance
        + settings.view_weight * views,
    }


def view_terms(nets: Networks, settings: Any, x: np.ndarray, noise: Randomness) -> float:
    """Section 4.2 of VICReg, on two views of SCARF's kind."""
    encoder = nets.method.encoder
    first, _, second = (
        (part.weight.detach().double().numpy(), part.bias.detach().double().numpy())
        if isinstance(part, torch.nn.Linear)
        else (None, None)
        for part in nets.method.projector
    )
    total, projected = 0.0, []
    for _ in range(2):
        swapped = noise.uniform(*x.shape).numpy() < settings.view_corruption
        others = (noise.uniform(*x.shape) * len(x)).long().numpy()
        seen = np.where(swapped, np.take_along_axis(x, others, 0), x)
        h = mlp(encoder, seen, None, 0.2, last=encoder.hidden_names[-1])
        z = np.maximum(h @ first[0].T + first[1], 0) @ second[0].T + second[1]
        projected.append(z)
        covariance = np.cov(z.T, bias=True)
        deviation = np.sqrt(np.diag(covariance) + 1e-4)
        total += 12.5 * np.maximum(0, 1 - deviation).mean()
        shared = (covariance**2).sum() - (np.diag(covariance) ** 2).sum()
        total += settings.view_covariance * shared / len(covariance)
    return total + 25 * ((projected[0] - projected[1]) ** 2).mean()


def smaller(x: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """Each value a mean under a triangle as wide as the pixels become large."""
    if size is None:
        return x
    rows, columns = (triangles(old, new) for old, new in zip(x.shape[2:], size, strict=True))
    return np.einsum("ih,nchw,jw->ncij", rows, x, columns)


def triangles(old: int, new: int) -> np.ndarray:
    centres = (np.arange(new)[:, None] + 0.5) * old / new
    weights = np.maximum(0, 1 - np.abs(np.arange(old) + 0.5 - centres) * new / old)
    return weights / weights.sum(1, keepdims=True)


def half_squared_slope(nets: Networks, x: np.ndarray, z: np.ndarray | None = None) -> float:
    """R1 by central differences of the sum of D's logits, over all values of x and of z."""
    step, squares = 1e-5, 0.0
    for values in (x,) if z is None else (x, z):
        for place in np.ndindex(*values.shape):
            before, sums = values[place], []
            for value in (before + step, before - step):
                values[place] = value
                sums.append(nets.D(x, z).sum())
            values[place] = before
            squares += ((sums[0] - sums[1]) / (2 * step)) ** 2
    return squares / len(x) / 2


def latent_regressor(
    nets: Networks, config: RunConfig, x: np.ndarray, z: np.ndarray, noise: Randomness
) -> Totals:
    """Section 4.1 of BiGAN: cross-entropy of E(G(z)) and z, each as a chance in [0, 1]."""
    totals = gan(nets, config, x, z, noise)
    predicted, target = sigmoid(nets.E(nets.G(z))), (z + 1) / 2
    entropy = -(target * np.log(predicted) + (1 - target) * np.log(1 - predicted))
    totals["encoder"] = entropy.mean()
    totals["generator"] += config.settings.joint_weight * entropy.mean()
    return totals


def autoencoder(
    nets: Networks, config: RunConfig, x: np.ndarray, z: np.ndarray, _: object
) -> Totals:
    """Distances of an example as a vector, averaged over examples; terms of SAO of the latents."""
    s, latents = config.settings, nets.E(x)
    apart = (nets.G(latents) - x).reshape(len(x), -1)
    distance = np.abs(apart) if s.loss == "l1" else apart**2
    total = distance.sum(1).mean()
    if s.gaussian_weight:
        root = np.sqrt(s.latent_dim)
        total += s.gaussian_weight * bhattacharyya(latents / root, z / root, 2 * s.latent_dim)
    if s.cluster_weight:
        e = latents / np.linalg.norm(latents, axis=1, keepdims=True)
        cosines = e @ e.T
        np.fill_diagonal(cosines, -np.inf)
        total -= s.cluster_weight * cosines.max(1).mean()
    return {"autoencoder": total}


def structural(
    nets: Networks, config: RunConfig, x: np.ndarray, z: np.ndarray, noise: Randomness
) -> Totals:
    """From embeddings on in NumPy; explicit Jacobians; the teacher's state in a copy of D."""
    s, method = config.settings, nets.method
    D, fake = method.discriminator, method.decode(torch.from_numpy(z)).detach()
    real = torch.from_numpy(x)
    e_real, e_fake = (D(images).detach().numpy() for images in (real, fake))
    r, f = (e / np.linalg.norm(e, axis=1, keepdims=True) for e in (e_real, e_fake))
    apart = {"jsd": jsd, "bhattacharyya": bhattacharyya}[s.divergence](r, f, 2 * s.embedding_dim)
    teacher = copy.deepcopy(D)
    names = method.teacher.names
    teacher.load_state_dict({name: method.teacher.get_buffer(ours) for ours, name in names.items()})
    both = teacher(torch.cat([real, fake]), head=False).detach().numpy()
    h_real, h_fake = both[: len(x)], both[len(x) :]
    keys = np.concatenate([h_real, method.bank.keys.numpy()])
    known = np.concatenate([r, method.bank.embeddings.numpy()])
    keys = keys / np.linalg.norm(keys, axis=1, keepdims=True)

    def similarity(e: np.ndarray, h: np.ndarray, skip: int) -> float:
        chosen = np.argsort(-h @ keys.T, axis=1)[:, skip : skip + s.neighbors]
        return float(np.mean([known[row] @ one for row, one in zip(chosen, e, strict=True)]))

    s_r, s_f = similarity(r, h_real, 1), similarity(f, h_fake, int(s.skip_for_fake))
    hinge = (np.maximum(0, 1 - np.linalg.norm(e_real, axis=1)) ** 2).mean()
    total = -s.gaussian_weight * apart + s.cluster_weight * (s_f - s_r) + s.norm_weight * hinge
    if s.smoothness_weight:
        shape, images = (len(x), s.embedding_dim), torch.cat([real, fake])
        start = torch.cat([noise.normal(*shape), noise.normal(*shape)]).double().numpy()
        each = zip(images, start, strict=True)
        norms = np.array([pushed(D, image, u, s.power_iterations) for image, u in each])
        total += s.smoothness_weight * ((norms - s.smoothness_target) ** 2).mean()
    return {
        "discriminator": total,
        "generator": s.gaussian_weight * apart - s.cluster_weight * s_f,
    }


def bigbigan(
    nets: Networks, config: RunConfig, x: np.ndarray, z: np.ndarray, noise: Randomness
) -> Totals:
    """Means over the scores of each kind of pair; the latents drawn by mu + softplus(s) e."""
    settings, method = config.settings, nets.method
    generator = numpy_bigbigan.generator
    seen = masked(x, settings.encoder_dropout, settings, noise)
    if settings.network.kind == "residual_mlp":
        generator = numpy_bigbigan.vector_generator
        code = numpy_bigbigan.vector_encoder(method.encoder, seen)
    else:
        reversible = settings.network.encoder == "revnet50"
        code = numpy_bigbigan.encoder(method.encoder, seen, reversible=reversible)["output"]
    if settings.encoder == "stochastic":
        mean, before = np.split(code, 2, 1)
        code = mean + np.log1p(np.exp(before)) * noise.normal(*mean.shape).double().numpy()
    elif settings.prior == "uniform":
        code = np.tanh(code)
    drawn = generator(method.generator, z)
    real = numpy_bigbigan.scores(method.discriminator, x, code)
    fake = numpy_bigbigan.scores(method.discriminator, drawn, z)
    assert real.shape[1] == {"both": 3, "x": 2, "z": 2, "none": 1}[settings.unary]
    cycle = 0.0
    if settings.cycle_weight:
        apart = np.abs(x - generator(method.generator, code)).reshape(len(x), -1)
        power = 2 if settings.cycle_loss == "l2" else 1
        cycle = settings.cycle_weight * (apart**power).sum(1).mean()
    return {
        "discriminator": np.maximum(0, 1 - real).mean() + np.maximum(0, 1 + fake).mean(),
        "generator": -fake.mean() + cycle,
        "encoder": real.mean() + cycle,
    }


def pushed(D: torch.nn.Module, image: torch.Tensor, u: np.ndarray, iterations: int) -> float:
    """|J v| after so many power iterations, from the explicit Jacobian of one image."""
    matrix = jacobian(D, image)
    for _ in range(iterations):
        v = matrix.T @ u / np.linalg.norm(matrix.T @ u)
        u = matrix @ v
    return float(np.linalg.norm(u))


def jacobian(D: torch.nn.Module, image: torch.Tensor) -> np.ndarray:
    """The explicit one, a row an output."""
    found = torch.autograd.functional.jacobian(lambda i: D(i[None])[0], image)
    return found.flatten(1).numpy()


TRANSCRIPTIONS: dict[str, Callable[..., Totals]] = {
    "gan": gan,
    "bigan": bigan,
    "latent_regressor": latent_regressor,
    "autoencoder": autoencoder,
    "bigbigan": bigbigan,
    "structural": structural,
    "simclr": simclr,
    "barlow_twins": barlow_twins,
    "byol": byol,
    "moco": moco,
}


def somewhere(config: RunConfig) -> tuple[Method, torch.Tensor, torch.Tensor]:
    """The method away from where it starts, a batch of data, and latents; in float64."""
    method = toy_method(config).double().train()
    for parameter in method.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    converge_spectral_norms(method)
    noise = Randomness(3)
    x = (noise.uniform(6, 1, 8, 8) * 2 - 1).double()
    return method, x, method.prior.sample(6, noise).double()


def transcribed(method: Method, config: RunConfig, x: torch.Tensor, z: torch.Tensor) -> Totals:
    """Every player's loss by NumPy."""
    equations, nets = TRANSCRIPTIONS[config.method], Networks(method)
    return equations(nets, config, x.numpy().copy(), z.numpy().copy(), Randomness(4))


def test_losses_equal_the_equations(variant: str) -> None:
    """From the networks up, away from the zeros some presets start at."""
    config = toy_config(variant)
    method, x, z = somewhere(config)
    expected = transcribed(copy.deepcopy(method), config, x, z)
    losses = method.losses(Batch(x, z, Randomness(4)), [player.name for player in method.players])
    found = {player: sum(terms.values()).item() for player, terms in losses.items()}
    assert found.keys() == expected.keys()
    for player, total in expected.items():
        rough = player == "discriminator" and getattr(config.settings, "gradient_penalty", 0)
        tolerance = 1e-6 if rough else 1e-9  # central differences are that exact
        np.testing.assert_allclose(found[player], total, rtol=tolerance, err_msg=player)


def test_gradients_are_the_slopes_of_the_equations(variant: str) -> None:
    """Of each player, along random directions: by autograd, and by differences in NumPy.

    SAO's smoothness is left out, whose directions are held (see test_structural.py).
    """
    held = {"settings__smoothness_weight": "0"} if variant.startswith("structural") else {}
    config = bare = toy_config(variant, **held)
    method, x, z = somewhere(config)
    rough = getattr(config.settings, "gradient_penalty", 0)  # of differences already
    if rough:  # the penalty is D's alone, and takes NumPy long
        bare = toy_config(variant, settings__gradient_penalty="0", **held)
    step, tolerance = 1e-6, 1e-3 if rough else 1e-5
    losses = method.losses(Batch(x, z, Randomness(4)), [player.name for player in method.players])
    for number, player in enumerate(method.players):
        parameters = method.player_parameters(player)
        draw = torch.Generator().manual_seed(number)
        direction = {
            n: torch.randn(p.shape, generator=draw).double() for n, p in parameters.items()
        }
        total = sum(losses[player.name].values())
        gradients = torch.autograd.grad(total, [*parameters.values()], retain_graph=True)
        pairs = zip(gradients, direction.values(), strict=True)
        slope = sum((gradient * along).sum().item() for gradient, along in pairs)
        sides = list[float]()
        for sign in (1, -1):
            moved = copy.deepcopy(method)
            with torch.no_grad():
                for name, along in direction.items():
                    moved.get_parameter(name).add_(along, alpha=sign * step)
            equations = config if player.name == "discriminator" else bare
            sides.append(transcribed(moved, equations, x, z)[player.name])
        expected = (sides[0] - sides[1]) / (2 * step)
        np.testing.assert_allclose(slope, expected, rtol=tolerance, err_msg=player.name)


def test_a_player_who_waits_has_no_loss(variant: str) -> None:
    method = toy_method(toy_config(variant)).train()
    for player in method.players:
        noise = Randomness(3)
        x, z = noise.uniform(6, 1, 8, 8), method.prior.sample(6, noise)
        assert list(method.losses(Batch(x, z, noise), [player.name])) == [player.name]
