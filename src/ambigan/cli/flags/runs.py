"""The flags of verbs that use a run, with the texts of their help."""

from __future__ import annotations

import argparse
from typing import Any

from .common import DEVICE, FLOAT, JSON, NETWORK, Flags, integer, seed, several, switch


def _term(sign: str, text: str) -> tuple[str, dict[str, Any]]:
    """A term of a sum; all are kept in one list, in the order in which they are typed."""

    def read(typed: str) -> tuple[str, str]:
        return sign, typed

    return several(f"{text}, such as 3,7,12; may be repeated", dest="terms", type=read)


RUN: Flags = {
    "run RUN": "folder of a run, as `ambigan train` wrote it, or hf:USER/NAME of a model on the"
    " Hugging Face hub",
    "--weights": (
        "networks to use: averaged over training (ema, the default) or of the last step (raw)",
        {"choices": ["ema", "raw"]},
    ),
    "--device": (DEVICE, {"default": "auto"}),
    "--method MODULE:CLASS": "method of the run, needed only where it lies outside the package",
}
"""The run that a verb uses, and how it is loaded."""

EVALUATE: Flags = {
    **RUN,
    "--protocol NAMES": several(
        "protocols to measure, with commas or repeated; the quick ones by default, `all` for all"
        " that apply"
    ),
    "--layer NAMES": several(
        "layers to measure, such as encoder.hidden2, `latents` for E(x), or `each` for all that are"
        " worth measuring; with commas or repeated"
    ),
    "--reference-features": several(
        "features in which samples are compared with data: LAYER, RUN:LAYER of another run, or"
        " NAME=RUN:LAYER to give them a name; may be repeated"
    ),
    "--inception FILE": "weights of the Inception network, needed for FID",
    "--views N": "number of random crops of each training image that a linear probe is trained on",
    "--views-flip": switch("mirror half of the crops"),
    "--views-short-side A,B": "least and greatest short side, in pixels, that images are scaled to"
    " before a crop",
    "--test-crops 1|5|10": "number of crops of a test image whose features are averaged",
    "--curve": switch("measure every kept checkpoint in place of the final model"),
    "--data SOURCE": "data to measure in place of the run's own, read as --data.max-train and the"
    " like say",
    "--framing": (
        "form in which other images are given to the networks, the run's by default",
        {"choices": ["run", "data"]},
    ),
    **JSON,
}

OUT: Flags = {
    "--out FILE": "file to write, .npy or, for images, .png, for tables, .csv or .parquet; in the"
    " run's folder by default"
}


def _data(what: str, default: str = "the run's own data") -> Flags:
    """The flags of verbs that take the run's own data or, read as those are, others."""
    return {
        "--data SOURCE": f"{what}, read as --data.label-column and the like say; {default} by"
        " default",
        "--framing": (
            "take images that are far larger or smaller than the run's all the same",
            {"choices": ["run"]},
        ),
        "--split": ("split of the run's own data to use", {"choices": ["train", "test", "all"]}),
    }


SAMPLE: Flags = {
    **RUN,
    "--num N": integer("number of examples", 64),
    "--seed N": seed("seed of the latents, 0 by default"),
    **OUT,
}

RECONSTRUCT: Flags = {
    **RUN,
    **_data("data to reconstruct"),
    "--num N": integer("number of examples", 32),
    **OUT,
}

INVERT: Flags = {
    **RUN,
    **_data("data to invert", default="the test split"),
    "--num N": integer("number of examples", 32),
    "--steps N": integer("number of steps of Adam", 200),
    "--mask FILE": "values that are known, 1 or True in a .npy file of shape (H, W) or (N, H, W),"
    " of vectors (D,) or (N, D)",
    "--mask-box X,Y,WIDTH,HEIGHT": "box of each image that is hidden, in pixels",
    "--feature-weight W": (
        "weight of the distance of features in the loss, 0 by default",
        {**FLOAT, "default": 0.0},
    ),
    "--layer": "layer of these features; that of `ambigan embed` by default",
    "--prior-weight W": (
        "weight of the mean squared latent in the loss, 0 by default",
        {**FLOAT, "default": 0.0},
    ),
    "--seed N": seed("seed of the samples to start from, 0 by default"),
    "--out FOLDER": "folder to write, `inversion` in the run's folder by default",
    **JSON,
}

