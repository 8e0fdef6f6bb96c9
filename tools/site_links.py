"""Links of the documentation as the site needs them.

Pages are written for a repository browser, where `../CONTRIBUTING.md` and `../results/cifar10` are
places. The site has the first as a page and offers other files for download; of a folder, and of a
notebook that is not in `docs/`, only the name is left.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)#\s]*)(#[^)\s]*)?\)")
PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    "README.md": "generated/readme.md",
    "CONTRIBUTING.md": "generated/contributing.md",
    "CHANGELOG.md": "generated/changelog.md",
    "results/value/value.md": "generated/records-value.md",
    **{
        path.relative_to(ROOT).as_posix(): f"generated/records-{path.parent.name}.md"
        for path in sorted(ROOT.glob("results/*/README.md"))
    },
}
"""Files of the repository that are pages of the site."""


def for_site(text: str, at: Path, page: Path) -> str:
    """The text of a page with its links as the site needs them; code is left as it is.

    Args:
        text: Markdown.
        at: Folder that its links start from.
        page: Folder of the page in the site, which may be another.
    """

    def place(path: Path) -> str:
        name = path.relative_to(ROOT).as_posix()
        return os.path.relpath(ROOT / "docs" / PAGES[name] if name in PAGES else path, page)

    def link(match: re.Match[str]) -> str:
        words, target, anchor = match[1], match[2], match[3] or ""
        if not target or "://" in target or target.startswith("mailto:"):
            return match[0]
        path = (at / target).resolve()
        path = path / "README.md" if (path / "README.md").is_file() else path
        is_notebook = path.suffix == ".ipynb" and not path.is_relative_to(ROOT / "docs")
        if path.is_dir() or is_notebook:  # a notebook outside is none of the site's pages
            name = f"`{path.relative_to(ROOT).as_posix()}`"
            return name if words.strip("`") == name.strip("`") else f"{words} ({name})"
        if not path.is_relative_to(ROOT):
            return match[0]
        return f"[{words}]({place(path)}{anchor})"

    def picture(match: re.Match[str]) -> str:
        if "://" in match[2]:
            return match[0]
        return f"![{match[1]}]({place((at / match[2]).resolve())})"

    parts = re.split(r"(^(?:```|~~~).*?^(?:```|~~~)\s*$)", text, flags=re.MULTILINE | re.DOTALL)
    parts[::2] = [PICTURE.sub(picture, LINK.sub(link, part)) for part in parts[::2]]
    return "".join(parts)
