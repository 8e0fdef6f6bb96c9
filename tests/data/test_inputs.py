"""A user's arrays in Python: what is taken, and what is refused in one line."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ambigan.core.data_spec import DataSpec
from ambigan.core.errors import ConfigError
from ambigan.data.inputs import as_array, as_examples

IMAGES, VECTORS = DataSpec("images", (1, 2, 2), True), DataSpec("vectors", (3,), False)
BYTES = np.arange(8, dtype=np.uint8).reshape(2, 1, 2, 2) * 30


@pytest.mark.parametrize("kind", ["u1", "i8", ">i4", "i2"])
def test_integers_are_bytes(kind: str) -> None:
    expected = as_examples(BYTES, IMAGES)
    assert torch.equal(as_examples(BYTES.astype(kind), IMAGES), expected)
    assert torch.equal(as_examples(BYTES.tolist(), IMAGES), expected)
    torch.testing.assert_close(as_examples(BYTES / 127.5 - 1, IMAGES), expected)


def test_tensors_of_any_kind_are_taken() -> None:
    values = torch.linspace(-1, 1, 8).reshape(2, 1, 2, 2)
    for given in (values, values.clone().requires_grad_(), values.double(), values.bfloat16()):
        torch.testing.assert_close(as_examples(given, IMAGES), values, atol=4e-3, rtol=0)
    assert as_examples(values.flip(0).numpy()[::-1], IMAGES).shape == (2, 1, 2, 2)


def test_bytes_may_be_held_as_floats() -> None:
    assert (as_examples(BYTES.astype("f4"), IMAGES) == as_examples(BYTES, IMAGES)).all()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (BYTES.astype("f4") + 0.5, "in -1 to 1"),
        (BYTES.astype("f4") * 9, "in -1 to 1"),
        (BYTES.astype(int) - 1, "in 0 to 255"),
        (BYTES.astype(int) * 9, "in 0 to 255"),
        (np.full((2, 1, 2, 2), np.nan), "missing"),
        (BYTES.astype(complex), "type complex"),
        (BYTES.astype(str), "type <U"),
        (None, "type object"),
        ([[1], [2, 3]], "cannot be read"),
        (BYTES[0, 0], "shape"),
        (BYTES[:0], "no examples"),
    ],
)
def test_what_no_image_can_be(given: object, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        as_examples(given, IMAGES)


@pytest.mark.parametrize(
    ("given", "remedy"), [(BYTES / 255, r"x \* 2 - 1"), ((BYTES > 90).astype("u1"), r"x \* 255")]
)
def test_images_from_0_to_1_are_taken_as_they_are_with_a_warning(
    given: np.ndarray, remedy: str
) -> None:
    with pytest.warns(UserWarning, match=f"between 0 and 1; .* scale them: {remedy}"):
        as_examples(given, IMAGES)


def test_vectors_keep_their_units() -> None:
    values = as_examples([[1e6, -3, 0.5]], VECTORS)
    assert values.dtype == torch.float64
    assert values.tolist() == [[1e6, -3, 0.5]]
    assert as_array(np.longdouble(2.5)).dtype == np.float64
