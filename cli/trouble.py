"""The trouble that AWS and the network make, said so that it can be mended: one table, by type and code."""

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from cli.outcome import TroubleError
from feee_cancel_client import ApiError, ForeignAnswerError, NoAnswerError

EXPECTED = (TroubleError, BotoCoreError, ClientError, ApiError)

_MEND: dict[type[Exception], str] = {
    NoCredentialsError: "There are no AWS credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
    "choose a profile (--profile), or sign in (aws configure, aws sso login).",
    PartialCredentialsError: "Part of the AWS credentials is missing.",
    ProfileNotFound: "Choose another (--profile, AWS_PROFILE); aws configure list-profiles names them.",
    NoRegionError: "No AWS region is set. Give --region, or set AWS_DEFAULT_REGION.",
    SSOError: "Sign in again: aws sso login.",
    TokenRetrievalError: "Sign in again: aws sso login.",
    ForeignAnswerError: "What answered isn't this API. Is there a proxy in between that wants something?",
    NoAnswerError: "The API can't be reached. Is this machine online? Does the stack still exist?",
}
_WRONG_CREDENTIALS = "AWS doesn't take these credentials. Are they mistyped, expired, or without their session token?"
_MEND_CODE = {
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
    """What is wrong, in the words of whoever noticed, and how to mend it."""
    if isinstance(error, ClientError):
        return _joined(str(error), _MEND_CODE.get(error.response.get("Error", {}).get("Code", ""), ""))
    mend = next((mend for kind, mend in _MEND.items() if isinstance(error, kind)), "")
    return mend if isinstance(error, (NoCredentialsError, NoRegionError)) else _joined(str(error), mend)


def _joined(wrong: str, mend: str) -> str:
    return f"{wrong.rstrip('.')}. {mend}".rstrip()
