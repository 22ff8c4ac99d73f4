"""The trouble that AWS, the network and this machine make, and what fixes it: one table, by type and code."""

import traceback

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    SSLError,
    SSOError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError

from cli.outcome import TroubleError
from cli.text import Words, lines
from feee_cancel_client import ApiError, ForeignAnswerError, NoAnswerError
from feee_cancel_client.errors import told

EXPECTED = (TroubleError, BotoCoreError, ClientError, ResponseParserError, ApiError)

NOT_AWS = "What answered isn't AWS. Is there a proxy in between that needs a login?"
_FIX: dict[type[Exception], str] = {
    NoCredentialsError: "There are no AWS credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
    "choose a profile (--profile), or sign in (aws configure, aws sso login).",
    PartialCredentialsError: "Part of the AWS credentials is missing.",
    CredentialRetrievalError: "Choose other credentials (--profile), or fix these in ~/.aws/config.",
    ProfileNotFound: "Choose another (--profile, AWS_PROFILE); aws configure list-profiles names them.",
    InvalidRegionError: "Give a region of AWS, such as us-east-1: --region, AWS_REGION or AWS_DEFAULT_REGION.",
    NoRegionError: "No AWS region is set. Give --region, or set AWS_REGION or AWS_DEFAULT_REGION.",
    SSOError: "Sign in again: aws sso login.",
    TokenRetrievalError: "Sign in again: aws sso login.",
    ProxyConnectionError: "The proxy is that of HTTPS_PROXY or HTTP_PROXY; what needs none stands in NO_PROXY.",
    SSLError: "If a proxy of your company ends TLS, name its certificate: AWS_CA_BUNDLE.",
    ResponseParserError: NOT_AWS,
    ForeignAnswerError: "What answered isn't this API. Is there a proxy in between that needs a login?",
    NoAnswerError: "The API can't be reached. Is this machine online? Does the stack still exist?",
}
_WRONG_CREDENTIALS = "AWS doesn't accept these credentials. Are they mistyped, expired, or without their session token?"
_FIX_CODE = {
    **dict.fromkeys(
        ("ExpiredToken", "ExpiredTokenException", "RequestExpired"), "The credentials have expired. Sign in again."
    ),
    **dict.fromkeys(
        ("InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidAccessKeyId"),
        _WRONG_CREDENTIALS,
    ),
    **dict.fromkeys(
        ("AccessDenied", "AccessDeniedException", "AuthorizationError"),
        "These credentials aren't allowed to do that. Ask for the permission that AWS names above.",
    ),
}


def said(error: Exception) -> str:
    """What is wrong, in the words of whoever noticed, and how to fix it; fit for a screen."""
    return "\n".join(lines(words_of(error)))


def unexpected(error: Exception) -> Words:
    """What nobody has foreseen, and where it happened, for whoever is to fix it."""
    *_, last = traceback.extract_tb(error.__traceback__) or [traceback.FrameSummary("?", 0, "?")]
    where = f"{last.filename.rpartition('/')[2]}:{last.lineno}"
    return [
        f"Something unexpected: {type(error).__name__}: {error} ({where}).",
        "Whether it was done isn't known: look again. If it happens again, report it with this line.",
    ]


def parts(error: Exception) -> tuple[str, str]:
    """What is wrong, and what fixes it ("" if nobody knows)."""
    if isinstance(error, TroubleError):
        wrong, _, fix = " ".join(lines(error.words)).partition(". ")
        return wrong, fix
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "")
        return str(error), _FIX_CODE.get(code, "") if code and not code.isdigit() else NOT_AWS
    causes = (error.__cause__, error) if isinstance(error, NoAnswerError) else (error,)
    return told(error), next((fix for cause in causes for kind, fix in _FIX.items() if isinstance(cause, kind)), "")


def words_of(error: Exception) -> Words:
    """The same as a line, or lines, some of them to be copied."""
    if isinstance(error, TroubleError):
        return error.words
    wrong, fix = parts(error)
    return fix if isinstance(error, (NoCredentialsError, NoRegionError)) else _joined(wrong, fix)


def _joined(wrong: str, fix: str) -> str:
    sentence = wrong if wrong.endswith("?") else f"{wrong.rstrip('.')}."
    return f"{sentence} {fix}".rstrip()
