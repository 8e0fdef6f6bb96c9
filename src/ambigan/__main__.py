"""`python -m ambigan`, which torchrun needs."""

from __future__ import annotations

import sys

try:
    from .cli import main
except KeyboardInterrupt:  # before there is anything that could be told
    sys.exit(130)

sys.exit(main())
