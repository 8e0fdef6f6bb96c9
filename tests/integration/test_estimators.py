"""Methods as estimators of scikit-learn."""

from __future__ import annotations

import pickle
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

import ambigan
from ambigan.engine.trainer import Interrupted, Trainer

OF_VECTORS = ["Autoencoder", "BiGAN", "BigBiGAN", "GAN", "LatentRegressor", "Structural"]
OF_IMAGES = ["BigBiGAN", "Structural"]
ROUNDING = {"check_methods_subset_invariance": "float32 rounds by the number of rows at once"}
DIGITS, CLASSES = load_digits(return_X_y=True)
X, Y = DIGITS[:120], CLASSES[:120]
TOY: dict[str, Any] = {"epochs": 1, "random_state": 0, "latent_dim": 6}

pytestmark = pytest.mark.filterwarnings("ignore:.*(hardly|lie between 0 and 1).*")


@pytest.fixture(scope="module")
def fitted() -> Any:
    return ambigan.BiGAN(**TOY).fit(X)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", OF_VECTORS)
def test_scikit_learns_checks_pass(name: str) -> None:
    estimator = getattr(ambigan, name)(epochs=1, batch_size=32)
    assert len(check_estimator(estimator, expected_failed_checks=ROUNDING, on_skip=None)) > 40


@pytest.mark.parametrize("name", OF_IMAGES)
def test_networks_of_images_say_so_of_vectors(name: str) -> None:
    with pytest.raises(ValueError, match="is for images, but the data are vectors"):
        getattr(ambigan, name)(preset="images", epochs=1).fit(X)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", OF_IMAGES)
def test_methods_of_images_take_rows_with_a_shape(name: str) -> None:
    estimator = getattr(ambigan, name)(preset="small", epochs=1, image_shape=(8, 8)).fit(X)
    assert estimator.transform(X).shape == (len(X), estimator.get_feature_names_out().size)
    assert estimator.sample(2).shape == (2, 64)


def test_arguments_are_the_settings_by_name() -> None:
    estimator = ambigan.BiGAN(latent_dim=20, cycle_weight=1.0)
    assert estimator.get_params()["latent_dim"] == 20
    assert estimator.get_params()["objective"] is None, "the preset's"
    assert repr(clone(estimator)) == "BiGAN(cycle_weight=1.0, latent_dim=20)"
    assert "cycle_weight: " in (ambigan.BiGAN.__doc__ or "")
    with pytest.raises(TypeError, match="latent_dims"):
        ambigan.BiGAN(latent_dims=20)
    with pytest.raises(ValueError, match=r"settings\.objective"):
        ambigan.BiGAN(objective="unknown").fit(X)


def test_it_does_what_its_method_can() -> None:
    assert not hasattr(ambigan.GAN(), "encode")
    assert not hasattr(ambigan.GAN(), "score_samples")
    assert hasattr(ambigan.GAN(), "sample")
    assert not hasattr(ambigan.Autoencoder(), "sample")


def test_features_are_those_of_the_run(fitted: Any) -> None:
    assert (fitted.transform(X) == fitted.run_.features(X)).all()
    same = clone(fitted).fit(X).transform(X)
    assert (same == fitted.transform(X)).all(), "the same seed gives the same weights"
    latents = ambigan.BiGAN(**TOY, layer="latents").fit(X)
    assert (latents.transform(X) == fitted.encode(X)).all()
    assert list(latents.get_feature_names_out()) == [f"bigan{n}" for n in range(6)]


def test_columns_that_never_change_come_back(fitted: Any) -> None:
    constant = (X[:1] == X).all(0)
    assert constant.any()
    for values in (
        fitted.sample(5, 1),
        fitted.reconstruct(X),
        fitted.inverse_transform(np.zeros((3, 6))),
    ):
        assert values.shape[1] == X.shape[1]
        assert (values[:, constant] == X[0, constant]).all()
        assert np.isfinite(values).all()


def test_a_constant_column_at_the_end_is_left_out_and_comes_back() -> None:
    data = np.c_[X[:, 2:6], np.full(len(X), 7.0)]
    estimator = ambigan.BiGAN(**TOY).fit(data)
    assert (estimator.transform(data) == estimator.run_.features(data[:, :4])).all()
    assert (estimator.transform(data) == estimator.run_.features(data)).all()
    assert (estimator.reconstruct(data)[:, -1] == 7).all()


def test_scores_are_errors_in_scaled_values(fitted: Any) -> None:
    run = fitted.run_
    kept = [int(name) for name in run.scaling.columns]
    error = (run.reconstruct(X) - X[:, kept]) / run.scaling.scale.numpy()
    assert fitted.score_samples(X) == pytest.approx(-(error**2).mean(1), rel=1e-4)
    assert fitted.score(X) == pytest.approx(fitted.score_samples(X).mean())


