"""Exports of every kind of network and data give the run's own numbers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import ambigan
from ambigan.cli import main
from ambigan.cli.names import known_names
from ambigan.core.data_spec import DataSpec
from ambigan.core.errors import ConfigError
from ambigan.data import Scaling
from ambigan.data.tables.scaling import Rows, fit_quantiles
from ambigan.exporting import BOUND, export
from ambigan.exporting.onnx_pooling import with_plain_pooling
from ambigan.exporting.parts import example_inputs
from ambigan.methods import METHODS
from ambigan.run import Run
from ambigan.testing.method_under_test import SPEC, converge_spectral_norms
from games import toy_config

KINDS = ("grey", "colour", "bands", "table", "ranks")


def form_of(kind: str) -> tuple[DataSpec, Scaling | None]:
    """A form of data, and the scaling of those that have one."""
    rng = np.random.default_rng(0)
    if kind == "bands":  # of 16 bits
        shift = torch.as_tensor(rng.uniform(9e3, 4e4, (5, 1, 1)))
        return DataSpec("images", (5, 8, 8), True), Scaling(shift, shift / 3, from_16_bits=True)
    if kind == "table":  # a time in seconds, of which float32 keeps two minutes
        shift = torch.tensor([1.7e9, 0.0, -3.0, 5e-7, 1.0, 2.0], dtype=torch.float64)
        scale = torch.tensor([900.0, 1.0, 7.0, 1e-8, 0.3, 2.0], dtype=torch.float64)
        names = ("time", "a,b", '"""', "kg/m³", "x", "label")
        return DataSpec("vectors", (6,), False), Scaling(shift, scale, names, fill=shift.clone())
    if kind == "ranks":
        values = np.concatenate([rng.lognormal(0, 2, (300, 5)), rng.integers(0, 3, (300, 1))], 1)
        return DataSpec("vectors", (6,), False), fit_quantiles(Rows.whole(values))
    return (DataSpec("images", (3, 8, 8), True) if kind == "colour" else SPEC), None


def toy_run(name: str, kind: str = "grey") -> Run:
    """An untrained run of a variant on data of a kind."""
    config, (spec, scaling) = toy_config(name), form_of(kind)
    torch.manual_seed(0)
    method = METHODS[config.method](config.settings, spec)
    converge_spectral_norms(method)
    for norm_name, buffer in method.named_buffers():
        if norm_name.endswith(("running_mean", "running_var")):
            buffer.uniform_(0.5, 1.5)
    return Run(Path("run"), config, method.eval(), spec, scaling, None, 0, "raw")


NETWORKS = (
    *(
        "autoencoder-images",
        "barlow_twins-images",
        "bigan-gaussian",
        "bigan-table",
        "bigan-imagenet_official",
        "bigan-modern",
    ),
    *("byol-images", "moco-images"),
    *("bigbigan-paper", "bigbigan-revnet", "bigbigan-ablated", "bigbigan-attention"),
    *("bigbigan-folder", "bigbigan-table", "gan-residual", "gan-dcgan", "gan-masked", "gan-biggan"),
    *("latent_regressor-joint", "simclr-images", "structural-official", "structural-folder"),
)
"""Variants with every kind of network that a method may have, and every method."""

OF_KIND = {"grey": "bigan-images", "colour": "gan-images", "bands": "autoencoder-images"}


@pytest.mark.parametrize("kind", KINDS)
def test_plain_pytorch_is_equal_to_the_bit(kind: str, tmp_path: Path) -> None:
    run = toy_run(OF_KIND.get(kind, "bigan-official"), kind)
    parts = ("generator", "features")
    found = export(run, "torch", tmp_path / "out", () if kind == "grey" else parts)
    assert set(found.deviations.values()) == {0.0}
    assert {path.name for path in found.files} == {"model.py", "model.safetensors", "model.json"}


def test_every_method_is_among_them() -> None:
    assert {name.partition("-")[0] for name in NETWORKS} == set(known_names()["methods"])


@pytest.mark.slow
@pytest.mark.parametrize("variant", NETWORKS)
def test_every_network_is_equal_to_the_bit(variant: str, tmp_path: Path) -> None:
    found = export(toy_run(variant), "torch", tmp_path / "out")
    assert "features" in found.deviations
    assert set(found.deviations.values()) == {0.0}


