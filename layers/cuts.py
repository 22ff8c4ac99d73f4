"""Cuts out of the packages what a start would import and never use: python cuts.py DIRECTORY.

Each row is one statement and what stands in its place. A statement that isn't in its file exactly once stops the build:
the package has changed, and the row has to be looked at again (docs/decisions/0011).
"""

import sys
from dataclasses import dataclass
from pathlib import Path

_NOTICE = "  # changed by feee-cancel (layers/cuts.py)"


@dataclass(frozen=True)
class Cut:
    """`saves` is in millions of instructions of a cold start of the API's function, which takes some 1,000 in all."""

    file: str
    statement: str
    instead: str
    saves: float
    why: str


CUTS = (
    Cut(
        "boto3/compat.py",
        "from s3transfer.manager import TransferConfig",
        "class TransferConfig: UNSET_DEFAULT = None",
        59,
        "asked here for one attribute; brings s3transfer and, for it, multiprocessing. Nothing here uses S3",
    ),
    Cut(
        "boto3/session.py",
        "from .resources.factory import ResourceFactory",
        "def ResourceFactory(emitter): return None",
        14,
        "makes resources (and their documentation), which the session does for nobody: only clients are made",
    ),
    Cut(
        "botocore/docs/__init__.py",
        "from botocore.docs.service import ServiceDocumenter",
        "",
        0,
        "with the next two: the documentation of clients, and for it an HTML parser",
    ),
    Cut(
        "botocore/client.py",
        "from botocore.docs.docstring import ClientMethodDocstring, PaginatorDocstring",
        "def ClientMethodDocstring(**_): return None\nPaginatorDocstring = ClientMethodDocstring",
        31,
        "as above",
    ),
    Cut(
        "botocore/waiter.py",
        "from botocore.docs.docstring import WaiterDocstring",
        "def WaiterDocstring(**_): return None",
        0,
        "as above",
    ),
    Cut(
        "urllib3/http2/__init__.py",
        "from importlib.metadata import version",
        "",
        13,
        "for HTTP/2, which takes a package that isn't there",
    ),
    Cut(
        "botocore/httpsession.py",
        "DEFAULT_CA_BUNDLE = os.path.join(os.path.dirname(__file__), 'cacert.pem')",
        "DEFAULT_CA_BUNDLE = os.path.join(os.path.dirname(__file__), 'cacert.pem')\n"
        "AUTHORITIES = os.path.join(os.path.dirname(__file__), 'authorities')",
        0,
        "for the next one: the same certificates as a directory (layers/authorities.py)",
    ),
    Cut(
        "botocore/httpsession.py",
        "            conn.ca_certs = get_cert_path(verify)",
        "            conn.ca_certs, conn.ca_cert_dir = (None, AUTHORITIES) if verify is True else (verify, None)",
        0,
        "nothing at a start, and 17 ms of a whole processor for every connection to AWS",
    ),
    Cut(
        "aws_lambda_powertools/__init__.py",
        "from aws_lambda_powertools.tracing import Tracer",
        "Tracer = None",
        0,
        "with the next one: not used, or imported by those who use it",
    ),
    Cut(
        "aws_lambda_powertools/__init__.py",
        "from aws_lambda_powertools.metrics import Metrics, single_metric",
        "Metrics = single_metric = None",
        0,
        "as above",
    ),
    Cut(
        "aws_lambda_powertools/logging/logger.py",
        "from aws_lambda_powertools.utilities import jmespath_utils",
        "",
        0,
        "for correlation ids, which nothing here has; brings typing_extensions",
    ),
    Cut(
        "aws_lambda_powertools/metrics/provider/cloudwatch_emf/cloudwatch.py",
        '        logger.debug(f"Adding metric: {name} with {metric}")',
        "",
        0,
        "nothing at a start; each warm call writes out all that was counted, for a line that nobody sees",
    ),
)


def main(site: Path) -> None:
    """Make every cut."""
    for cut in CUTS:
        path = site / cut.file
        path.write_text(made(cut, path.read_text()))


def made(cut: Cut, source: str) -> str:
    """The source with this cut. Raises ValueError if it doesn't fit."""
    statement = f"\n{cut.statement}\n"
    if source.count(statement) != 1:
        raise ValueError(f"{cut.file} doesn't have this once, so the cut doesn't fit any more: {cut.statement}")
    return source.replace(statement, f"\n{cut.instead}{_NOTICE}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
