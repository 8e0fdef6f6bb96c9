"""The verbs that make a model: train, demo, and prepare, which decodes images before."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ..configuration import make_config
from ..core.errors import AmbiganError, ConfigError, suggestion
from ..core.files import as_typed
from ..core.machine import num_launched_processes
from ..core.plugins import plugin_flags
from ..core.settings import override
from ..data import (
    DataSettings,
    Manifest,
    find_image_source,
    located,
    prepare_images,
    prepare_shards,
    verify_packed,
    verify_shards,
)
from ..data.images.near_copies import find_duplicates
from ..data.packed.duplicates import DUPLICATES, Duplicate, without_duplicates, write_duplicates
from ..data.packed.sharded import SHARD_MEGABYTES
from ..data.remote import is_url
from ..engine.config import RunConfig, differences_of_runs, with_epochs_asked_for
from ..engine.run_folder import RunFolder
from ..engine.trainer import Interrupted
from ..estimate.training_cost import LINK, estimate_rows, estimate_training
from ..methods import find_method, is_external, registered_name
from ..model_files import load, read_config
from ..retrieval.semantic_hashing import find_equal_codes
from ..shortfalls import warn_of_shortfalls
from ..training import resume as resume_training
from ..training import train as start_training
from ..training import train_interleaved_runs
from .output import Report, logger, print_json, say, show_progress
from .parser import DEMO_METHOD, DEMO_PRESET, PACKED, Request

DEMO_OUT = "runs/demo"
DEMO_PROTOCOLS = (
    "retrieval_cosine",  # the page's first number; benchmarks/demo_headline.py repeats it
    "kmeans",
    "knn1_euclidean",
    "logistic_lbfgs",
    "reconstruction_l2",
)


def demo(request: Request) -> int:
    """Trains a GAN with an encoder on digits, measures it, and writes its page."""
    flags = request.flags
    config = make_config(DEMO_METHOD, preset=flags.preset or DEMO_PRESET, changes=request.settings)
    if flags.dry_run:
        return _print_config(config, None)
    from ..run_evaluation import evaluate as measure
    from .evaluation import print_results, say_headline
    from .verbs import write_page

    config = _located(config)
    out = Path(flags.out or _free(DEMO_OUT, config))
    begun = _is_same(RunFolder(out), config)
    if begun and RunFolder(out).report_file.is_file():
        say(f"made already; look at it: {RunFolder(out).report_file.resolve().as_uri()}")
        say(f"for another, name a new folder with --out, or delete {as_typed(out)}")
        return 0
    say(f"a GAN with an encoder learns {config.data.source} in {out}, without labels")
    status = _train(config, out, go_on=begun)
    if status or not _is_main():
        return status
    run = load(out, device=config.train.device)
    is_own = config.data.source == "digits"  # other data may have no labels
    records = measure(run, protocols=DEMO_PROTOCOLS if is_own else ())
    print_results(records)
    page = write_page(run)
    say_headline(records, run.method.default_layer)
    say(f"look at it: {page.resolve().as_uri()}")
    typed = as_typed(out)
    say(f"use it: ambigan sample {typed}; ambigan embed {typed}; ambigan.load({str(out)!r})")
    return 0


def train(request: Request) -> int:
    """Trains a new run, or continues one."""
    flags = request.flags
    name = flags.name or flags.method
    if name is not None:
        name = registered_name(name)
    if not flags.plan and (flags.processes, flags.link) != (None, None):
        raise ConfigError(
            "--processes and --link are for --plan; to train on several processes, start with"
            " torchrun --nproc-per-node N -m ambigan train ..."
        )
    if flags.plan:
        given = {"--continue": flags.go_on, "--out": flags.out, "--dry-run": flags.dry_run}
        _refuse(given, "--plan trains nothing and writes nothing")
        if num_launched_processes() > 1:
            raise ConfigError(
                "--plan runs as one process; start it without torchrun, and give --processes N."
            )
    if flags.resume:
        return _resume(request, name)
    config = make_config(
        name,
        preset=flags.preset,
        run=flags.from_run,
        config=flags.config,
        changes=request.settings,
    )
    if flags.plan:
        return _plan(config, flags)
    kind = config.data.source.partition(":")[0]
    out = Path(flags.out or f"runs/{config.method.replace(':', '.')}-{kind}")
    if flags.dry_run:
        return _print_config(config, out)
    status = _train(config, out, go_on=flags.go_on)
    if status == 0:
        _say_trained(out, config)
    return status


def _print_config(config: RunConfig, out: Path | None) -> int:
    """Prints what `config.json` of the run would hold."""
    if _is_main():
        print_json(_located(config).check().to_json())
        logger.info(
            f"nothing was trained; the run would be in {out}" if out else "nothing was trained"
        )
    return 0


def _say_trained(out: Path, config: RunConfig) -> None:
    typed = as_typed(out) + plugin_flags(config.plugins)
    first = "anomaly" if config.data.train_on else "evaluate"
    say(f"trained: {out}. Next: ambigan {first} {typed}; ambigan report {typed}")


def _refuse(given: Mapping[str, Any], why: str) -> None:
    """Refuses the flags that have a value; `why` may name the flag as `{}`."""
    for flag, value in given.items():
        if value:
            raise ConfigError(f"{why.format(flag)}; leave out {flag}.")


def _plan(config: RunConfig, flags: argparse.Namespace) -> int:
    """Prints what the training would need, a line each."""
    link = LINK if flags.link is None else flags.link * 1e9
    num_processes = 1 if flags.processes is None else flags.processes
    logger.info("a few iterations are played, to plan by")
    rows = list(estimate_rows(estimate_training(config, num_processes, link)))
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")
    return 0


def _resume(request: Request, name: str | None) -> int:
    flags, run = request.flags, RunFolder(request.flags.resume)
    _refuse({"--continue": flags.go_on}, "--resume continues anyway")
    new = {"--plan": flags.plan, "--dry-run": flags.dry_run}
    new |= {"--config": flags.config, "--from": flags.from_run}
    _refuse(new, "{} is for a new run, and --resume continues one as it is")
    is_elsewhere = flags.out and Path(flags.out) != run.path
    _refuse({"--out": is_elsewhere}, "--resume continues in the run's own folder")
    method = find_method(name) if name and is_external(name) else None
    config, _ = read_config(run, method)
    for flag, typed, is_so in (
        ("method", name, config.method),
        ("preset", flags.preset, config.preset),
    ):
        if typed not in (None, is_so):
            raise ConfigError(
                f"{run.path} was made with other settings ({flag}: '{typed}' against '{is_so}'); "
                "resume it without them or train a new run with another --out."
            )

    def change(theirs: RunConfig) -> RunConfig:
        asked = override(theirs, with_epochs_asked_for(request.settings))
        return _located(asked) if "data.source" in request.settings else asked

    status = _guarded(
        lambda progress: resume_training(
            run.path,
            method_class=method,
            expected=change,
            progress=progress,
            decoding=progress,
            finished=warn_of_shortfalls,
        ),
        again=_resume_command(run.path, config),
    )
    if status == 0:
        _say_trained(run.path, config)
    return status


def _train(config: RunConfig, out: Path, *, go_on: bool = False) -> int:
    config = _located(config)
    if go_on:
        return _guarded(
            lambda progress: train_interleaved_runs(
                [(config, out)],
                progress=progress,
                decoding=progress,
                finished=warn_of_shortfalls,
            ),
            again="the same command",
        )
    return _guarded(
        lambda progress: start_training(
            config, out, progress=progress, decoding=progress, finished=warn_of_shortfalls
        ),
        again=_resume_command(out, config),
    )


def _located(config: RunConfig) -> RunConfig:
    """The config with its data found from any folder."""
    return replace(config, data=located(config.data))


def _resume_command(out: Path, config: RunConfig) -> str:
    return f"ambigan train --resume {as_typed(out)}{plugin_flags(config.plugins)}"


def _guarded(work: Callable[[Report], object], again: str) -> int:
    """Runs training under a progress bar; a signal becomes its exit status."""
    try:
        with show_progress() as report:
            work(report)
    except Interrupted as stop:
        logger.info(f"stopped; continue with: {again}")
        return 128 + stop.signal_number
    return 0


def _is_main() -> bool:
    """Whether this process speaks for all that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def _free(path: str, config: RunConfig) -> Path:
    """The first of `path`, `path-2`, `path-3`, ... that holds nothing, or this run."""
    number, free = 1, Path(path)
    while free.exists() and not _is_same(RunFolder(free), config):
        number += 1
        free = Path(f"{path}-{number}")
    return free


