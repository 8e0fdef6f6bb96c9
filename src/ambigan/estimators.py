"""Methods as estimators of scikit-learn: `BiGAN(latent_dim=20).fit_transform(X)`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields
from importlib import import_module
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .core.settings import attribute_descriptions
from .fitting import fit
from .game import Capability
from .methods import find_method
from .run import Run

# scikit-learn has no types.
_base: Any = import_module("sklearn.base")
_checks: Any = import_module("sklearn.utils.validation")
_random: Any = import_module("sklearn.utils").check_random_state
available_if: Any = import_module("sklearn.utils.metaestimators").available_if
if TYPE_CHECKING:
    _Transformer = object
else:

    class _Transformer(
        _base.ClassNamePrefixFeaturesOutMixin, _base.TransformerMixin, _base.BaseEstimator
    ):
        """A transformer whose columns are named after its class."""


_OWN: dict[str, tuple[Any, str]] = {
    "preset": (None, "Name of the preset to start from; the usual one for such data if None."),
    "epochs": (None, "Number of passes over the data; the preset's if None."),
    "batch_size": (None, "Number of examples in a turn; the preset's if None."),
    "test_fraction": (
        0.1,
        "Fraction of the data, between 0 and 1, that is held out for reports; of the rest, preset"
        " `table` holds out a tenth to choose the best state by.",
    ),
    "layer": (
        None,
        "Layer whose outputs `transform` returns, by dotted name, or `latents`; the method's own"
        " feature layer if None.",
    ),
    "image_shape": (
        None,
        "Height and width, or height, width and channels, of the images that the rows of X are;"
        " None for vectors, and for arrays of images `(N, H, W)`, `(N, H, W, C)` or"
        " `(N, C, H, W)`.",
    ),
    "device": ("auto", "Device: `auto` for CUDA where there is one, `cpu`, `cuda` or `cuda:1`."),
    "random_state": (
        None,
        "Seed of weights, batches and latents: an integer, a RandomState, or None for another one"
        " at every fit.",
    ),
    "out": (
        None,
        "Folder of the run, in which an interrupted fit goes on; a temporary one if None, which is"
        " deleted with the estimator.",
    ),
}
"""Arguments that every estimator has beside the settings of its method: default and meaning."""


def _can(capability: Capability) -> Callable[[Any], bool]:
    """What `available_if` asks of an estimator: whether its method has a capability."""
    return lambda self: capability in find_method(self.method).capabilities


class Estimator(_Transformer):
    """What the estimators of all methods share; a subclass names its `method`.

    Its arguments are the settings of the method by name, where None is the preset's value, and
    those of every estimator. `ambigan settings METHOD` describes all of them. After `fit`:

    Attributes:
        run_: The trained model with all it can do, a `Run`.
        n_features_in_: Number of columns of X; of arrays of images, the length of the second axis.
    """

    method: ClassVar[str]

    preset: str | None
    epochs: int | None
    batch_size: int | None
    test_fraction: float
    layer: str | None
    image_shape: tuple[int, ...] | None
    device: str
    random_state: Any
    out: str | Path | None
    run_: Run

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Gives a subclass the arguments of its method, as scikit-learn reads them."""
        super().__init_subclass__(**kwargs)
        if "method" not in cls.__dict__:
            return
        settings = find_method(cls.method).Settings
        own = {name: default for name, (default, _) in _OWN.items()}
        defaults: dict[str, Any] = dict.fromkeys((each.name for each in fields(settings)), None)
        clash = defaults.keys() & own.keys()
        assert not clash, f"{cls.method} has settings of the names {clash}"
        cls.__init__ = _initialiser(own | defaults)
        described = {name: text for name, (_, text) in _OWN.items()}
        described |= attribute_descriptions(settings)
        lines = "\n".join(f"        {name}: {described[name]}" for name in own | defaults)
        cls.__doc__ = f"{inspect.cleandoc(cls.__doc__ or '')}\n\n    Args:\n{lines}\n"

    def fit(self, X: Any, y: Any = None) -> Estimator:
        """Trains the method.

        Args:
            X: Examples `(N, D)`, an array or a frame of numbers, or images in any layout.
            y: Not used; there for pipelines.

        Raises:
            ValueError: X or an argument cannot be used.
        """
        values = _checks.validate_data(
            self, X, dtype="numeric", allow_nd=True, ensure_min_samples=4
        )
        settings = find_method(self.method).Settings
        given = {each.name: getattr(self, each.name) for each in fields(settings)}
        given |= {"batch_size": self.batch_size, "shape": self.image_shape}
        given |= {"test_fraction": self.test_fraction, "device": self.device}
        changes = {name: value for name, value in given.items() if value is not None}
        if values.ndim == 2 and self.image_shape is None:
            changes["drop_constant"] = True
        self.run_ = fit(
            self.method,
            values,
            preset=self.preset,
            out=self.out,
            seed=_seed_from(self.random_state),
            epochs=self.epochs,
            resume=True,
            **changes,
        )
        self._example: NDArray[Any] = np.array(values[:1])
        self._n_features_out = self._features(self._example).shape[1]
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Features `(N, K)` of examples, by `layer`."""
        return self._features(self._checked(X))

    def _features(self, values: NDArray[Any]) -> NDArray[np.float32]:
        images = self._shaped(values)
        if self.layer == "latents":
            return self.run_.encode(images)
        return self.run_.features(images, self.layer)

    @available_if(_can("encode"))
    def encode(self, X: Any) -> NDArray[np.float32]:
        """Latents `(N, latent_dim)` of examples."""
        return self.run_.encode(self._shaped(self._checked(X)))

    @available_if(_can("decode"))
    def inverse_transform(self, Z: Any) -> NDArray[Any]:
        """Examples from latents, in the form and units of the X that was fitted.

        Args:
            Z: Latents `(N, latent_dim)`, which `encode` gives, and `transform` where `layer` is
                `latents`.
        """
        _checks.check_is_fitted(self)
        return self._as_fitted(self.run_.decode(Z))

    @available_if(_can("reconstruct"))
    def reconstruct(self, X: Any) -> NDArray[Any]:
        """Examples through latents and back, in their own form and units."""
        return self._as_fitted(self.run_.reconstruct(self._shaped(self._checked(X))))

    @available_if(_can("sample"))
    def sample(self, n_samples: int = 1, random_state: Any = None) -> NDArray[Any]:
        """New examples, in the form and units of the X that was fitted.

        Args:
            n_samples: Number of examples.
            random_state: Seed of the latents, as for scikit-learn.
        """
        _checks.check_is_fitted(self)
        return self._as_fitted(self.run_.sample(n_samples, _seed_from(random_state)))

    @available_if(_can("reconstruct"))
    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Minus the mean squared error of the reconstruction of each example, `(N,)`.

        Values are scaled as in training. The higher the score, the more an example is like those
        of the data.
        """
        errors = self.run_.reconstruction_errors(self._shaped(self._checked(X)))
        return -errors.reshape(len(errors), -1).mean(1, dtype=np.float64)

    @available_if(_can("reconstruct"))
    def score(self, X: Any, y: Any = None) -> float:
        """The mean of `score_samples`, by which a grid search chooses; y is not used."""
        return float(self.score_samples(X).mean())

    def inputs(self, X: Any) -> Tensor:
        """X as the networks take it."""
        return self.run_.inputs(self._shaped(self._checked(X)))

    def _checked(self, X: Any) -> NDArray[Any]:
        """X as the trained model takes it."""
        _checks.check_is_fitted(self)
        values = _checks.validate_data(self, X, reset=False, dtype="numeric", allow_nd=True)
        if values.shape[1:] != self._example.shape[1:]:
            raise ValueError(
                f"X has shape {values.shape}; {type(self).__name__} was fitted on"
                f" {('N', *self._example.shape[1:])}."
            )
        return values

    def _shaped(self, values: NDArray[Any]) -> NDArray[Any]:
        """Rows as the images that they are; all else as it is."""
        if self.image_shape is None:
            return values
        return values.reshape(len(values), *self.image_shape)

    def _as_fitted(self, values: NDArray[np.floating]) -> NDArray[Any]:
        """Values of the model in the form and units of the X that was fitted."""
        if self.run_.spec.kind == "vectors":
            scaling = self.run_.scaling
            if scaling is None or values.shape[1:] == self._example.shape[1:]:
                return values
            whole = np.repeat(self._example.astype(values.dtype), len(values), axis=0)
            whole[:, [int(name) for name in scaling.columns]] = values  # the others never change
            return whole
        if self.run_.scaling is None:  # 8 bits
            values = (values + 1) * 127.5
        shape = self.image_shape or self._example.shape[1:]
        if len(shape) == 2:
            values = values[:, 0]
        elif shape != values.shape[1:]:
            values = values.transpose(0, 2, 3, 1)
        return values.reshape(len(values), *self._example.shape[1:])

    def __sklearn_tags__(self) -> Any:
        tags = cast(Any, super()).__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # float32 whatever X is
        tags.target_tags.required = False
        return tags


