"""One of several processes that run a verb as typed, counting what its networks are given.

python shared_verb.py COUNTS WORD ...: the words of the command line, as after `ambigan`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ambigan.cli import main
from ambigan.core.distributed import workers
from ambigan.methods.bigan import BiGAN

NAMES = ("features", "reconstruct", "encode", "decode")

if __name__ == "__main__":
    counts = dict.fromkeys(NAMES, 0)

    def counted(name: str) -> Any:
        plain = getattr(BiGAN, name)

        def method(self: BiGAN, x: Any, *more: Any, **named: Any) -> Any:
            if not self.training:
                counts[name] += len(x)
                seen.append(workers().rank)
            return plain(self, x, *more, **named)

        return method

    seen: list[int] = []
    for each in NAMES:
        setattr(BiGAN, each, counted(each))
    status = main(sys.argv[2:])
    Path(sys.argv[1]).write_text(json.dumps(counts | {"rank": max(seen, default=None)}))
    sys.exit(status)
