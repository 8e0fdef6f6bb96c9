"""Labels to codes and names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ambigan.core.errors import DataError
from ambigan.data.labels import encode_labels


@pytest.mark.parametrize(
    ("labels", "codes", "names"),
    [
        (np.array(["b", "a", "b"]), [1, 0, 1], ("a", "b")),
        (np.array([10, 2, 10]), [1, 0, 1], ("2", "10")),
        (np.array([1.0, 0.0, -1.0]), [2, 1, 0], ("-1", "0", "1")),
        (np.array([True, False]), [1, 0], ("False", "True")),
        (np.array([[[5]], [[3]]]), [1, 0], ("3", "5")),
        (np.eye(3)[[2, 0, 1]], [2, 0, 1], ("0", "1", "2")),
        (np.array([2**64 - 1, 0], np.uint64), [1, 0], ("0", "18446744073709551615")),
    ],
)
def test_codes(labels: Any, codes: list[int], names: tuple[str, ...]) -> None:
    (tensor,), found = encode_labels([labels], "f")
    assert tensor is not None
    assert tensor.dtype == torch.int64
    assert (tensor.tolist(), found) == (codes, names)


def test_codes_are_of_all_parts() -> None:
    (first, second), names = encode_labels([np.array([3, 5]), np.array([4, 5, 3])], "f")
    assert first is not None
    assert second is not None
    assert (first.tolist(), second.tolist(), names) == ([0, 2], [1, 2, 0], ("3", "4", "5"))


def test_parts_without_labels() -> None:
    (first, second), names = encode_labels([None, np.array([4])], "f")
    assert first is None
    assert second is not None
    assert names == ("4",)
    assert encode_labels([None, None], "f") == ([None, None], None)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.array([1.5, 1.0]), "1.5 is not a label; labels must be integers or text"),
        (np.array([1.0, np.inf]), "inf is not a label"),
        (np.array([1.0, np.nan, np.nan]), "2 of 3 labels are missing, the first in row 1"),
        (np.array(["a", ""]), "1 of 2 labels are missing, the first in row 1"),
        (np.ones((2, 2), int), "must be 1-D"),
        (np.array([1j]), "type complex128; they must be integers or text"),
    ],
)
def test_what_is_no_label(labels: Any, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        encode_labels([labels], "table.csv, column 'y'")
    assert str(caught.value).startswith("table.csv, column 'y': ")
