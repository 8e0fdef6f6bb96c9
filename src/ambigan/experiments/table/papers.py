"""The tables that can be made again, as data: columns, the paper's values, and where they stand."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.errors import unknown_name
from ..run_spec import Variant


@dataclass(frozen=True)
class Column(Variant):
    """What is trained for one value of the paper, and the value.

    Attributes:
        published: None where the paper gives none.
    """

    published: float | None = None


@dataclass(frozen=True)
class PaperTable:
    """A table of a paper.

    Attributes:
        name: by which it is asked for.
        title: one line.
        source: paper and place.
        data: the data's source.
        protocol: by which features are measured.
        presets: that it is made with unless others are asked for.
        columns: from left to right.
        pca_widths: of the PCA baselines.
        budget: what the paper spent, in words.
        time: what it takes, on what; measured, or said not to be.
    """

    name: str
    title: str
    source: str
    data: str
    protocol: str
    presets: tuple[str, ...]
    columns: tuple[Column, ...]
    pca_widths: tuple[int, ...]
    budget: str
    time: str


ALONE = {"settings.joint_weight": "0"}
JOINT = {"settings.regress": "during", "settings.joint_weight": "0.25"}

BIGAN_TABLE1 = PaperTable(
    name="bigan-table1",
    title="1-NN accuracy of features learned by permutation-invariant networks",
    source="Donahue, Krähenbühl, Darrell: Adversarial Feature Learning, arXiv 1605.09782, Table 1",
    data="mnist",
    protocol="knn1_euclidean",
    presets=("official",),
    columns=(
        Column("BiGAN", "bigan", published=97.39),
        Column("D", "gan", published=97.30),
        Column("LR", "latent_regressor", ALONE, published=97.44),
        Column("JLR", "latent_regressor", JOINT, published=97.13),
        Column("AE (l2)", "autoencoder", published=97.58),
        Column("AE (l1)", "autoencoder", {"settings.loss": "l1"}, published=97.63),
    ),
    pca_widths=(50,),
    budget="400 epochs",
    time="25 epochs, one seed: 74 min on one thread of a shared CPU in bf16; 400: not measured",
)

TABLES = {table.name: table for table in (BIGAN_TABLE1,)}


def find_table(name: str) -> PaperTable:
    """The table of that name.

    Raises:
        ConfigError: there is none; the nearest name is suggested.
    """
    if name not in TABLES:
        raise unknown_name("table", name, TABLES)
    return TABLES[name]
