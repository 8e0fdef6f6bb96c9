"""Two trained models, of images and of vectors, as the explorer shows them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from explored import MakeCollection
from sklearn.datasets import load_digits, load_wine

import ambigan
from ambigan.data import open_dataset, open_examples
from ambigan.retrieval import NamedExamples
from ambigan.run import Run

pytest.importorskip("dash")

from ambigan.explorer import Collection
from ambigan.explorer.server import Explorer


@pytest.fixture(scope="session")
def image_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A BiGAN of handwritten digits."""
    folder = tmp_path_factory.mktemp("images")
    images = (load_digits().images[:300, None] * 255 / 16).round().astype("uint8")
    np.savez(folder / "digits.npz", X=images, y=load_digits().target[:300])
    return ambigan.fit(
        "bigan",
        f"npz:{folder / 'digits.npz'}",
        preset="small",
        epochs=2,
        out=folder / "digits",
        latent_dim=6,
    )


@pytest.fixture(scope="session")
def vector_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A BiGAN of the chemistry of wines, whose columns have names and units far apart."""
    folder = tmp_path_factory.mktemp("vectors")
    frame = load_wine(as_frame=True).frame.rename(columns={"target": "label"})
    frame.to_csv(folder / "wine.csv", index=False)
    return ambigan.fit(
        "bigan", f"csv:{folder / 'wine.csv'}", preset="small", epochs=2, out=folder / "wine"
    )


@pytest.fixture(scope="session")
def collection_of() -> MakeCollection:
    """Makes the collection of all of a run's own data."""

    def make(run: Run) -> Collection:
        settings = run.config.data
        split = open_examples(settings, run.spec, run.scaling)
        examples = NamedExamples(split, settings.source, split.label_names)
        return Collection(
            run, examples, lambda: open_dataset(settings), run.method.default_layer, "pca"
        )

    return make


@pytest.fixture(scope="session")
def explorer(image_run: Run, vector_run: Run, collection_of: MakeCollection) -> Iterator[Explorer]:
    """A server with a page for each of the two."""
    server = Explorer([collection_of(image_run), collection_of(vector_run)])
    server.start()
    yield server
    server.stop()


@pytest.fixture
def picture_file(tmp_path: Path) -> Path:
    """A photograph that none of the models has seen."""
    from PIL import Image

    path = tmp_path / "mine.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40), np.uint8)).save(path)
    return path
