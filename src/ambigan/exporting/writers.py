"""`ambigan.export`: a run's networks in files of other programs, checked against the run."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as dump_tensors
from torch import Tensor

from ..core.ema import Weights
from ..core.errors import ConfigError, unknown_name
from ..core.files import write_bytes, write_json, write_text
from ..core.imports import import_extra
from ..core.version import __version__
from ..model_files import load, scaling_as_json
from ..run import Run
from .onnx_pooling import with_plain_pooling
from .parts import Part, choose_parts, deviation, example_inputs, expected_outputs, on_cpu
from .python_code import function_of

logger = logging.getLogger(__name__)

TARGETS = ("onnx", "torch", "safetensors")
"""What a run can be exported to."""

BOUND = 1e-4
"""Largest deviation of ONNX from our own numbers, as `deviation` measures it."""

BATCHES = (1, 2, 7)
"""Batch sizes that each part is checked with."""

_SUFFIXES_OF_FILES = (".onnx", ".pt", ".pth", ".py", ".safetensors")
_LARGEST_ONNX = 2**31 - 2**20
_MODEL, _WEIGHTS, _CODE = "model.json", "model.safetensors", "model.py"


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        files: The files, in the order in which they were written.
        deviations: Largest deviation of each part from the run's own numbers, as the output of
            `ambigan export` has it; empty for safetensors alone, which compute nothing.
    """

    files: tuple[Path, ...]
    deviations: dict[str, float]


def export(
    run: Run | str | Path,
    to: str,
    out: str | Path,
    parts: Sequence[str] = (),
    *,
    layer: str | None = None,
    weights: Weights | None = None,
) -> Exported:
    """Writes a run's networks, with what is done to data before and after them.

    Data go in and come out in the units of the source: 8-bit images as levels from 0 to 255, all
    else as the columns or channels that the run was trained on, of the size it was trained on.

    Args:
        run: a run, or its folder.
        to: `onnx` for a file of each part; `torch` for `model.py`, which needs torch and
            safetensors alone, with its weights; `safetensors` for the weights with `model.json`.
        out: folder to write, new or empty; with `onnx` and one part, also a file `.onnx`.
        parts: any of `encoder`, `generator`, `discriminator`, `features`; all that there are if
            none are named. `discriminator` is what its last hidden layers say of data.
        layer: layer of `features`; the method's own feature layer if None.
        weights: `ema` or `raw`; those that the run has, or `ema` where there are any, if None.

    Raises:
        ConfigError: a name is unknown, the method does not have a part, the folder holds files, or
            what was written computes other numbers.
        CheckpointError: the run cannot be loaded.
    """
    if to not in TARGETS:
        raise unknown_name("target", to, TARGETS)
    if not isinstance(run, Run):
        run = load(run, weights=weights, device="cpu")
    elif weights not in (None, run.weights):
        run = load(run.path, weights=weights, device="cpu", method=type(run.method))
    run, out = on_cpu(run), Path(out)
    chosen = choose_parts(run, parts, layer)
    is_file = to == "onnx" and out.suffix == ".onnx"
    _check_free(out, to, len(chosen), is_file=is_file)
    if to == "onnx":
        return _export_onnx(run, chosen, out if is_file else None, out)
    return _export_torch(run, chosen, out, with_code=to == "torch")


def _check_free(out: Path, to: str, num_parts: int, *, is_file: bool) -> None:
    """Refuses to write over what is there, several parts to one file, or a folder named as one."""
    if is_file and num_parts > 1:
        raise ConfigError(
            f"{out} is one file, and {num_parts} parts are exported; name one by --part, or a"
            " folder by --out."
        )
    if out.exists() and (is_file or not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} is there already; name a new folder with --out.")
    if not is_file and out.suffix in _SUFFIXES_OF_FILES:
        raise ConfigError(
            f"--to {to} writes a folder of files, and '{out}' is named like one file; name a"
            f" folder, such as '{out.with_suffix('')}'."
        )


def describe(run: Run, parts: Sequence[Part]) -> dict[str, Any]:
    """What `model.json` and the metadata of ONNX hold: names, shapes, ranges, columns, settings."""
    data = run.config.data
    return {
        "format": 1,
        "ambigan": __version__,
        "method": run.config.method,
        "preset": run.config.preset,
        "weights": run.weights,
        "images_seen": run.images_seen,
        "data": data.source,
        "kind": run.spec.kind,
        "shape": list(run.spec.shape),
        "bands": list(data.bands),
        "label_names": list(run.label_names or ()),
        "columns": list(run.scaling.columns) if run.scaling else [],
        "scaling": run.scaling and scaling_as_json(run.scaling),
        "settings": run.config.to_json()["settings"],
        "parts": {part.name: part.about for part in parts},
    }


def _trace(run: Run, part: Part) -> torch.export.ExportedProgram:
    """The operations of a part, for any number of examples."""
    examples = (example_inputs(run, part.name, 3),)
    dynamic = {"x": {0: torch.export.Dim.DYNAMIC}}
    with torch.no_grad(), _torch_may_warn():
        return torch.export.export(part.module, examples, dynamic_shapes=dynamic, strict=False)


@contextmanager
def _torch_may_warn() -> Generator[None]:
    """Hides what torch's exporter says of its own internals, in warnings and on its logger."""
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        exporter.setLevel(level)


def _largest_deviation(run: Run, part: Part, compute: Callable[[Tensor], Any]) -> float:
    """The deviation of a function from the run's own numbers, over all `BATCHES`."""
    found = list[float]()
    for num in BATCHES:
        x = example_inputs(run, part.name, num, seed=num)
        found.append(deviation(run, part, expected_outputs(run, part, x), compute(x)))
    return float(np.max(found))  # not `max`, which would overlook NaN


