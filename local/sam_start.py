"""SAM CLI with the guard before what `sam local start-api` serves. SAM CLI's Python runs this, with its arguments."""

import sys
from functools import partial
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

from flask import Flask
from samcli.cli.main import cli  # type: ignore[import-not-found]  # in SAM CLI's environment

from local.guard import guarded


def main() -> None:
    """Run SAM CLI; each app that it serves is behind the guard."""
    unguarded: Any = Flask.wsgi_app

    def wsgi_app(app: Flask, *request: Any) -> Any:
        return guarded(partial(unguarded, app))(*request)

    setattr(Flask, "wsgi_app", wsgi_app)  # noqa: B010 - mypy wouldn't have a method replaced
    cli(prog_name="sam")


if __name__ == "__main__":
    main()
