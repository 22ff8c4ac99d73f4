"""What is in force at the API's stage."""

from collections.abc import Iterator, Mapping
from typing import Any

from cli.doctor.deployment import Deployment
from cli.doctor.finding import Finding, ok, warning, wrong

STAGE = "v1"
THROTTLES: Mapping[str, tuple[str | float, float]] = {
    "*/*": ("ApiRateLimit", 4),
    "orders/{order_no}/GET": (1, 2),
    "cancellations/batch/POST": (1, 2),
    "webhooks/cancel/POST": (5, 10),
}
"""The stage's method settings, by path and method: rate and burst. A parameter is given by its name."""


def settings_are_in_force(there: Deployment) -> Iterator[Finding]:
    """Each throttle is at its method, with the template's numbers, and no bodies are logged."""
    name = "the stage's settings are in force"
    settings = {_plain(key): value for key, value in _stage(there)["methodSettings"].items()}
    for key, (rate, burst) in THROTTLES.items():
        wanted = (there.number(rate) if isinstance(rate, str) else rate, burst)
        found = settings.get(key, {})
        got = (found.get("throttlingRateLimit"), found.get("throttlingBurstLimit"))
        if got == wanted:
            yield ok(name, f"{key}: {wanted[0]:g} requests a second, {wanted[1]:g} at once")
        else:
            there_is = f"{got[0]} and {got[1]}" if found else "no setting"
            yield wrong(name, f"{key}: {there_is} instead of {wanted[0]:g} and {wanted[1]:g}", "Deploy again.")
    if logged := [key for key, found in settings.items() if found.get("dataTraceEnabled")]:
        yield warning(name, f"bodies are logged: {', '.join(logged)}", "Switch DataTraceEnabled off at the stage.")


def requests_are_logged(there: Deployment) -> Iterator[Finding]:
    """The stage has an access log, and API Gateway has a role to write it with, one for each account and region."""
    name = "requests are logged"
    role = there.client("apigateway").get_account().get("cloudwatchRoleArn")
    group = _stage(there).get("accessLogSettings", {}).get("destinationArn")
    if role and group:
        yield ok(name, f"to {group.rpartition(':log-group:')[2]}")
    else:
        missing = "the account has no log role for API Gateway" if group else "the stage has no access log"
        yield wrong(name, missing, "Deploy with CreateApiGatewayLogRole=true.")


def _plain(key: str) -> str:
    """GetStage names a method `{path}/{method}`; how it writes the slashes of the path isn't documented."""
    return key.replace("~1", "/").lstrip("/")


def _stage(there: Deployment) -> Mapping[str, Any]:
    found: Mapping[str, Any] = there.client("apigateway").get_stage(restApiId=there.output("ApiId"), stageName=STAGE)
    return found
