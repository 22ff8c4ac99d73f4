"""Where `./feee-cancel` begins: Python looks for modules in its own environment, and then here, in this checkout."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_INTERRUPTED, _TROUBLE = 130, 4


def main() -> int:
    """Run the command line."""
    sys.path[:0] = [str(ROOT / "layers/core"), str(ROOT / "client"), str(ROOT)]
    try:
        from cli.__main__ import main as run  # noqa: PLC0415 - it can be found from here on
    except KeyboardInterrupt:
        return _INTERRUPTED
    except ImportError as error:  # the environment is an earlier version's
        print(f"{error}. First, in {ROOT}: make setup", file=sys.stderr)  # noqa: T201 - cli.screen may be missing
        return _TROUBLE
    return run()


if __name__ == "__main__":
    sys.exit(main())
