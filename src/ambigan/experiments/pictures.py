"""Pictures of what a run draws, as a section of the page."""

from __future__ import annotations

import numpy as np

from ..core.errors import CheckpointError
from ..data import Dataset, Split
from ..model_files import load
from ..report.panels import GalleryPanel, Section, gallery
from .run_records import PlannedRun

NUM_PICTURES = 32


def pictures_of(planned: PlannedRun, dataset: Dataset | None) -> Section | None:
    """Samples and reconstructions; None where data are no images, or the model was deleted."""
    try:
        run = load(planned.run.path, device="cpu")
    except CheckpointError:
        return None
    if run.spec.kind != "images":
        return None
    panels: list[GalleryPanel] = []
    leads: list[str] = []
    if "sample" in run.capabilities:
        panels.append(gallery(list(run.sample(NUM_PICTURES)[:, None]), "single", "Samples"))
        leads.append("samples, drawn and not picked")
    if "reconstruct" in run.capabilities and dataset is not None:
        split = Split(dataset.test.values[:NUM_PICTURES], None)
        pairs = zip(run.originals(split), run.reconstruct(split), strict=True)
        stacked = [np.stack(pair) for pair in pairs]
        panels.append(gallery(stacked, "pairs", "Data above reconstructions"))
        leads.append("held-out data above their reconstructions")
    if not panels:
        return None
    kind = "averaged" if run.weights == "ema" else "last"
    lead = f"{'; '.join(leads).capitalize()} ({kind} weights, seed {planned.seed})."
    key = f"{planned.spec.preset}-{planned.spec.slug}"
    return Section(key, f"{planned.spec.name}, {planned.spec.preset}", lead, tuple(panels))
