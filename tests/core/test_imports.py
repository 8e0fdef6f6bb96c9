"""torchvision is imported even where its compiled operators do not load."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from ambigan.core import imports as vision

MISSING = RuntimeError("operator torchvision::nms does not exist")


class Importer:
    """Stands in for `importlib.import_module`: raises the given errors in turn, then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.names = list(errors), list[str]()

    def __call__(self, name: str) -> ModuleType:
        self.names.append(name)
        if self.errors:
            raise self.errors.pop(0)
        return ModuleType(name)


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Notes declarations instead of making them, since they last for the whole process."""
    calls = list[str]()
    monkeypatch.setattr(vision, "_declared", [])
    monkeypatch.setattr(vision, "_declare_operators", lambda: calls.append("declared"))
    return calls


def use(monkeypatch: pytest.MonkeyPatch, *errors: Exception) -> Importer:
    importer = Importer(*errors)
    monkeypatch.setattr(vision.importlib, "import_module", importer)
    return importer


def test_data_sets_and_transforms_import_here() -> None:
    assert vision.import_torchvision("datasets").MNIST
    assert vision.import_torchvision("transforms.v2").RandomCrop
    assert vision.import_torchvision().__name__ == "torchvision"


def test_on_that_failure_operators_are_declared_and_the_import_begun_anew(
    monkeypatch: pytest.MonkeyPatch, declared: list[str]
) -> None:
    monkeypatch.setattr(sys, "modules", {**sys.modules, "torchvision.half": ModuleType("half")})
    importer = use(monkeypatch, MISSING)
    assert vision.import_torchvision("datasets").__name__ == "torchvision.datasets"
    assert importer.names == ["torchvision.datasets"] * 2
    assert declared == ["declared"]
    assert "torchvision.half" not in sys.modules
    assert "torch" in sys.modules


def test_a_sound_torchvision_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, declared: list[str]
) -> None:
    use(monkeypatch)
    vision.import_torchvision()
    assert not declared


@pytest.mark.parametrize("error", [RuntimeError("another"), ImportError("no torchvision")])
def test_other_failures_are_passed_on(
    monkeypatch: pytest.MonkeyPatch, declared: list[str], error: Exception
) -> None:
    use(monkeypatch, error)
    with pytest.raises(type(error), match=str(error)):
        vision.import_torchvision()
    assert not declared


def test_it_is_tried_once(monkeypatch: pytest.MonkeyPatch, declared: list[str]) -> None:
    use(monkeypatch, MISSING, MISSING)
    with pytest.raises(RuntimeError, match="nms"):
        vision.import_torchvision()
    assert declared == ["declared"]
