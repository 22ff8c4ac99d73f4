"""All that must be right for a cancellation to succeed, looked at on the deployed stack itself, from left to right.

`deployment(name, client, call)` reads the stack; `examine(it)` runs every check of `CHECKS` and yields findings, in
their order. A check is a function of the deployment that yields findings, at least one; it changes nothing on AWS nor
at feee.io, and shows no secret. What can't be looked at is a finding too, so examining goes on.

A finding has the name of its check, a verdict (`ok`, `warning`, `wrong`), words for people, and what fixes it ("" if
nothing has to be). `client` makes boto3 clients with the operator's credentials; `call` is `ApiClient.call`: a request
to the API, signed by the operator, by others (`credentials=`), or not at all (`credentials=None`).

A command around this prints the findings, and ends with `Exit.NO` if one is wrong.
"""

from collections.abc import Callable, Iterator

from botocore.exceptions import ClientError

from cli.doctor import access, account, alarms, cloudformation, feee, keys, operation, roles, stage, work
from cli.doctor.deployment import Deployment, deployment
from cli.doctor.finding import Finding, Verdict, warning, wrong
from cli.trouble import EXPECTED, parts

__all__ = ["CHECKS", "Check", "Deployment", "Finding", "Verdict", "deployment", "examine", "unseen"]

Check = Callable[[Deployment], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    account.the_credentials_are_accepted,
    account.the_clock_is_right,
    cloudformation.the_stack_is_deployed,
    cloudformation.nothing_was_changed_by_hand,
    access.methods_are_locked,
    access.unsigned_requests_are_refused,
    access.a_header_changes_no_method,
    stage.settings_are_in_force,
    stage.requests_are_logged,
    work.the_table_is_there,
    roles.roles_allow_what_their_functions_do,
    keys.the_key_is_set,
    keys.the_webhooks_secret_is_set,
    keys.the_outgoing_secret_is_set,
    feee.feee_io_accepts_the_key,
    operation.the_tick_is_on,
    work.the_drain_ran,
    work.nothing_is_overdue,
    work.queues_of_failures_are_empty,
    operation.executions_suffice,
    operation.no_function_is_switched_off,
    operation.somebody_is_told,
    alarms.alarms_are_on,
    alarms.alarms_have_their_metrics,
)
_WITHOUT_OUTPUTS = 3
"""This many checks, the first ones, make sense for a stack that never came about."""
_DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"}
_GONE = {
    "ResourceNotFoundException",
    "NotFoundException",
    "NotFound",
    "NoSuchEntity",
    "QueueDoesNotExist",
    "AWS.SimpleQueueService.NonExistentQueue",
}


def examine(there: Deployment) -> Iterator[Finding]:
    """Every finding about this deployment; a stack without outputs is examined no further than its status."""
    for check in CHECKS if there.outputs else CHECKS[:_WITHOUT_OUTPUTS]:
        try:
            yield from check(there)
        except EXPECTED as error:
            yield unseen(check.__name__.replace("_", " "), error)


def unseen(check: str, error: Exception) -> Finding:
    """What it means that something couldn't be looked at. `error` is one of those that are expected."""
    words, fix = parts(error)
    code = error.response.get("Error", {}).get("Code") if isinstance(error, ClientError) else ""
    if code in _DENIED:
        return warning(check, f"couldn't be looked at: {words}", "Run the doctor with credentials that may read this.")
    if code in _GONE:
        fix = "Was it deleted by hand? See docs/doctor.md#what-was-deleted-by-hand."
        return wrong(check, f"something no longer exists: {words}", fix)
    if fix:
        return wrong(check, words, fix)
    fix = "Run the doctor again; if it persists, see AWS's Health Dashboard."
    return warning(check, f"couldn't be looked at: {words}", fix)
