"""The site: `sphinx-build -W --keep-going -b html docs build/site`.

The reference is written to `docs/generated/` from the registries when the site is built. Nothing is
requested from elsewhere, then or when a page is looked at.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "src")]

import site_api  # noqa: E402
import site_links  # noqa: E402
import site_pages  # noqa: E402
from ambigan.core.version import __version__  # noqa: E402

project, author, release = "ambigan", "The ambigan authors", __version__
copyright = author
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
nb_execution_mode = "off"  # a test executes the notebooks; pages show what is in them
exclude_patterns = ["_static"]
html_theme = "furo"
html_title = f"ambigan {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = html_show_copyright = html_copy_source = html_show_sourcelink = False
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "attrs_inline"]
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
napoleon_use_ivar, napoleon_attr_annotations = True, False


def write_pages(app: Any) -> None:
    """Writes the generated pages; those that are as they were keep their time."""
    folder = ROOT / "docs" / "generated"
    folder.mkdir(exist_ok=True)
    texts = site_pages.pages() | site_api.pages()
    for name, page in site_links.PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        texts[Path(page).stem] = site_links.for_site(text, (ROOT / name).parent, folder)
    for path in folder.glob("*.md"):
        if path.stem not in texts:
            path.unlink()
    for name, text in texts.items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def mend_links(app: Any, name: str, source: list[str]) -> None:
    """Makes the links of a page that lead out of `docs/` ones of the site."""
    folder = (ROOT / "docs" / name).parent
    if folder.name == "generated":
        return
    if Path(app.env.doc2path(name)).suffix != ".ipynb":
        source[0] = site_links.for_site(source[0], folder, folder)
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = site_links.for_site("".join(cell["source"]), folder, folder)
    source[0] = json.dumps(notebook)


def as_rst(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Makes single backticks of docstrings code, and trailing underscores and bars letters."""
    for i, line in enumerate(lines):
        parts = re.split(r"(``[^`]+``|:\w+:`[^`]+`|`[^`]+`)", line)
        for k, part in enumerate(parts):
            if k % 2 == 0:
                parts[k] = re.sub(r"((?<=\w)_(?!\w)|\|)", r"\\\1", part)
            elif re.fullmatch(r"`[^`]+`", part):
                parts[k] = f"`{part}`"
        lines[i] = "".join(parts)


def skip(app: Any, what: str, name: str, obj: Any, skipped: bool, options: Any) -> bool | None:
    """Leaves out what scikit-learn adds for the routing of metadata."""
    return True if re.fullmatch(r"set_\w+_request", name) else None


def setup(app: Any) -> None:
    """Connects the above; pages are written before Sphinx looks for them."""
    app.connect("builder-inited", write_pages)
    app.connect("source-read", mend_links)
    app.connect("autodoc-skip-member", skip)
    app.connect("autodoc-process-docstring", as_rst)
