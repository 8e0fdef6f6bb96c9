"""What a run of a table or study learned, as pictures."""

from __future__ import annotations

import numpy as np

from ..data import Dataset, Split
from ..report.panels import GalleryPanel, Section, gallery
from ..run import Run, load
from .run_spec import PlannedRun

NUM_PICTURES = 32


def pictures_of(planned: PlannedRun, dataset: Dataset) -> Section | None:
    """Samples and reconstructions; None where data are no images."""
    run = load(planned.run.path, device="cpu")
    if run.spec.kind != "images":
        return None
    panels: list[GalleryPanel] = []
    if "sample" in run.capabilities:
        panels.append(gallery(list(run.sample(NUM_PICTURES)[:, None]), "single", "Samples"))
    if "reconstruct" in run.capabilities:
        panels.append(_reconstructions(run, dataset))
    words = {
        "sample": "samples, drawn and not picked",
        "reconstruct": "held-out data above what is made of them",
    }
    lead = "; ".join(words[capability] for capability in words if capability in run.capabilities)
    key = "-".join(planned.run.path.parts[-3:-1])
    title = f"{planned.variant.name}, {planned.preset}"
    kind = "averaged" if run.weights == "ema" else "last"
    lead = f"{lead[:1].upper()}{lead[1:]} ({kind} weights, seed {planned.seed})."
    return Section(key, title, lead, tuple(panels))


def _reconstructions(run: Run, dataset: Dataset) -> GalleryPanel:
    split = Split(dataset.test.values[:NUM_PICTURES], None)
    pairs = zip(run.originals(split), run.reconstruct(split), strict=True)
    return gallery([np.stack(pair) for pair in pairs], "pairs", "Data above reconstructions")
