"""The flags of verbs that train, with the texts of their help."""

from __future__ import annotations

from .common import DATA_SHORTCUTS, FLOAT, JSON, OPTIONAL, Flags, integer, several, switch

NEW_RUN: Flags = {
    "--data SOURCE": "data to train on: a name such as mnist or cifar10, or KIND:PATH such as"
    " folder:photos, csv:table.csv, npy:array.npy, packed:FOLDER",
    "--preset": "published settings to start from; `ambigan presets` lists them",
    **DATA_SHORTCUTS,
    "--seed N": "seed of everything that is drawn at random",
    "--out FOLDER": "folder of the run, new or empty",
    "--dry-run": switch("print the whole configuration as JSON, and train and write nothing"),
}

TRAIN: Flags = {
    "name METHOD": ("method to train, such as bigan, or MODULE:CLASS", OPTIONAL),
    "--method METHOD": "the same as a flag",
    **NEW_RUN,
    "--config FILE": "settings to start from: a JSON file such as config.json of a run, which may"
    " leave out any setting, or MODULE:FUNCTION that returns them; flags override them",
    "--from RUN": (
        "folder of a run whose settings to start from, with fresh weights",
        {"dest": "from_run"},
    ),
    "--resume RUN": "folder of a run to continue where it was",
    "--continue": switch(
        "start the run, or continue it if it was started: for jobs that are restarted",
        dest="go_on",
    ),
}

PLANNING: Flags = {
    "--plan": switch("estimate memory, speed and time from a few real steps, and train nothing"),
    "--processes N": integer("number of processes to plan for, 1 by default"),
    "--link GB/S": ("bandwidth between the processes to plan for, 50 by default", FLOAT),
}

PREPARE: Flags = {
    "source SOURCE": ("images to decode, such as folder:PATH, imagenet or celeba", OPTIONAL),
    "out OUT": (
        "folder to write, new or begun before; a URL such as s3://BUCKET/SET is written in shards",
        OPTIONAL,
    ),
    "--verify FOLDER": "packed folder or URL to compare with its hash, and nothing else",
    "--shard-megabytes N": integer("size of a shard at a URL in MB, 1,000 by default"),
    "--size HxW": "height and width, such as 64x64: the short side is resized, then the centre cut"
    " out",
    "--keep-sides": switch(
        "keep the longer side of images as well, up to twice the size, for random crops"
    ),
    "--grayscale": switch("reduce images to one channel", default=None),
    "--workers N": integer("number of threads, by default one a core up to 8"),
    "--max-corrupt SHARE": "largest share of images that may be unreadable, 0.01 by default",
    "--split-seed N": "seed of the order and of what is held out for testing",
    "--test-fraction SHARE": "share of the images to hold out where no test split is published",
    "--attribute NAME": "attribute of celeba that is the label",
    "--label-column NAME": "column of a table or hf: that is the label, `label` by default",
    "--pages first|all": "which pages or frames of a file are images, the first by default",
    "--group HOW": "what stays on one side of the split: folder, file, 1, or a pattern",
    "--drop-duplicates": switch(
        "leave out near copies of other images, which OUT/duplicates.csv lists"
    ),
    "--duplicates-by": (
        "what tells near copies: a perceptual hash (hash, the default) or DCGAN's autoencoder"
        " (codes)",
        {"choices": ["hash", "codes"]},
    ),
    "--root FOLDER": "folder of downloaded data sets, $AMBIGAN_DATA by default",
}

REPRODUCE: Flags = {
    "experiment NAME": (
        "experiment to make, such as bigan-table1 or sao-main; see --list",
        OPTIONAL,
    ),
    "--list": switch("list the experiments, and how long each takes"),
    **JSON,
    "--presets NAMES": "presets to start from where the experiment leaves them open, such as"
    " paper,official",
    "--seeds N": (
        "number of seeds, counted from 0, or the seeds themselves with commas: 0,3 or 4,",
        {"default": "1"},
    ),
    "--data SOURCE": "data to train on in place of the experiment's",
    "--sets NAMES": "sets of data of an experiment on several, such as glass,wine; all by default",
    "--runs/--arms NAMES": "runs to make now, such as sao-flips,simclr-flips; all by default",
    "--render": switch("write tables and page from the results that are there, without training"),
    **DATA_SHORTCUTS,
    "--out FOLDER": "folder of the results, new, or the same to continue",
}

COMPARE: Flags = {
    "compared RUN": (
        "folder of a run, of an experiment, or that holds runs; or METHOD or METHOD:PRESET to"
        " train first, such as bigan:small",
        {"nargs": "+"},
    ),
    "--out PATH": "page to write, .html, next to the runs by default; with methods to train, the"
    " folder of the runs and the page, new, or the same to continue",
    **JSON,
    "--data SOURCE": "data to train on, where methods are named",
    "--seeds N": "number of seeds to train, counted from 0, or the seeds themselves with commas:"
    " 0,3 or 4,; 1 by default",
    "--protocol NAMES": several("protocols to measure by; the quick ones by default"),
    **DATA_SHORTCUTS,
}
