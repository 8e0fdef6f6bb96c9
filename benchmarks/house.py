"""Counts what the package is made of: lines, files, functions, comments, names, imports.

    python benchmarks/house.py [COMMIT ...] [--json FILE]
    python benchmarks/house.py --picture docs/house.png

Each commit is checked out into a temporary folder and measured there; without one, the working
tree is. The floors are those of `[tool.importlinter]` in pyproject.toml of the same commit.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import subprocess
import sys
import tempfile
import textwrap
import tokenize
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grimp
import networkx as nx

MOST_FILES = 15
"""Files that a folder may hold and still be taken in at a glance."""

EVERYWHERE = ("logger",)
"""Names that every module defines for itself by convention, and that nobody imports."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("commits", nargs="*", help="commits to measure; the working tree if none")
    parser.add_argument("--json", type=Path, help="a file for the counts")
    parser.add_argument("--picture", type=Path, help="draw the floors of the working tree instead")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.here:  # a process of its own for each commit, since imports are cached by name
        print(json.dumps(measure(Path.cwd())))
        return 0
    if flags.picture:
        draw(Path.cwd(), flags.picture)
        return 0
    found = {commit: measured_at(commit) for commit in flags.commits or ["."]}
    names = list(next(iter(found.values())))
    for name in names:
        values = [json.dumps(counts[name], ensure_ascii=False) for counts in found.values()]
        print(f"{name}: {'  ->  '.join(values)}")
    if flags.json:
        flags.json.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return 0


