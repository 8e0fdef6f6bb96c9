"""Repositories on the Hugging Face hub: a run is pushed to one, and fetched by `hf:USER/NAME`.

Of a repository only the files of a model are fetched, by their fixed names and up to a size each;
nothing in them is run. `HF_ENDPOINT` and `HF_TOKEN` are as for `huggingface_hub`, whose client
does the work.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..core.errors import CheckpointError, ConfigError
from ..core.files import read_bytes, read_json, sha256_of
from ..core.imports import import_extra
from ..core.machine import physical_memory
from ..engine.run_folder import RunFolder
from .card import front_matter, model_card

PREFIX = "hf:"
"""What the name of a repository begins with where a run's folder may stand."""

LARGEST_SETTINGS = 16 << 20
"""Most bytes of a file of settings: a model of a million columns has about as many."""

KINDS = ("ema", "raw")
"""Kinds of weights that a model may have, each in a file of its own."""

_NAME = re.compile(
    r"([A-Za-z0-9][\w.-]{0,95})/([A-Za-z0-9][\w.-]{0,95})(?:@([\w./-]{1,96}))?", re.A
)
_CLIENT = ("huggingface_hub", "httpx", "httpx2", "httpcore", "requests")
"""Packages whose exceptions are of the network."""

_SETTINGS = ("config.json", "model/config.json")


def local_folder(run: str | Path) -> str | Path:
    """The folder of a run: as it is or, of `hf:USER/NAME`, that of the files fetched from there.

    Args:
        run: A path, `hf:USER/NAME`, or `hf:USER/NAME@REVISION` with a branch, tag or commit.

    Raises:
        ConfigError: The name of the repository is not allowed.
        CheckpointError: There is no such repository, it holds no model, or a file is too large.
    """
    if not isinstance(run, str) or not run.startswith(PREFIX):
        return run
    user, name, revision = _parse(run)
    hub = _client()
    repository = f"{user}/{name}"
    with _in_one_line(run.removeprefix(PREFIX)):
        found = hub.HfApi(_endpoint()).model_info(repository, revision=revision)
    commit = str(found.sha)
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        raise CheckpointError(f"{run}: the hub names no commit; try again later.")
    there = {str(file.rfilename) for file in found.siblings or ()}
    if missing := [file for file in _SETTINGS if file not in there]:
        raise CheckpointError(
            f"{run} holds no model of ambigan: it has no {missing[0]}. Models are put there by"
            " `ambigan push`."
        )
    folder = _cache() / f"{user}--{name}" / commit
    for file in _SETTINGS:
        _fetch(hub, repository, commit, file, folder, LARGEST_SETTINGS)
    listed = read_json(folder / "model" / "config.json").get("sha256")
    kinds = [kind for kind in KINDS if isinstance(listed, dict) and kind in listed]
    if not kinds:
        raise CheckpointError(f"{run} names no weights in model/config.json.")
    for kind in kinds:
        most = int(physical_memory())
        _fetch(hub, repository, commit, f"model/{kind}.safetensors", folder, most)
    return folder


def name_of(folder: Path) -> str:
    """What a run is called: `USER/NAME` of one from the hub, else the name of its folder."""
    folder = folder.resolve()
    is_fetched = folder.parent.parent == _cache().resolve()
    return folder.parent.name.replace("--", "/") if is_fetched else folder.name


def push(run: str | Path, repository: str, *, private: bool = False) -> str:
    """Puts a run's model on the hub, with a card made of what is known of it.

    Args:
        run: Folder of a finished run.
        repository: `USER/NAME`, new or one of yours.
        private: Whether a new repository is seen by its owner alone.

    Returns:
        The address of the repository.

    Raises:
        ConfigError: The name is not allowed, the hub refuses, or a public repository is there
            where a private one is asked for.
        CheckpointError: The run has no finished model, or its weights are altered.
    """
    user, name, revision = _parse(PREFIX + repository.removeprefix(PREFIX))
    if revision is not None:
        raise ConfigError(f"'{repository}': leave out @{revision}; a push makes a new revision.")
    from ..evaluation.result_file import read_folder

    hub, folder = _client(), RunFolder(run)
    config, files = folder.read_config(), _files_of(folder)
    about = read_json(folder.model / "config.json")
    repository = f"{user}/{name}"
    card = model_card(
        about, str(config.get("preset")), read_folder(folder.results), f"{PREFIX}{repository}"
    )
    files["README.md"] = (front_matter(str(about["method"])) + card).encode()
    api = hub.HfApi(_endpoint())
    with _in_one_line(repository):
        url = api.create_repo(repository, private=private, exist_ok=True)
        if private and not api.model_info(repository).private:
            raise ConfigError(
                f"{repository} is there already and public; make it private on the hub, or choose"
                " another name."
            )
        added = [hub.CommitOperationAdd(path, content) for path, content in files.items()]
        api.create_commit(repository, added, commit_message=f"ambigan {about['ambigan']}")
    return str(url)


