"""How soon the explorer's page shows a map of many points, and how soon it answers.

    python benchmarks/explorer_page.py --out results/explorer-2cores.json

Trains a small BiGAN for one epoch on random clusters, opens `ambigan explore` and reads the page's
own clock in Chromium (extra `dev`, and the browser itself): from the start of the navigation until
Plotly has drawn the map and two frames have passed, and from a movement of the pointer until the
card next to it has changed. Every visit has a fresh profile, so nothing is cached. Chromium draws
WebGL in software where there is no graphics card, as on servers.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import ambigan
from data_path import add

COLUMNS, CLASSES = 32, 10

_WATCH = """
new MutationObserver(() => {
  const map = document.querySelector('#map .js-plotly-plot');
  if (!map || !map.on || map.isWatched) return;
  map.isWatched = true;
  map.on('plotly_afterplot', () => requestAnimationFrame(() => requestAnimationFrame(() => {
    window.drawnAt = window.drawnAt || performance.now();
  })));
}).observe(document, {subtree: true, childList: true});
"""

_HOVER = """
const card = document.querySelector('#hover').parentElement;
window.moved = null; window.answered = null; window.shownNow = '';
document.addEventListener('mousemove', () => { window.moved = performance.now(); }, true);
new MutationObserver(() => {
  const found = document.querySelector('.card strong');
  if (found && found.textContent !== window.shownNow) {
    window.shownNow = found.textContent;
    window.answered = performance.now() - window.moved;
  }
}).observe(document.body, {subtree: true, childList: true, characterData: true});
"""


def make_run(folder: Path, num: int) -> Path:
    """A model of clusters in a few dimensions, hardly trained: drawing is what is measured."""
    draw = np.random.default_rng(0)
    labels = draw.integers(0, CLASSES, num)
    centres = draw.normal(size=(CLASSES, COLUMNS)) * 2
    values = centres[labels] + draw.normal(size=(num, COLUMNS))
    np.savez(folder / "clusters.npz", X=values.astype("float32"), y=labels)
    source = f"npz:{folder / 'clusters.npz'}"
    return ambigan.fit("bigan", source, preset="small", epochs=1, out=folder / "run").path


def memory_of(process: int) -> float:
    """Peak of what a process had in memory, in megabytes."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    (peak,) = (line for line in lines if line.startswith("VmHWM"))
    return int(peak.split()[1]) * 1024 / 1e6


def visit(browser: Any, address: str, hovers: int) -> tuple[float, list[float]]:
    """Seconds until the map is drawn, and until each card next to the pointer is shown."""
    context = browser.new_context(viewport={"width": 1300, "height": 900})
    page = context.new_page()
    page.add_init_script(_WATCH)
    page.goto(address, wait_until="commit")
    page.wait_for_function("window.drawnAt", timeout=60_000)
    drawn = page.evaluate("window.drawnAt") / 1e3
    waits: list[float] = []
    if hovers:
        page.wait_for_load_state("networkidle")
        page.evaluate(f"() => {{ {_HOVER} }}")
        box = page.locator("#map").bounding_box()
        draw = np.random.default_rng(1)
        for across, down in draw.uniform(0.35, 0.65, (hovers, 2)):
            page.evaluate("window.answered = null")
            page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
            page.wait_for_timeout(600)
            if (waited := page.evaluate("window.answered")) is not None:
                waits.append(waited / 1e3)
    context.close()
    return drawn, waits


def measure(run: Path, visits: int, hovers: int) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    words = [sys.executable, "-m", "ambigan", "explore", str(run), "--map", "pca", "--no-browser"]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        address = next(found for line in server.stdout if (found := re.search(r"http://\S+", line)))
        with sync_playwright() as started:
            browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            drawn = [visit(browser, address.group(), 0)[0] for _ in range(visits)]
            _, waits = visit(browser, address.group(), hovers)
            version = browser.version
            browser.close()
        megabytes = memory_of(server.pid)
    finally:
        server.terminate()
        server.wait()
    return {
        "visits": visits,
        "map_drawn_seconds": {
            "median": round(statistics.median(drawn), 2),
            "least": round(min(drawn), 2),
            "most": round(max(drawn), 2),
        },
        "cards_shown": f"{len(waits)} of {hovers} movements",
        "card_shown_seconds": {
            "median": round(statistics.median(waits), 3),
            "most": round(max(waits), 3),
        },
        "server_peak_megabytes": round(megabytes),
        "chromium": version,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num", type=int, default=100_000, help="examples on the map")
    parser.add_argument("--visits", type=int, default=9)
    parser.add_argument("--hovers", type=int, default=20)
    parser.add_argument("--out", type=Path, required=True)
    typed = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(make_run(Path(folder), typed.num), typed.visits, typed.hovers)
    add(typed.out, f"{typed.num:,} points", found)


if __name__ == "__main__":
    main()