def _seed_from(random_state: Any) -> int:
    """A seed; drawn, where scikit-learn draws."""
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(_random(random_state).randint(np.iinfo(np.int32).max))


def _initialiser(defaults: Mapping[str, Any]) -> Callable[..., None]:
    """An `__init__` that keeps its arguments as they are, with a signature of its own."""
    named = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
        for name, default in defaults.items()
    ]
    place = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    signature = inspect.Signature([place, *named])

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        for name in defaults:
            setattr(self, name, bound.arguments[name])

    __init__.__signature__ = signature  # pyright: ignore[reportFunctionMemberAccess]
    return __init__


class Autoencoder(Estimator):
    """An autoencoder (Table 1 of BiGAN; Donahue et al., 2017), the baseline of the games."""

    method = "autoencoder"


class GAN(Estimator):
    """A generative adversarial network, whose features are D's (DCGAN; Radford et al., 2016)."""

    method = "gan"


class BiGAN(Estimator):
    """A bidirectional GAN, which learns to encode and to generate (Donahue et al., 2017)."""

    method = "bigan"


class BigBiGAN(Estimator):
    """BiGAN with unary terms and larger networks (Donahue and Simonyan, 2019)."""

    method = "bigbigan"


class LatentRegressor(Estimator):
    """A GAN whose encoder regresses the latents of samples (Donahue et al., 2017)."""

    method = "latent_regressor"


class Structural(Estimator):
    """Structural adversarial objectives: a D that embeds (Zhang and Maire, 2023)."""

    method = "structural"