def _files_of(folder: RunFolder) -> dict[str, bytes]:
    """The files of a finished model, by their path in the folder."""
    if not (folder.model / "config.json").is_file():
        raise CheckpointError(
            f"{folder.path} has no finished model; train it to its end with --resume."
        )
    files = {name: read_bytes(folder.path / name) for name in _SETTINGS}
    hashes: dict[str, str] = read_json(folder.model / "config.json").get("sha256", {})
    for kind in (kind for kind in KINDS if kind in hashes):
        path = folder.model / f"{kind}.safetensors"
        files[f"model/{kind}.safetensors"] = content = read_bytes(path)
        if sha256_of(content) != hashes[kind]:
            raise CheckpointError(f"{path} is torn or altered: its hash does not match.")
    return files


def _parse(run: str) -> tuple[str, str, str | None]:
    """User, name and revision of a repository."""
    found = _NAME.fullmatch(run.removeprefix(PREFIX))
    if found is None or ".." in run or "--" in run:
        raise ConfigError(
            f"'{run}' names no repository; write {PREFIX}USER/NAME, of letters, digits, - _ and ."
        )
    user, name, revision = found.groups()
    return str(user), str(name), revision


def _cache() -> Path:
    """Where fetched models are kept: `$XDG_CACHE_HOME/ambigan/hub`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "ambigan" / "hub"


def _endpoint() -> str | None:
    """The address of another hub, as `HF_ENDPOINT` names it; None for the public one."""
    return os.environ.get("HF_ENDPOINT") or None


def _fetch(hub: Any, repository: str, commit: str, file: str, folder: Path, most: int) -> None:
    """Fetches one file of a commit into a folder, as a regular file of at most `most` bytes."""
    path = folder / file
    _refuse_links(path, folder)
    options = {"revision": commit, "local_dir": folder, "endpoint": _endpoint()}
    with _in_one_line(repository):
        size = hub.hf_hub_download(repository, file, dry_run=True, **options).file_size
        if size is None or size > most:
            raise CheckpointError(
                f"{PREFIX}{repository}: {file} has {size or 'unknown'} bytes, and at most {most}"
                " are taken."
            )
        bar = _bounded_bar(most)
        hub.hf_hub_download(repository, file, tqdm_class=bar, **options)
    _refuse_links(path, folder)
    if path.stat().st_size > most:
        path.unlink()
        raise CheckpointError(f"{PREFIX}{repository}: {file} is larger than the hub says.")


def _refuse_links(path: Path, folder: Path) -> None:
    """Refuses a file that is a link or lies behind one inside the folder."""
    for each in (path, *path.parents):
        if each == folder:
            return
        if each.is_symlink():
            raise CheckpointError(f"{each} is a link; delete {folder} and fetch it again.")


def _bounded_bar(most: int) -> type[Any]:
    """A progress bar that ends a download which is longer than the hub says."""
    base: type[Any] = importlib.import_module("huggingface_hub.utils").tqdm

    class Bounded(base):
        received = 0

        def update(self, n: float | None = 1) -> Any:
            self.received += n or 0
            if self.received > most:
                raise CheckpointError(f"the hub sends more than {most} bytes of one file.")
            return base.update(self, n)

    return Bounded


@contextmanager
def _in_one_line(repository: str) -> Generator[None]:
    """Turns what the client raises into one clear line."""
    errors: Any = importlib.import_module("huggingface_hub.errors")
    try:
        yield
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        raise CheckpointError(
            f"the hub has no {repository} that you may use; check the name, or log in with"
            " `hf auth login` where it is private."
        ) from error
    except errors.EntryNotFoundError as error:
        raise CheckpointError(
            f"{PREFIX}{repository} lacks a file of its model: {_line(error)}"
        ) from error
    except (errors.HfHubHTTPError, errors.LocalTokenNotFoundError) as error:
        raise ConfigError(
            f"the hub refuses {repository}: {_line(error)} Log in with `hf auth login`, or set"
            " HF_TOKEN."
        ) from error
    except (CheckpointError, ConfigError):
        raise
    except Exception as error:
        if not _is_of_client(error):
            raise
        raise CheckpointError(f"{PREFIX}{repository} cannot be reached: {_line(error)}") from error


def _is_of_client(error: Exception) -> bool:
    """Whether an error is of the network or of the client's checks, and no fault of ours."""
    package = type(error).__module__.partition(".")[0]
    return isinstance(error, OSError) or package in _CLIENT


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _client() -> Any:
    """The package `huggingface_hub`.

    Raises:
        ConfigError: It is not installed.
    """
    return import_extra("huggingface_hub", "hub", "the hub")
