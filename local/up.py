"""`make local`: the service on this machine, until Ctrl-C."""

import threading

from rich.console import Console

from local.build import ROOT
from local.running import SHELL, announced
from local.stack import LocalStack, local_stack
from local.task import task

_EMULATOR_PORT = 4566
_USAGE = """
The API is at   {url}
Table           {table}
feee.io         {simulator}   (simulated; its control API is below /control)
AWS endpoint    {endpoint}

Each needs this run's secrets. In another terminal, here:

  . {shell}

Try it: make an order that is ten minutes old, and cancel it.

  curl -s -X POST "$CONTROL/orders" -H "Authorization: Bearer $CONTROL_SECRET" \\
    -d '{{"age": 600, "order_no": "2304170329503866885309"}}'

  curl -s -X POST "$API/cancellations" \\
    --aws-sigv4 aws:amz:us-east-1:execute-api --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \\
    -H 'Content-Type: application/json' -d '{{"order_no": "2304170329503866885309"}}'

./feee-cancel list --local shows it (./feee-cancel --help lists the other commands), and `make docs` shows the API's
reference, where each call can be tried.

Ctrl-C stops everything.
"""


def main() -> None:
    """Keep the local stack up until Ctrl-C or SIGTERM."""
    console = Console()
    with task(serves=True), local_stack(console, port=_EMULATOR_PORT) as stack, announced(stack):
        console.print(_usage(stack), highlight=False, soft_wrap=True, markup=False)
        threading.Event().wait()


def _usage(stack: LocalStack) -> str:
    return _USAGE.format(
        url=stack.api.url,
        table=stack.outputs["TableName"],
        simulator=stack.simulator.url,
        endpoint=stack.endpoint,
        shell=SHELL.relative_to(ROOT),
    )


if __name__ == "__main__":
    main()