def _is_same(run: RunFolder, config: RunConfig) -> bool:
    """Whether a folder holds a run of these settings."""
    try:
        there, _ = read_config(run)
    except AmbiganError:
        return False
    return not differences_of_runs(config, there)


def prepare(request: Request) -> int:
    """Packs the pictures of a source into a folder; repeated after a kill, it goes on."""
    flags = request.flags
    if flags.verify is not None:
        return _verify(request)
    if flags.source is None or flags.out is None:
        raise ConfigError("name what is prepared and where: ambigan prepare SOURCE OUT.")
    if flags.workers is not None and flags.workers < 1:
        raise ConfigError(f"--workers is {flags.workers}; it counts threads: 1 or more.")
    if flags.duplicates_by and not flags.drop_duplicates:
        raise ConfigError(
            "--duplicates-by is of near copies that are left out; add --drop-duplicates."
        )
    settings = located(override(DataSettings(flags.source), _settings_of_packed(request.settings)))
    duplicates, pack = list[Duplicate](), _packing(flags)
    with show_progress() as progress:
        gallery = find_image_source(settings)
        if flags.drop_duplicates:
            find = find_duplicates if flags.duplicates_by != "codes" else find_equal_codes
            gallery, duplicates = without_duplicates(gallery, flags.workers, progress, find)
        manifest, was_finished = pack(settings, gallery, workers=flags.workers, progress=progress)
    out = flags.out
    if flags.drop_duplicates:
        write_duplicates(out, duplicates)
        logger.info(f"near copies left out: {len(duplicates):,}, listed in {out}/{DUPLICATES}")
    for line in manifest.inventory.lines(settings.source):
        logger.info(line)
    for line in manifest.warnings:
        logger.warning(line)
    if was_finished:
        logger.info(f"{out} is finished already; nothing was done")
    _say_prepared(manifest, out)
    return 0


