"""Times a training step next to the textbook loop and the machine's own rates.

    python benchmarks/step.py bigbigan --device cpu --repeats 9 --steps 10 --out step.json

The code is in the package `step`, next to this file.
"""

from step.__main__ import main

if __name__ == "__main__":
    raise SystemExit(main())
