"""What only AWS can confirm of a deployed stack, looked at on the stack itself.

`deployment(name, client, call)` reads the stack; `examine(it)` runs every check of `CHECKS` and yields findings, in
their order. A check is a function of the deployment that yields findings, at least one; it changes nothing on AWS, and
shows no secret. What these credentials may not look at is a finding too (a warning), so examining goes on.

A finding has the name of its check, a verdict (`ok`, `warning`, `wrong`), words for people, and what fixes it ("" if
nothing has to be). `client` makes boto3 clients with the operator's credentials; `call` is `ApiClient.call`: a request
to the API, signed by the operator, by others (`credentials=`), or not at all (`credentials=None`).

A command around this prints the findings, and ends with `Exit.NO` if one is wrong.
"""

from collections.abc import Callable, Iterator

from botocore.exceptions import ClientError

from cli.doctor import access, keys, metrics, operation, stage
from cli.doctor.deployment import Call, Deployment, deployment
from cli.doctor.finding import Finding, Verdict, warning

__all__ = ["CHECKS", "Call", "Check", "Deployment", "Finding", "Verdict", "deployment", "examine"]

Check = Callable[[Deployment], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    access.methods_are_locked,
    access.unsigned_requests_are_refused,
    access.a_header_changes_no_method,
    stage.settings_are_in_force,
    stage.requests_are_logged,
    keys.the_key_is_set,
    keys.the_webhooks_secret_is_set,
    operation.the_tick_is_on,
    operation.executions_suffice,
    operation.no_function_is_switched_off,
    operation.somebody_is_told,
    metrics.alarms_have_their_metrics,
)
_DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"}


def examine(there: Deployment) -> Iterator[Finding]:
    """Every finding about this deployment. Raises what AWS raises, but for permissions that are missing."""
    for check in CHECKS:
        try:
            yield from check(there)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in _DENIED:
                raise
            name = check.__name__.replace("_", " ")
            yield warning(name, f"couldn't be looked at: {error}", "Examine with credentials that may read this.")