def _packing(flags: argparse.Namespace) -> Callable[..., tuple[Manifest, bool]]:
    """What packs images into one file in a folder, or into shards at a URL."""
    size = flags.shard_megabytes
    if not is_url(flags.out):
        if size is not None:
            raise ConfigError(
                "--shard-megabytes is of sets at a URL; a folder holds one file. file:///PATH"
                " writes shards to a disk."
            )
        return partial(prepare_images, out=Path(flags.out), keeps_sides=flags.keep_sides)
    if flags.keep_sides:
        raise ConfigError(
            "--keep-sides is of sets in one folder; name a folder, or leave it out for shards."
        )
    if size is not None and size < 1:
        raise ConfigError(f"--shard-megabytes is {size}; it may be 1 or more.")
    return partial(prepare_shards, url=flags.out, shard_bytes=(size or SHARD_MEGABYTES) * 1_000_000)


def _verify(request: Request) -> int:
    """Compares all pixels of a packed folder with the hash in its manifest."""
    typed = {name for name, value in vars(request.flags).items() if value}
    if request.settings or typed - {"verb", "verify", "quiet", "debug"}:
        raise ConfigError("--verify FOLDER compares a packed folder alone; leave out the rest.")
    folder = request.flags.verify
    manifest = verify_shards(folder) if is_url(folder) else verify_packed(Path(folder))
    say(f"verified: {manifest.num_images:,} images, SHA-256 {manifest.sha256}")
    return 0


def _settings_of_packed(typed: dict[str, str]) -> dict[str, str]:
    """The settings by name; refuses those that decide nothing about what is packed."""
    settings: dict[str, str] = {}
    for dotted, value in typed.items():
        name = dotted.removeprefix("data.")
        if name not in PACKED:
            known = [f"data.{flag}" for flag in PACKED] if dotted.startswith("data.") else []
            hint = suggestion(dotted, known)
            raise ConfigError(f"'{dotted}' has no part in preparing.{hint} Give it to `train`.")
        settings[name] = _size(value) if name == "size" else value
    return settings


def _size(typed: str) -> str:
    """`64x48`, `64,48` or `64` as a setting: height and width."""
    match = re.fullmatch(r"(\d+)(?:[x,](\d+))?", typed)
    if match is None:
        raise ConfigError(f"--size '{typed}' is no height and width; write for instance 64x64.")
    return f"{match[1]},{match[2] or match[1]}"


def _say_prepared(manifest: Manifest, out: str) -> None:
    num_train, num_test = (end - start for start, end in (manifest.train, manifest.test))
    shape = "x".join(str(length) for length in manifest.shape)
    say(f"prepared: {out}, {num_train:,} + {num_test:,} images of {shape}")
    if manifest.skipped:
        first = manifest.skipped[0]
        say(f"left out: {manifest.num_skipped}, all in {out}/manifest.json, the first: {first}")
    say(f"next: ambigan train bigan --data {as_typed(f'packed:{out}')}")