INTERPOLATE: Flags = {
    **RUN,
    "--pairs N": integer("number of pairs", 8),
    "--steps N": integer("number of examples along each walk", 10),
    "--seed N": seed("seed of the ends, where the method cannot encode examples, 0 by default"),
    **OUT,
}

MAP: Flags = {
    "--map": (
        "how features are projected: pca, tsne or umap; tsne up to 5,000 examples, umap above",
        {"choices": ["pca", "tsne", "umap"]},
    ),
    "--num N": integer("number of examples on the map, 20,000 by default, at most 100,000", 20_000),
    "--seed N": seed("seed of the map, 0 by default"),
}
"""How examples are laid out on a map."""

EMBED: Flags = {
    **RUN,
    **_data("data to describe"),
    "--layer": "layer whose output is written, such as encoder.hidden2, or `latents` for E(x); the"
    " run's feature layer by default",
    "--out FILE": "file to write, .npy, or .parquet or .csv with rows, ids and labels; in the run's"
    " folder by default",
    "--atlas FILE": ".parquet file to write as well, which Embedding Atlas opens by itself: a map,"
    " neighbours and small pictures",
    **MAP,
}

SEARCH: Flags = {
    **RUN,
    "--query": several(
        "examples to search for: an image file, a source such as folder:PATH, examples of the run's"
        " data by name or by row, as the source counts them from 0, such as 3,7,10-19, or"
        " samples:N for so many that the run draws; names, rows and image files may be repeated",
        required=True,
    ),
    **_data("data to search", default="the training split"),
    "--layer": "layer that examples are compared by, or `values` for pixels or columns themselves;"
    " the run's feature layer by default",
    "--project N": integer(
        "number of dimensions of a random projection of the layer, as in Figure 5 of BiGAN; none by"
        " default",
        None,
    ),
    "--seed N": integer("seed of samples and of the projection, 0 by default", 0),
    "--num N": integer("number of examples to find for each query", 10),
    "--index": (
        "search method: exact, or faiss, which keeps an index in the run's folder for many"
        " searches of a large set",
        {"choices": ["exact", "faiss"], "default": "exact"},
    ),
    "--metric": (
        "what is compared; by default cosine for layers of images, and euclidean for pixels and for"
        " vectors",
        {"choices": ["cosine", "euclidean"]},
    ),
    "--out FILE": "file to write, .json, .parquet or, for images, .png; in the run's folder by"
    " default",
    **JSON,
}

ANOMALY: Flags = {
    **RUN,
    **_data("data to score", default="the test split"),
    "--normal LABELS": "labels of normal examples, with commas, those of data.train_on by default;"
    " scores are then compared with the labels",
    "--threshold Q": (
        "fraction of normal examples that are not flagged, 0.99 by default",
        {**FLOAT, "default": 0.99},
    ),
    "--neighbors N": integer(
        "number of normal examples that each is compared with, 1 by default; 20 where the training"
        " data hold anomalies too",
        1,
    ),
    "--seed N": seed("seed of what is drawn from large data, 0 by default"),
    "--out FOLDER": "folder to write, `anomaly` in the run's folder by default",
    **JSON,
}

EXPLORE: Flags = {
    **RUN,
    "run RUN": ("folders of runs, as `ambigan train` wrote them", {"nargs": "+"}),
    **_data("data to look at"),
    "--layer": "layer whose features are on the map; the run's feature layer by default",
    **MAP,
    "--port P": integer("port of the page; a free one by default", 0),
    "--no-browser": (
        "print the address, and open no browser",
        {"dest": "browser", "action": "store_false"},
    ),
}

EXPORT: Flags = {
    **RUN,
    "--to": (
        "format to write: onnx, torch (code that needs torch and safetensors alone) or safetensors",
        {"choices": ["onnx", "torch", "safetensors"], "required": True},
    ),
    "--part NAMES": several(
        "parts to export: encoder, generator, discriminator (its features), features; with commas"
        " or repeated; all that the method has by default"
    ),
    "--layer": "layer of the part features; that of `ambigan embed` by default",
    "--out PATH": (
        "folder to write, new or empty; of one part in ONNX, also a file .onnx",
        {"required": True},
    ),
    **JSON,
}

