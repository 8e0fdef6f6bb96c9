"""Table 1 of BiGAN: features of permutation-invariant networks on MNIST."""

from __future__ import annotations

from functools import partial

from .experiment import Experiment, RunSpec, register_experiment

_run = partial(RunSpec, preset=None, untrained=True)

BIGAN_TABLE1 = register_experiment(
    Experiment(
        name="bigan-table1",
        title="1-NN accuracy of features learned by permutation-invariant networks",
        source="Donahue, Krähenbühl, Darrell: Adversarial Feature Learning, arXiv 1605.09782,"
        " Table 1",
        settings={"data.source": "mnist"},
        presets=("official",),
        runs=(
            _run("BiGAN", "bigan"),
            _run("D", "gan"),
            _run("LR", "latent_regressor", {"settings.joint_weight": "0"}),
            _run(
                "JLR",
                "latent_regressor",
                {"settings.regress": "during", "settings.joint_weight": "0.25"},
            ),
            _run("AE (l2)", "autoencoder"),
            _run("AE (l1)", "autoencoder", {"settings.loss": "l1"}),
        ),
        protocols=("knn1_euclidean",),
        weights=None,
        pca_widths=(50,),
        published={
            "BiGAN": 97.39,
            "D": 97.30,
            "LR": 97.44,
            "JLR": 97.13,
            "AE (l2)": 97.58,
            "AE (l1)": 97.63,
        },
        published_budget="400 epochs",
        time="25 epochs, one seed: 74 min on one thread of a shared CPU in bf16; 400: not measured",
    )
)
