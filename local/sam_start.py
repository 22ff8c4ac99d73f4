"""SAM CLI with the guard before what `sam local start-api` serves, and with patience for containers.

SAM CLI's Python runs this, with its arguments.
"""

import sys
from functools import partial
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

from flask import Flask
from samcli.cli.main import cli  # type: ignore[import-not-found]  # in SAM CLI's environment
from samcli.local.docker.container import Container  # type: ignore[import-not-found]  # there, too

from local.container_port import answers
from local.guard import guarded


def main() -> None:
    """Run SAM CLI; each app that it serves is behind the guard."""
    let_containers_start_slowly()
    guard_apps()
    cli(prog_name="sam")


def let_containers_start_slowly() -> None:
    """SAM CLI calls a container as soon as its port takes a connection, and gives up when that is broken off."""

    def answers_itself(container: Any) -> bool:
        return answers(container._container_host, container.rapid_port_host)  # noqa: SLF001 - there is no public host

    assert Container._can_connect_to_socket  # noqa: SLF001 - nothing public can be replaced: a new version may lack it
    Container._can_connect_to_socket = answers_itself  # noqa: SLF001 - the same


def guard_apps() -> None:
    """Each app that is served from now on is behind the guard."""
    unguarded: Any = Flask.wsgi_app

    def wsgi_app(app: Flask, *request: Any) -> Any:
        return guarded(partial(unguarded, app))(*request)

    setattr(Flask, "wsgi_app", wsgi_app)  # noqa: B010 - mypy wouldn't have a method replaced


if __name__ == "__main__":
    main()
