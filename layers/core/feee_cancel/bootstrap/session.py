"""Clients of one boto3 session, for every function."""

import logging
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import boto3
import botocore.httpsession
import botocore.session
from botocore.config import Config
from botocore.credentials import CredentialResolver, EnvProvider
from botocore.handlers import BUILTIN_HANDLERS

_CONFIG = Config(
    connect_timeout=1,
    read_timeout=1,  # a lost answer costs this long; DynamoDB's come within milliseconds
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=50,
    # Each would be work in every call: AWS validates anyway, and botocore builds its own User-Agent from a dozen parts.
    parameter_validation=False,
    user_agent="feee-cancel",
)

AUTHORITIES: str | None = getattr(botocore.httpsession, "AUTHORITIES", None)
"""Where the layer keeps botocore's certificates, each read only when it is needed; None outside the layer."""

logging.getLogger("botocore").setLevel(logging.WARNING)  # it logs its credentials' source and endpoints at each start
# Don't find out for each line what no line shows (Optimization in Python's Logging HOWTO).
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def clients() -> Callable[[str], Any]:
    """Makes clients of one session: with a session for each client, a cold start would take another 60 ms."""
    return partial(_session().client, config=_CONFIG)


def _session() -> boto3.Session:
    """boto3's session, with only those of botocore's handlers that are for every service (docs/decisions/0011)."""
    session = botocore.session.Session(include_builtin_handlers=False)
    for event, handler, *_ in BUILTIN_HANDLERS:
        if "." not in event:  # such as before-call.s3.PutObject: none changes a call that is made here
            session.register(event, handler)
    if EnvProvider.ACCESS_KEY in os.environ:  # as on Lambda: the rest of the chain isn't needed
        session.register_component("credential_provider", CredentialResolver([EnvProvider()]))
    return boto3.Session(botocore_session=session)
