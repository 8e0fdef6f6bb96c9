"""Maps that go with a feature, found among others and left out."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ambigan.analysis.boxes import Box, activations_at, check_box
from ambigan.analysis.feature_maps import drop_maps, map_weights, positive_maps
from ambigan.core.errors import ConfigError


def test_a_map_that_never_changes_has_no_weight() -> None:
    positives = torch.tensor([[1.0, 5.0, 0.0], [1.0, 5.0, 0.1]])
    negatives = torch.tensor([[0.0, 5.0, 1.0], [0.1, 5.0, 1.0]])
    weights = map_weights(positives, negatives)
    assert float(weights[1]) == 0
    assert positive_maps(weights).tolist() == [0]


def test_maps_come_with_the_largest_weight_first() -> None:
    weights = torch.tensor([0.5, -1.0, 2.0, 0.0, 1.0])
    assert positive_maps(weights).tolist() == [2, 4, 0]
    assert positive_maps(weights, most=2).tolist() == [2, 4]


def test_one_kind_alone_is_refused() -> None:
    some, none = torch.ones(3, 2), torch.ones(0, 2)
    with pytest.raises(ConfigError, match="no activations that belong to the feature"):
        map_weights(none, some)
    with pytest.raises(ConfigError, match="no activations that do not"):
        map_weights(some, none)


def test_places_of_a_box_are_those_whose_middle_lies_in_it() -> None:
    maps = torch.arange(16.0).view(1, 1, 4, 4)  # each place is 2x2 pixels of 8x8
    inside, _ = activations_at(maps, [Box(0, 2, 0, 4, 3)], (8, 8), 0)
    assert sorted(inside.flatten().tolist()) == [1, 2, 5, 6]
    tiny, _ = activations_at(maps, [Box(0, 7, 7, 1, 1)], (8, 8), 0)
    assert tiny.flatten().tolist() == [15]


def test_places_outside_are_of_the_same_pictures_and_as_many() -> None:
    maps = torch.arange(48.0).view(3, 1, 4, 4)
    inside, outside = activations_at(maps, [Box(1, 0, 0, 4, 4)], (8, 8), 0)
    assert len(inside) == len(outside) == 4
    assert set(outside.flatten().tolist()) <= set(range(16, 32)) - {16, 17, 20, 21}
    _, few = activations_at(maps, [Box(1, 0, 0, 8, 6)], (8, 8), 0)
    assert sorted(few.flatten().tolist()) == [28, 29, 30, 31]


def test_rectangular_pictures_and_overlapping_boxes() -> None:
    maps = torch.arange(8.0).view(1, 1, 2, 4)  # 4x16 pixels: a place is 2 high and 4 wide
    boxes = [Box(0, 0, 0, 4, 4), Box(0, 0, 0, 8, 2)]
    inside, outside = activations_at(maps, boxes, (4, 16), 0)
    assert sorted(inside.flatten().tolist()) == [0, 1, 4]
    assert len(outside) == 3


@pytest.mark.parametrize(
    ("box", "message"),
    [
        (Box(3, 0, 0, 1, 1), "there is no sample 3; they go from 0 to 2"),
        (Box(0, 5, 0, 4, 2), "does not lie in its picture"),
        (Box(0, 0, 0, 0, 2), "does not lie in its picture"),
    ],
)
def test_boxes_outside_are_refused(box: Box, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_box(box, 3, (8, 8))


def test_a_box_over_everything_is_refused() -> None:
    with pytest.raises(ConfigError, match="cover their pictures"):
        activations_at(torch.zeros(1, 2, 4, 4), [Box(0, 0, 0, 8, 8)], (8, 8), 0)


@torch.no_grad()
def test_maps_are_left_out_for_a_while() -> None:
    layer, x = nn.Conv2d(1, 3, 1), torch.randn(2, 1, 4, 4)
    whole = layer(x)
    with drop_maps(layer, torch.tensor([0, 2])):
        left = layer(x)
    assert not left[:, [0, 2]].any()
    assert torch.equal(left[:, 1], whole[:, 1])
    assert torch.equal(layer(x), whole)
