"""Peak memory of opening a table: `python benchmarks/table_memory.py SOURCE...` (Linux).

Each source, such as `parquet:table.parquet`, is opened in a process of its own. What is printed is
the peak above the memory after imports, next to the matrix of all values in float32, as networks
take them, and the file. Text is read as float64, which is scaled exactly before it is rounded.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module


def peak_of(source: str) -> None:
    """Opens one source and prints its peak."""
    for name in ("pyarrow.csv", "pyarrow.parquet", "pyarrow.compute", "ambigan"):
        import_module(name)
    data = import_module("ambigan.data")
    data.open_dataset(data.DataSettings("digits"))  # imports what is imported late
    before = _status("VmRSS")
    with open("/proc/self/clear_refs", "w") as file:  # the peak begins here
        file.write("5")
    dataset = data.open_dataset(data.DataSettings(source))
    peak = _status("VmHWM") - before
    matrix = sum(split.values.numel() * 4 / 2**20 for split in (dataset.train, dataset.test))
    size = os.path.getsize(source.partition(":")[2]) / 2**20
    print(
        f"{source}: peak {peak:.0f} MiB, {peak / matrix:.1f} times the matrix of {matrix:.0f} MiB,"
        f" {peak / size:.1f} times the file of {size:.0f} MiB"
    )


def _status(name: str) -> float:
    """A figure of /proc/self/status in MiB."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name)) / 1024


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--one":
        peak_of(sys.argv[2])
    else:
        for typed in sys.argv[1:]:
            subprocess.run([sys.executable, __file__, "--one", typed], check=True)