@pytest.mark.parametrize("form", ["rows", "NHW", "NHWC", "NCHW", "float"])
def test_images_go_out_as_they_came_in(form: str) -> None:
    images = np.kron(X.reshape(-1, 8, 8)[:60], np.ones((2, 2))).astype(np.uint8) * 15
    data: Any = {
        "rows": images.reshape(60, -1),
        "NHW": images,
        "NHWC": np.stack([images] * 3, -1),
        "NCHW": np.stack([images] * 3, 1),
        "float": images / 1000.0,
    }[form]
    shape = {"image_shape": (16, 16)} if form == "rows" else {}
    network = {"width": 8}
    estimator = ambigan.BiGAN(epochs=1, random_state=0, network=network, **shape).fit(data)
    assert estimator.run_.spec.kind == "images"
    for values in (estimator.reconstruct(data), estimator.sample(60)):
        assert values.shape == data.shape
        assert data.min() <= values.min() <= values.max() <= data.max() * 1.001
    with pytest.raises(ValueError, match="features"):
        estimator.transform(data[:, :-1])


def test_frames_give_frames() -> None:
    frame = pd.DataFrame(X[:, 2:6], columns=["a", "b", "c", "d"])
    estimator = ambigan.Autoencoder(epochs=1, random_state=0).set_output(transform="pandas")
    out = estimator.fit_transform(frame)
    assert isinstance(out, pd.DataFrame)
    assert out.columns[0] == "autoencoder0"
    with pytest.raises(ValueError, match="feature names"):
        estimator.transform(frame[["b", "a", "c", "d"]])


def test_pickled_with_its_weights(fitted: Any) -> None:
    content = pickle.dumps(clone(fitted).fit(X))  # whose folder is gone
    again = pickle.loads(content)
    assert (again.transform(X) == fitted.transform(X)).all()
    assert (again.sample(3, 2) == fitted.sample(3, 2)).all()
    folder = again.run_.path
    assert folder.is_dir()
    del again
    assert not folder.exists()


@pytest.mark.slow
def test_searched_over_in_a_pipeline() -> None:
    pipeline = make_pipeline(ambigan.BiGAN(**TOY), LogisticRegression(max_iter=50))
    search = GridSearchCV(pipeline, {"bigan__latent_dim": [2, 6]}, cv=2, error_score="raise")
    assert search.fit(X, Y).best_params_["bigan__latent_dim"] in (2, 6)
    by_error = GridSearchCV(ambigan.BiGAN(**TOY), {"cycle_weight": [0.0, 1.0]}, cv=2)
    assert np.isfinite(by_error.fit(X).cv_results_["mean_test_score"]).all()


@pytest.mark.filterwarnings("ignore")
def test_a_search_stops_where_a_fit_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search goes on to the next candidate after an error of any other kind."""
    begun: list[int] = []

    def interrupted(*_: Any) -> Any:
        begun.append(1)
        raise Interrupted(signal.SIGINT)

    monkeypatch.setattr(Trainer, "train", interrupted, raising=True)
    with pytest.raises(KeyboardInterrupt):
        GridSearchCV(ambigan.BiGAN(**TOY), {"latent_dim": [2, 6]}, cv=2).fit(X)
    assert len(begun) == 1


def test_an_interrupted_fit_goes_on_in_its_folder(fitted: Any, tmp_path: Path) -> None:
    twice = {**TOY, "epochs": 2}
    whole = ambigan.BiGAN(**twice).fit(X).transform(X)
    out = tmp_path / "run"
    ambigan.BiGAN(**twice, out=out).fit(X)
    shutil.rmtree(out / "model")
    newest = max((out / "checkpoints").glob("*.pt"))
    newest.unlink()
    assert (ambigan.BiGAN(**twice, out=out).fit(X).transform(X) == whole).all()
    with pytest.raises(ValueError, match="other settings"):
        ambigan.BiGAN(**{**twice, "latent_dim": 7}, out=out).fit(X)
    with pytest.raises(ambigan.CheckpointError, match="data"):
        ambigan.BiGAN(**twice, out=out).fit(X + 1)


def test_an_array_with_constant_columns_goes_in_as_it_was_fitted() -> None:
    run = ambigan.fit("autoencoder", X, epochs=1, drop_constant=True)
    kept = [int(name) for name in run.scaling.columns] if run.scaling else []
    assert 0 < len(kept) < X.shape[1]
    assert (run.features(X) == run.features(X[:, kept])).all()


def test_bytes_may_be_floats() -> None:
    images = X.reshape(-1, 8, 8)
    run = ambigan.fit("autoencoder", images.astype(np.uint8), epochs=1)
    assert (run.features(images) == run.features(images.astype(np.uint8))).all()
    with pytest.raises(ambigan.ConfigError, match="-1 to 1"):
        run.features(images + 0.5)
