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
    read_timeout=1,  # an answer that is lost costs so much; DynamoDB's come within milliseconds
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=50,
    # Work for each call: AWS checks what is sent anyway, and botocore's own name is put together of a dozen parts.
    parameter_validation=False,
    user_agent="feee-cancel",
)

AUTHORITIES: str | None = getattr(botocore.httpsession, "AUTHORITIES", None)
"""Where the layer keeps botocore's certificates so that one is read when it is needed; None outside the layer."""

logging.getLogger("botocore").setLevel(logging.WARNING)  # it logs its credentials' source and endpoints at each start
# What no line has needn't be found out for each (Optimization in Python's Logging HOWTO).
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def clients() -> Callable[[str], Any]:
    """Makes clients of one session: a session of its own for each would cost a cold start another 60 ms."""
    return partial(_session().client, config=_CONFIG)


def _session() -> boto3.Session:
    """boto3's session, with those of botocore's handlers that every service has (docs/decisions/0011)."""
    session = botocore.session.Session(include_builtin_handlers=False)
    for event, handler, *_ in BUILTIN_HANDLERS:
        if "." not in event:  # such as before-call.s3.PutObject: none changes a call that is made here
            session.register(event, handler)
    if EnvProvider.ACCESS_KEY in os.environ:  # as on Lambda: the rest of the chain isn't needed
        session.register_component("credential_provider", CredentialResolver([EnvProvider()]))
    return boto3.Session(botocore_session=session)
