"""`make sam-api`: the API through `sam local start-api`, until Ctrl-C."""

import threading

from rich.console import Console

from local import sam_files
from local.build import ROOT
from local.containers import Containers, containers
from local.engine import HOST
from local.ports import free_port
from local.running import SHELL, for_shells
from local.task import task

FOLDER = ROOT / ".local"
_PORT = 3000
_USAGE = """
The API, in containers, is at {url}; it accepts unsigned requests, unlike on AWS.
Simulated feee.io is at {simulator}; its control API is below /control.

Try it in another terminal, here: make an order that is ten minutes old, and cancel it.

  . {shell}

  curl -s -X POST "$CONTROL/orders" -H "Authorization: Bearer $CONTROL_SECRET" \\
    -d '{{"age": 600, "order_no": "2304170329503866885309"}}'

  curl -s -X POST {url}/cancellations \\
    -H 'Content-Type: application/json' -d '{{"order_no": "2304170329503866885309"}}'

Meanwhile, any event can be sent to any function with SAM CLI alone:

  {sam} local invoke ApiFunction --event events/api-get.json {files} \\
    --add-host {host}:host-gateway{image}

Ctrl-C stops everything.
"""


def main() -> None:
    """Keep the API up until Ctrl-C or SIGTERM."""
    console = Console()
    with (
        task(serves=True),
        containers(console, FOLDER) as local,
        local.api(free_port(_PORT)) as url,
        for_shells(local.stack, url),
    ):
        console.print(usage(local, url), highlight=False, soft_wrap=True, markup=False)
        threading.Event().wait()


def usage(local: Containers, url: str) -> str:
    """What can be done now, as commands."""
    return _USAGE.format(
        url=url,
        simulator=local.stack.simulator.url,
        shell=SHELL.relative_to(ROOT),
        sam=".tools/sam/bin/sam",
        files=" ".join(sam_files.options(FOLDER.relative_to(ROOT))),
        host=HOST,
        image=f" \\\n    --invoke-image {local.image} --skip-pull-image",
    )


if __name__ == "__main__":
    main()
