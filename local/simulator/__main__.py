"""`python -m local.simulator`: serves until SIGTERM or SIGINT, and says where and with which secret once it does."""

import argparse
import json
import signal
import ssl
import sys
from pathlib import Path
from threading import Event

from local.simulator.choices import Choices
from local.simulator.order_book import DEFAULT_KEY
from local.simulator.server import running

_NEXT = """
In another terminal:

  export FEEE={url} CONTROL={control} CONTROL_SECRET={secret}

docs/simulator.md says how to make orders, and how to get each misbehaviour. Ctrl-C stops it.
"""


def main() -> None:
    options = arguments()
    stopped = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    tls = server_context(options.certfile, options.keyfile) if options.certfile else None
    choices = Choices.learned(json.loads(options.learned.read_text())) if options.learned else None
    access = {"key": options.key, "rate_limit": options.rate_limit}
    with running(**access, port=options.port, tls=tls, choices=choices) as simulator:
        print(f"feee.io simulator: {simulator.url}")
        print(f"its control API needs: Authorization: Bearer {simulator.secret}", flush=True)
        if sys.stdout.isatty():
            print(
                _NEXT.format(
                    url=simulator.url, control=f"{simulator.url.removesuffix('/open')}/control", secret=simulator.secret
                )
            )
        stopped.wait()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--key", default=DEFAULT_KEY, help="the API key that is valid")
    parser.add_argument("--rate-limit", type=int, default=10, help="requests a second for the key")
    parser.add_argument("--learned", type=Path, metavar="FILE", help="answer as doctor --learn found feee.io to do")
    parser.add_argument("--certfile", help="PEM: serve https")
    parser.add_argument("--keyfile", help="PEM, if it isn't in the certfile")
    return parser.parse_args()


def server_context(certfile: str, keyfile: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certfile, keyfile)
    return context


if __name__ == "__main__":
    main()
