"""Where everything of a run lies, and who may write there.

config.json  data.json  stats.jsonl  timing.jsonl  checkpoints/  model/  results/  report.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..core.errors import CheckpointError, ConfigError
from ..core.files import as_typed, keep_inside, read_json, write_json
from .config import RunConfig, differences_of_runs


class RunFolder:
    """The paths of a run."""

    def __init__(self, path: str | Path) -> None:
        self.path = keep_inside(Path(path))
        self.config_file = self.path / "config.json"
        self.data_file = self.path / "data.json"
        self.stats_file = self.path / "stats.jsonl"
        self.timing_file = self.path / "timing.jsonl"
        self.checkpoints = self.path / "checkpoints"
        self.model = self.path / "model"
        self.results = self.path / "results"
        self.lock_file = self.path / ".lock"
        self.report_file = self.path / "report.html"

    def read_config(self) -> dict[str, Any]:
        """The plain values of `config.json`, or an error if this is no run folder."""
        try:
            is_folder, is_run = self.path.is_dir(), self.config_file.is_file()
        except (OSError, ValueError) as error:
            raise CheckpointError(f"no run at '{str(self.path)[:80]}...': {error}.") from error
        if not is_folder:
            raise CheckpointError(f"no run at {self.path}: there is no such folder.")
        if not is_run:
            raise CheckpointError(
                f"{self.path} is not a run: it has no config.json. "
                "Name the folder that `ambigan train --out` wrote."
            )
        return read_json(self.config_file)


def create(path: str | Path, config: RunConfig) -> RunFolder:
    """Makes a new run folder and writes its config; nothing is overwritten."""
    run = RunFolder(path)
    check_free(run, config)
    write_json(run.config_file, config.to_json())
    return run


def check_free(run: RunFolder, config: RunConfig) -> None:
    """Refuses a folder that holds something; the message compares a run there with the config."""
    if run.config_file.is_file():
        there = run.read_config()
        name = there.get("method")
        changed = [f"method: '{config.method}' against '{name}'"]
        if config.method == name:
            method = type("Method", (), {"Settings": type(config.settings)})  # all that is read
            changed = differences_of_runs(config, RunConfig.from_json(there, method))
        what = f"with other settings ({'; '.join(changed)})" if changed else "with these settings"
        raise ConfigError(
            f"{run.path} already holds a run {what}; continue it with --resume "
            f"{as_typed(run.path)} or choose another --out."
        )
    left = (".lock", ".config.json.")  # a lock, and what a kill left of a first write
    is_free = run.path.is_dir() and all(p.name.startswith(left) for p in run.path.iterdir())
    if run.path.exists() and not is_free:
        raise ConfigError(f"{run.path} exists and is not an empty folder; choose another --out.")


def identity_of(config: RunConfig) -> dict[str, Any]:
    """The settings that checkpoints and weights belong to: all but the device, which may change."""
    plain = config.to_json()
    del plain["train"]["device"]
    return plain


def kept_identities(run: RunFolder, config: RunConfig) -> list[dict[str, Any]]:
    """The settings of a run as they are read, and as they stand in its file.

    The file of an earlier version lacks settings that have been added since, whose defaults are no
    change of the run.
    """
    values = run.read_config()
    kept: dict[str, Any] = values.get("train", {})
    train = {name: value for name, value in kept.items() if name != "device"}
    return [identity_of(config), {**values, "train": train}]