def measured_at(commit: str) -> dict[str, Any]:
    """The counts of one commit, or of the working tree for `.`."""
    with tempfile.TemporaryDirectory() as folder:
        if commit != ".":
            words = ["git", "archive", commit, "src", "pyproject.toml"]
            archive = subprocess.run(words, capture_output=True, check=True).stdout
            subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        here = Path.cwd() if commit == "." else Path(folder)
        command = [sys.executable, str(Path(__file__).resolve()), "--here"]
        done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def measure(root: Path) -> dict[str, Any]:
    """Every count of the package below `root/src`."""
    source = root / "src"
    files = sorted(source.rglob("*.py"))
    texts = {file: file.read_text(encoding="utf-8") for file in files}
    lines = {file: text.count("\n") for file, text in texts.items()}
    trees = {file: ast.parse(text) for file, text in texts.items()}
    functions = {
        f"{file.relative_to(source)}:{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for file, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    }
    folders = Counter(str(file.parent.relative_to(source)) for file in files)
    code, comments = (
        sum(part) for part in zip(*map(_code_and_comments, texts.values()), strict=True)
    )
    graph = _graph(source)
    longest_file = max(files, key=lambda file: lines[file])
    longest_function = max(functions, key=lambda name: functions[name])
    return {
        "lines": sum(lines.values()),
        "files": len(files),
        "folders": len(folders),
        f"folders of more than {MOST_FILES} files": {
            name: count for name, count in folders.items() if count > MOST_FILES
        },
        "longest file": [str(longest_file.relative_to(source)), lines[longest_file]],
        "longest function": [longest_function, functions[longest_function]],
        "comment lines per 100 code lines": round(100 * comments / code, 1),
        "public names defined twice": _homonyms(source, trees),
        "circles of modules": [sorted(part) for part in _circles(graph)],
        "imports of a higher floor": _upward(root, graph),
    }


def _code_and_comments(text: str) -> tuple[int, int]:
    """Lines with code, docstrings left out, and lines with a comment."""
    code: set[int] = set()
    comments = 0
    skipped = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    at_start = True  # a string where a statement begins is a docstring
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            comments += 1
        elif token.type in skipped:
            at_start = at_start or token.type != tokenize.NL
        else:
            if not (token.type == tokenize.STRING and at_start):
                code.update(range(token.start[0], token.end[0] + 1))
            at_start = False
    return len(code), comments


def _homonyms(source: Path, trees: dict[Path, ast.Module]) -> dict[str, list[str]]:
    """Public names that several modules define, and where."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for file, tree in trees.items():
        for name in {name for node in tree.body for name in _defined(node)}:
            if not name.startswith("_") and name not in EVERYWHERE:
                places[name].append(str(file.relative_to(source / "ambigan")))
    return {name: where for name, where in sorted(places.items()) if len(where) > 1}


def _defined(node: ast.stmt) -> Iterator[str]:
    """The names that a statement of a module defines, verbs and type variables left out."""
    if isinstance(node, ast.ClassDef) or (isinstance(node, ast.FunctionDef) and not _is_verb(node)):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign) and not _is_type_variable(node.value):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        yield from (target.id for target in targets if isinstance(target, ast.Name))


def _is_verb(function: ast.FunctionDef) -> bool:
    """Whether a function runs a verb, which is named as what it calls: `evaluate`, `train`."""
    parameters = [ast.unparse(part.annotation) for part in function.args.args if part.annotation]
    return parameters == ["Request"]


def _is_type_variable(value: ast.expr | None) -> bool:
    """Whether an assignment makes a type variable, which belongs to its module by convention."""
    return isinstance(value, ast.Call) and ast.unparse(value.func) == "TypeVar"


def _graph(source: Path) -> nx.DiGraph:
    """Who imports whom, imports for type checking left out."""
    sys.path.insert(0, str(source))
    graph = grimp.build_graph("ambigan", exclude_type_checking_imports=True, cache_dir=None)
    edges = nx.DiGraph()
    for module in graph.modules:
        edges.add_node(module)
        for imported in graph.find_modules_directly_imported_by(module):
            edges.add_edge(module, imported)
    return edges


def _circles(graph: nx.DiGraph) -> Iterator[set[str]]:
    return (part for part in nx.strongly_connected_components(graph) if len(part) > 1)


def _upward(root: Path, graph: nx.DiGraph) -> list[str]:
    """Imports of a module on a higher floor, or on the same floor in another folder."""
    rooms = _floors(root)
    place = {room: (-depth, room) for depth, layer in enumerate(rooms) for room in layer}

    def room_of(module: str) -> tuple[int, str] | None:
        return next((place[r] for r in place if module == r or module.startswith(r + ".")), None)

    found: list[str] = []
    for module, imported in graph.edges:
        mine, theirs = room_of(module), room_of(imported)
        if mine and theirs and mine != theirs and theirs[0] >= mine[0]:
            found.append(f"{module} -> {imported}")
    return sorted(found)


def _floors(root: Path) -> list[list[str]]:
    """The rooms of each floor, the highest floor first."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(c["layers"] for c in contracts if c["type"] == "layers")
    return [[name.strip() for name in layer.split("|")] for layer in layers]


def draw(root: Path, out: Path) -> None:
    """Draws one row a floor, and in it each room with its purpose and its lines of code."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    floors = _floors(root)
    figure, axes = plt.subplots(figsize=(12, 0.85 * len(floors)), layout="constrained")
    axes.set(xlim=(-0.3, 12), ylim=(-0.05, len(floors)))
    axes.axis("off")
    colours = mpl.colormaps["YlGnBu"]
    for row, rooms in enumerate(floors):
        floor = len(floors) - 1 - row
        axes.text(-0.1, floor + 0.45, str(floor), ha="right", va="center", color="0.45")
        width = 12 / len(rooms)
        for column, room in enumerate(sorted(rooms)):
            left, colour = column * width, colours(0.08 + 0.035 * floor)
            box = mpl.patches.FancyBboxPatch(
                (left + 0.06, floor + 0.08), width - 0.12, 0.78,
                boxstyle="round,pad=0,rounding_size=0.08", facecolor=colour, edgecolor="0.6",
            )  # fmt: skip
            axes.add_patch(box)
            name, purpose, lines = _about(root, room)
            middle = left + width / 2
            axes.text(middle, floor + 0.64, name, ha="center", va="center", weight="bold", size=11)
            wrapped = "\n".join(textwrap.wrap(purpose, int(width * 13))[:3])
            axes.text(middle, floor + 0.33, wrapped, ha="center", va="center", size=7)
            axes.text(
                left + width - 0.12, floor + 0.75, f"{lines:,}", ha="right", size=6.5, color="0.35"
            )
    figure.savefig(out, dpi=110)


def _about(root: Path, room: str) -> tuple[str, str, int]:
    """A room's name, the first sentence of its docstring, and its lines."""
    place = root.joinpath("src", *room.split("."))
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    head = place / "__init__.py" if place.is_dir() else files[0]
    purpose = (ast.get_docstring(ast.parse(head.read_text(encoding="utf-8"))) or "").split("\n\n")[
        0
    ]
    lines = sum(file.read_text(encoding="utf-8").count("\n") for file in files)
    name = room.removeprefix("ambigan.") + ("/" if place.is_dir() else ".py")
    return name, " ".join(purpose.split()), lines


if __name__ == "__main__":
    sys.exit(main())