def _export_onnx(run: Run, parts: Sequence[Part], file: Path | None, folder: Path) -> Exported:
    runtime, exporter = _import_onnx("onnxruntime"), cast(Any, torch.onnx)
    for module in ("onnx", "onnxscript"):
        _import_onnx(module)
    files, deviations = list[Path](), dict[str, float]()
    contents = dict[Path, bytes]()
    for part in parts:
        size = sum(value.nbytes for value in part.module.state_dict().values())
        if size > _LARGEST_ONNX:
            raise ConfigError(
                f"the networks of {part.name} take {size / 2**30:.1f} GiB, and a file of ONNX holds"
                " 2 GiB; export them --to torch."
            )
        with _torch_may_warn():
            program = with_plain_pooling(_trace(run, part))
            made: Any = exporter.export(
                program, dynamo=True, input_names=["x"], output_names=["y"], verbose=False
            )
        about = describe(run, [part])
        for key, value in about.items():
            text = value if isinstance(value, str) else json.dumps(value)
            made.model.metadata_props[f"ambigan.{key}"] = text
        content = made.model_proto.SerializeToString()
        session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
        found = _largest_deviation(
            run, part, lambda x, session=session: session.run(None, {"x": x.numpy()})[0]
        )
        if not found <= BOUND:
            raise ConfigError(
                f"ONNX Runtime gives other numbers for {part.name}: they deviate by {found:.2g},"
                f" and {BOUND:g} is allowed; nothing was written. Export --to torch."
            )
        deviations[part.name] = found
        contents[file or folder / f"{part.name}.onnx"] = content
    for path, content in contents.items():
        write_bytes(path, content)
        files.append(path)
    return Exported(tuple(files), deviations)


def _import_onnx(name: str) -> Any:
    return import_extra(name, "onnx", "--to onnx", "or export --to torch")


def _export_torch(run: Run, parts: Sequence[Part], out: Path, *, with_code: bool) -> Exported:
    sources, tensors = list[str](), dict[str, Tensor]()
    for part in parts:
        takes, gives = part.about["input"], part.about["output"]
        text = f"{_form(takes)} to {_form(gives)}; see model.json."
        lines, held = function_of(part.name, text, takes, _trace(run, part))
        sources.append("\n".join(lines))
        tensors |= held
    plain = {name: torch.empty(v.shape, dtype=v.dtype).copy_(v) for name, v in tensors.items()}
    strides = {n: v.stride() for n, v in tensors.items() if v.stride() != plain[n].stride()}
    about = describe(run, parts) | {"strides": strides}
    content = dump_tensors(plain)
    code = _code(sources)
    deviations = dict[str, float]()
    functions = _executed(code, content, strides) if with_code else {}
    for part in parts if with_code else ():
        compute = functions[part.name]
        found = _largest_deviation(run, part, lambda x, compute=compute: compute(x).numpy())
        if found != 0:
            raise ConfigError(
                f"the code of {part.name} gives other numbers, by {found:.2g}; nothing was written."
                " Please report it."
            )
        deviations[part.name] = found
    write_bytes(out / _WEIGHTS, content)
    write_json(out / _MODEL, about)
    files = [out / _WEIGHTS, out / _MODEL]
    if with_code:
        write_text(out / _CODE, code)
        files.append(out / _CODE)
    return Exported(tuple(files), deviations)


def _form(values: dict[str, Any]) -> str:
    return f"{values['dtype']} ({', '.join(map(str, values['shape']))})"


def _code(functions: Sequence[str]) -> str:
    """The whole of `model.py`. No text of the run stands in it: its names are not ours."""
    code = "\n\n\n".join([_HEAD.format(version=__version__), *functions])
    return (code if "operator." in code else code.replace("import operator\n", "")) + "\n"


def _executed(code: str, content: bytes, strides: dict[str, Any]) -> dict[str, Any]:
    """The functions of `model.py`, whose weights are those that are about to be written."""
    names: dict[str, Any] = {"__file__": __file__, "__name__": "model"}
    own = code.replace("w = load()\n", "w = {}\n")
    exec(compile(own, _CODE, "exec"), names)
    names["w"].update(names["laid_out"](load_tensors(content), strides))
    return names


_HEAD = '''"""Networks exported by ambigan {version}. It needs torch and safetensors alone.

    import model
    y = model.features(x)

model.json says what each function takes and gives. `to("cuda")` moves all weights to a device.
"""

import json
import operator
from pathlib import Path

import torch
from safetensors.torch import load_file

aten = torch.ops.aten


def laid_out(weights, strides):
    """The weights, with kernels laid out in memory as they were, for the same rounding."""
    for name, stride in strides.items():
        value = weights[name]
        weights[name] = torch.empty_strided(value.shape, stride, dtype=value.dtype).copy_(value)
    return weights


def check(x, dtype, *shape):
    """Refuses what would be computed to no meaning: numbers of another range or size."""
    if x.dtype != dtype or tuple(x.shape[1:]) != shape:
        form = ", ".join(map(str, ("N", *shape)))
        raise ValueError(f"it takes {{dtype}} ({{form}}), not {{x.dtype}} {{tuple(x.shape)}}")


def load(folder=Path(__file__).parent):
    """The weights of model.safetensors by name."""
    about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    return laid_out(load_file(folder / "model.safetensors"), about["strides"])


w = load()


def to(device):
    """Moves all weights to a device; give the functions inputs on the same one."""
    w.update({{name: value.to(device) for name, value in w.items()}})'''
