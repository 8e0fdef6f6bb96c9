"""What is most like something, as a picture."""

from __future__ import annotations

import numpy as np
import pytest

from ambigan.report.figures.similar import Caption, similar_figure

TITLE = "most like it of 50,000 training examples of digits, cosine in discriminator.convs@4"


@pytest.mark.parametrize("num", [1, 10])
def test_the_title_is_whole_and_within_the_figure(num: int) -> None:
    images = np.zeros((num, 1, 8, 8), np.float32)
    captions = [[Caption("3", "0.99")] * num]
    figure = similar_figure(images[:1], [images], ["3"], captions, TITLE)
    texts = [text for text in figure.axes[0].texts if text.get_text()]
    lines = [text for text in texts if text.get_text() in TITLE]
    assert " ".join(text.get_text() for text in lines) == TITLE
    assert all(text.get_window_extent().x1 <= figure.bbox.x1 for text in lines)