@pytest.mark.slow
@pytest.mark.parametrize("variant", NETWORKS)
def test_onnx_of_every_network_is_close(variant: str, tmp_path: Path) -> None:
    found = export(toy_run(variant), "onnx", tmp_path / "out")
    assert max(found.deviations.values()) <= BOUND


@pytest.mark.filterwarnings("ignore")  # of torch's exporter
@pytest.mark.parametrize("size", [(3, 5), (6, 6), (7, 12), (8, 8)])
def test_pooling_to_a_size_that_does_not_divide_the_map_is_exported(size: tuple[int, int]) -> None:
    class Pooled(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.adaptive_max_pool2d(x, (3, 4))

    x = torch.randn(2, 3, *size)
    program = torch.export.export(Pooled().eval(), (x,))
    assert torch.equal(with_plain_pooling(program).module()(x), Pooled()(x))
    torch.onnx.export(with_plain_pooling(program), dynamo=True, verbose=False)


@pytest.mark.parametrize(
    "kind",
    [kind if kind == "table" else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS],
)
def test_onnx_is_close_and_says_what_it_takes(kind: str, tmp_path: Path) -> None:
    import onnxruntime

    run = toy_run(OF_KIND.get(kind, "bigan-official"), kind)
    part = "encoder" if "encode" in run.capabilities else "features"
    found = export(run, "onnx", tmp_path / "part.onnx", [part])
    assert found.files == (tmp_path / "part.onnx",)
    assert 0 <= found.deviations[part] <= BOUND
    session = onnxruntime.InferenceSession(found.files[0], providers=["CPUExecutionProvider"])
    x = example_inputs(run, part, 5, seed=3).numpy()
    (given,) = session.run(None, {"x": x})
    ours = run.encode(x) if part == "encoder" else run.features(x)
    assert np.abs(given - ours).max() <= BOUND * max(1, np.abs(ours).max())
    about = session.get_modelmeta().custom_metadata_map
    assert about["ambigan.ambigan"] == ambigan.__version__
    columns = list(run.scaling.columns) if run.scaling else []
    assert json.loads(about["ambigan.columns"]) == columns
    taken = json.loads(about["ambigan.parts"])[part]["input"]
    assert taken["shape"] == ["N", *run.spec.shape]
    assert taken["dtype"] == str(x.dtype)


PLAIN = """
import sys
sys.path.insert(0, sys.argv[1])
import model, numpy, torch
loaded = {name.partition(".")[0] for name in sys.modules}
assert not loaded & {"ambigan", "onnx", "sklearn", "scipy", "pydantic"}, loaded
x = torch.as_tensor(numpy.load(sys.argv[2]))
before = x.clone()
numpy.save(sys.argv[3], model.features(x).numpy())
assert torch.equal(x, before)
for wrong in (x.float() / 255 if x.dtype == torch.uint8 else x.half(), x[0], x[..., :-1]):
    try:
        model.features(wrong)
    except ValueError as error:
        assert "it takes torch." in str(error)
    else:
        raise AssertionError("a wrong form is taken")
"""


def test_the_code_runs_where_there_is_no_ambigan(finished_run: Path, tmp_path: Path) -> None:
    """The command line, a trained run, and a new process that imports torch and safetensors."""
    out, x, y = tmp_path / "out", tmp_path / "x.npy", tmp_path / "y.npy"
    words = ["export", str(finished_run), "--to", "torch", "--part", "features,generator"]
    assert main([*words, "--layer", "encoder.hidden1", "--out", str(out)]) == 0
    run = ambigan.load(finished_run, device="cpu")
    values = example_inputs(run, "features", 11).numpy()
    np.save(x, values)
    command = [sys.executable, "-I", "-c", PLAIN, str(out), str(x), str(y)]
    subprocess.run(command, check=True, env={"OMP_NUM_THREADS": str(torch.get_num_threads())})
    assert np.array_equal(np.load(y), run.features(values, "encoder.hidden1"))
    assert json.loads((out / "model.json").read_text())["parts"]["features"]["layer"]


def test_weights_alone_are_those_of_the_run(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    run = toy_run("bigbigan-table", "table")
    found = export(run, "safetensors", tmp_path / "out", ["encoder"])
    assert [path.name for path in found.files] == ["model.safetensors", "model.json"]
    weights, own = load_file(found.files[0]), run.method.state_dict()
    assert {name for name in weights if not name.startswith("before.")} <= set(own)
    assert all(torch.equal(own[n], v) for n, v in weights.items() if n in own)
    about = json.loads(found.files[1].read_text())
    assert about["columns"][2] == '"""'
    assert about["scaling"]["shift"][0] == 1.7e9


def test_missing_values_and_ends_of_the_range_are_as_in_the_run() -> None:
    from ambigan.exporting.scaling_modules import scaling_modules

    for kind in ("table", "ranks"):
        spec, scaling = form_of(kind)
        assert scaling is not None
        before, after = scaling_modules(spec, scaling)
        raw = _hard_rows(scaling)
        scaled = scaling.apply(raw)
        assert torch.equal(before(raw), scaled), kind
        ends = torch.tensor([-1.0, 1.0, 0.0, -1.0000001, 1.5])[:, None].expand(5, 6)
        for values in (scaled, ends):
            assert torch.equal(after(values), scaling.invert(values)), kind
    run = toy_run("bigan-official", "table")
    rows = _hard_rows(run.scaling)  # pyright: ignore
    rows[0, 1] = float("nan")
    (filled,) = (scaling_modules(run.spec, run.scaling)[0](rows),)
    assert torch.equal(filled, run.inputs(rows.numpy()))


def _hard_rows(scaling: Scaling) -> Tensor:
    """Rows at the quantiles, beyond them, and between."""
    if scaling.quantiles is None:
        return scaling.shift + scaling.scale * torch.linspace(-3, 3, 9)[:, None]
    table = scaling.quantiles
    return torch.cat(
        [table, table + 1e-9, (table[1:] + table[:-1]) / 2, table[-1:] * 3, -table[:1]]
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--part", "encodr"], "Did you mean 'encoder'?"),
        (["--part", "encoder"], "has no encoder; it offers: generator, discriminator, features."),
        (["--part", "generator", "--layer", "x"], "--layer is of the part features"),
        (["--layer", "discriminator.hidden9"], "unknown layer 'discriminator.hidden9'"),
    ],
)
def test_what_is_not_there_is_refused(words: list[str], said: str, tmp_path: Path) -> None:
    run = toy_run("gan-small")
    options = dict(zip(words[::2], words[1::2], strict=True))
    parts = [options["--part"]] if "--part" in options else []
    with pytest.raises(ConfigError, match=said.replace("?", r"\?")):
        export(run, "torch", tmp_path / "out", parts, layer=options.get("--layer"))
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_over(tmp_path: Path) -> None:
    run = toy_run("gan-small")
    (tmp_path / "model.py").write_text("mine")
    for out in (tmp_path, tmp_path / "model.py"):
        with pytest.raises(ConfigError, match="is there already"):
            export(run, "torch", out)
    with pytest.raises(ConfigError, match=r"named like one file; name a folder, such as .*mine'"):
        export(run, "safetensors", tmp_path / "mine.safetensors")
    with pytest.raises(ConfigError, match="is one file, and 3 parts"):
        export(run, "onnx", tmp_path / "all.onnx")
    with pytest.raises(ConfigError, match=r"unknown target 'onx'. Did you mean 'onnx'\?"):
        export(run, "onx", tmp_path / "out")
    assert (tmp_path / "model.py").read_text() == "mine"


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match=r"ambigan\[onnx\]', or export --to torch"):
        export(toy_run("gan-small"), "onnx", tmp_path / "out")


def test_numbers_that_deviate_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ambigan.exporting.writers.deviation", lambda *_: float("nan"))
    for to, said in (("torch", "gives other numbers"), ("onnx", "gives other numbers")):
        with pytest.raises(ConfigError, match=said):
            export(toy_run("gan-small"), to, tmp_path / "out", ["generator"])
    assert not (tmp_path / "out").exists()