PUSH: Flags = {
    "run RUN": "folder of a finished run",
    "repository USER/NAME": "repository on the Hugging Face hub, new or one of yours",
    "--private": switch("make a new repository that its owner alone sees"),
}

FILTERS: Flags = {
    **RUN,
    "--network": NETWORK,
    "--guided": switch(
        "draw what the units of a later layer respond to instead, by guided backpropagation, as in"
        " Figure 5 of DCGAN"
    ),
    "--layer": "layer whose units these are; the last hidden one of the network by default",
    "--out FILE": ".png file to write, and the kernels or gradients as .npy next to it",
}


ARITHMETIC: Flags = {
    **RUN,
    "--plus NUMBERS": _term("plus", "examples whose mean latent to add"),
    "--minus NUMBERS": _term("minus", "examples whose mean latent to subtract"),
    "--of": (
        "examples that are numbered: samples of the model (the default) or test data",
        {"choices": ["samples", "data"], "default": "samples"},
    ),
    "--num N": integer("number of examples, counted from 0", 64),
    "--seed N": seed("seed of samples and noise, 0 by default"),
    "--out FILE": ".png file to write; in the run's folder by default",
}

FORGET: Flags = {
    **RUN,
    "--box SAMPLE:X,Y,WIDTH,HEIGHT": several(
        "box around what to forget, in pixels of a sample; may be repeated"
    ),
    "--label": "class to forget, by name or code, which a probe finds in samples",
    "--layer": "layer of the generator; its second highest hidden convolution by default",
    "--most N": integer("largest number of maps to drop; all with positive weights by default"),
    "--num N": integer("number of samples that boxes may lie in", 64),
    "--samples N": integer(
        "number of samples in which --label is looked for, 2000 by default", 2000
    ),
    "--shown N": integer("number of images in a row", 16),
    "--seed N": seed("seed of the samples, 0 by default"),
    "--out FILE": ".png file to write, and the dropped maps as .json next to it",
}

TRANSFER: Flags = {  # what is left out is as `TransferSettings` or the task's settings have it
    **RUN,
    "--task": (
        "what is learned: frozen (the default; classes, with ever more layers frozen), or, as on"
        " PASCAL VOC, classification, detection or segmentation",
        {
            "choices": ["frozen", "classification", "detection", "segmentation"],
            "default": "frozen",
        },
    ),
    "--data SOURCE": "labelled data in place of the run's own; of the other tasks voc:DIR, a folder"
    " in VOC's layout",
    "--network": NETWORK,
    "--labels N": integer("number of labelled training examples, all by default; frozen only"),
    "--epochs N": integer("number of passes over the training split"),
    "--batch-size N": integer("number of examples in a step"),
    "--learning-rate RATE": (
        "learning rate at the start, falling to zero; 0.001 by default",
        FLOAT,
    ),
    "--flip": (
        "mirror images at random; frozen only",
        {"action": argparse.BooleanOptionalAction, "default": None},
    ),
    "--seed N": seed("seed of initial weights, order and crops, 0 by default", None),
    "--layers NAMES": several(
        "layers of a task that learn: fc8, fc6-8 or all (the default); with commas for several rows"
    ),
    "--starts NAMES": several(
        "what the layers start from: trained, untrained, scaled, kmeans; with commas; all by"
        " default, of frozen the first two"
    ),
    "--backbone FILE": "weights of torchvision's alexnet, resnet18 or resnet50 (.pth or"
    " .safetensors) to measure as well",
    "--train-split NAME": "list of images to train on; trainval or train by default",
    "--test-split NAME": "list of images to test on; test or val by default",
    "--void INDEX": integer("index of mask pixels that belong to no class, beside 255"),
    "--proposals FILE": "boxes in which objects are looked for, .npz, .csv or .parquet; those of"
    " selective search by default",
    **JSON,
}
