"""Where `./feee-cancel` begins: Python looks for modules in its own environment, and then here, in this checkout."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_INTERRUPTED = 130


def main() -> int:
    """Run the command line."""
    sys.path[:0] = [str(ROOT / "layers/core"), str(ROOT / "client"), str(ROOT)]
    try:
        from cli.__main__ import main as run  # noqa: PLC0415 - it can be found from here on
    except KeyboardInterrupt:
        return _INTERRUPTED
    return run()


if __name__ == "__main__":
    sys.exit(main())
