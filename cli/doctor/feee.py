"""feee.io itself, asked by the drain's function: from the address that allow-lists have to hold."""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from cli.doctor.deployment import Deployment
from cli.doctor.finding import Finding, ok, warning, wrong
from feee_cancel.adapters.tuning import tuning

_KEY = "feee.io accepts the key"
_ADDRESSES, _AGENTS = "the address is on the key's allow-list", "the User-Agent is on the key's allow-list"
_BALANCE, _RATE = "feee.io's balance", "feee.io's rate limit suffices"
_SET_KEY = "Set the key that feee.io's console shows."
_BAD_KEY, _BAD_ADDRESS, _BAD_AGENT = 10001, 20012, 20013
_CALLS_PER_REQUEST, _LOOKUPS = 2, 1
"""A request may call feee.io twice; look-ups a second, by the stage's throttle."""


def feee_io_accepts_the_key(there: Deployment) -> Iterator[Finding]:
    """Whether feee.io answers, to this key, from the functions' address, under their User-Agent."""
    function = there.output("ScheduleFunctionName")
    try:
        asked = there.client("lambda").invoke(FunctionName=function, Payload=json.dumps({"diagnose": True}).encode())
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "TooManyRequestsException":
            raise
        command = there.where.aws("lambda", "delete-function-concurrency", "--function-name", function)
        yield wrong(_KEY, "Lambda doesn't run the drain's function: throttled", "Free its concurrency.", command)
        return
    found = json.loads(asked["Payload"].read(), parse_float=Decimal)
    if asked.get("FunctionError") or not isinstance(found, dict) or not isinstance(found.get("feee"), dict):
        kind = found.get("errorType", "an answer of another version") if isinstance(found, dict) else found
        fix = "Look at its log (docs/runbook.md#looking); if it doesn't know the question, deploy this version."
        yield wrong(_KEY, f"the drain's function failed: {kind}", fix)
        return
    yield from answered(there, found["feee"], str(found.get("user_agent")))


def answered(there: Deployment, answer: Mapping[str, Any], user_agent: str) -> Iterator[Finding]:
    """What the function's answer comes to."""
    if answer.get("kind") != "accepted":
        yield _refusal(there, answer, user_agent)
        return
    yield ok(_KEY, f"asked by the function itself, as {user_agent!r}")
    yield _addresses(there, answer.get("address_list"))
    yield _agents(answer, user_agent)
    yield _balance(answer.get("balance"))
    yield _rate(there, answer.get("rate_limit"))


def _refusal(there: Deployment, answer: Mapping[str, Any], user_agent: str) -> Finding:
    code, said = answer.get("code"), _said(answer)
    match answer.get("kind"):
        case "misconfigured":
            return _misconfigured(there, code, said, user_agent)
        case "no_key":
            words = f"the function has no usable key: {answer.get('detail')}"
            return wrong(_KEY, words, _SET_KEY, there.where.command("set-key"))
        case "rate_exceeded":
            fix = "Run the doctor again. If it persists: stop what else uses this key, or lower ApiRateLimit."
            return warning(_KEY, f"too many calls with this key just now ({said})", fix)
        case "not_sent":
            route = (
                "The subnets need a NAT gateway, and the security groups outgoing HTTPS (docs/network.md)."
                if there.in_vpc
                else "feee.io may be down. Requests are accepted meanwhile, and wait."
            )
            return wrong(_KEY, f"the functions can't reach feee.io ({said})", route)
        case "no_usable_answer":
            fix = "Requests are accepted meanwhile, and wait. Is FeeeBaseUrl right? If it lasts, ask feee.io."
            return wrong(_KEY, f"feee.io is down, or something else answers ({said})", fix)
    command = there.where.command("lookup", "ORDER_NO")
    return warning(_KEY, f"feee.io refused to say ({said})", "Try an order of yours.", command)


def _misconfigured(there: Deployment, code: object, said: str, user_agent: str) -> Finding:
    if code == _BAD_KEY:
        return wrong(_KEY, f"feee.io doesn't know the key ({said})", _SET_KEY, there.where.command("set-key"))
    if code == _BAD_ADDRESS:
        return wrong(_ADDRESSES, f"feee.io refuses the functions' address ({said})", _enter_address(there))
    if code == _BAD_AGENT:
        fix = f"Enter {user_agent!r} on the key's User-Agent list at feee.io, or deploy with FeeeUserAgent as listed."
        return wrong(_AGENTS, f"feee.io refuses {user_agent!r} ({said})", fix)
    fix = f"{_SET_KEY} {_enter_address(there)}"
    return wrong(_KEY, f"feee.io doesn't let the functions in ({said})", fix, there.where.command("set-key"))


def _said(answer: Mapping[str, Any]) -> str:
    named = {"HTTP": "http_status", "code": "code", "": "msg", "cause:": "detail"}
    parts = [f"{name} {answer[member]}".strip() for name, member in named.items() if answer.get(member) is not None]
    return ", ".join(parts)


def _enter_address(there: Deployment) -> str:
    if not there.in_vpc:
        return (
            "Functions outside a VPC have no address of their own: empty the key's IP list and use its User-Agent "
            "list, or deploy with SubnetIds (docs/network.md)."
        )
    found = ", ".join(_gateways(there)) or "docs/network.md says how to find it"
    return f"Enter the NAT gateway's address on the key's IP list at feee.io: {found}."


def _gateways(there: Deployment) -> list[str]:
    """The public addresses of the NAT gateways in the functions' VPC, as far as they may be seen."""
    try:
        ec2 = there.client("ec2")
        (subnet, *_) = ec2.describe_subnets(SubnetIds=there.parameters["SubnetIds"].split(","))["Subnets"]
        of_vpc = [{"Name": "vpc-id", "Values": [subnet["VpcId"]]}]
        gateways = ec2.describe_nat_gateways(Filter=of_vpc)["NatGateways"]
    except ClientError:
        return []
    return [one["PublicIp"] for gateway in gateways for one in gateway["NatGatewayAddresses"] if "PublicIp" in one]


def _addresses(there: Deployment, entries: object) -> Finding:
    if not entries:
        return ok(_ADDRESSES, "it has none" if entries == 0 else "feee.io doesn't show whether it has one")
    if there.in_vpc:
        return ok(_ADDRESSES, f"the functions' is: feee.io answered them; {entries} on it")
    words = f"it was this time ({entries} on it), and functions outside a VPC change theirs"
    return warning(_ADDRESSES, words, _enter_address(there))


def _agents(answer: Mapping[str, Any], user_agent: str) -> Finding:
    entries, listed = answer.get("user_agent_list"), answer.get("user_agent_is_listed")
    if not entries:
        return ok(_AGENTS, "it has none" if entries == 0 else "feee.io doesn't show whether it has one")
    if listed:
        return ok(_AGENTS, f"{user_agent!r} is; {entries} on it")
    fix = f"Enter {user_agent!r} on it at feee.io, word for word, or deploy with FeeeUserAgent as listed."
    return warning(_AGENTS, f"{user_agent!r} isn't one of {entries}, although feee.io answered this time", fix)


def _balance(balance: str | None) -> Finding:
    if balance is None:
        return ok(_BALANCE, "not shown")
    if Decimal(balance) > 0:
        return ok(_BALANCE, f"{balance} TRX")
    return warning(_BALANCE, f"{balance} TRX: cancelling needs none, buying does", "Top the account up at feee.io.")


def _rate(there: Deployment, limit: str | None) -> Finding:
    pace = tuning(there.parameters["Tuning"]).drain_pace
    used = _CALLS_PER_REQUEST * Decimal(there.parameters["ApiRateLimit"]) + _LOOKUPS + pace
    if limit is None:
        return ok(_RATE, f"not shown; the stack calls at most {used:f} times a second")
    if used <= Decimal(limit):
        return ok(_RATE, f"{limit} calls a second; the stack makes at most {used:f}")
    words = f"{limit} calls a second, and the stack may make {used:f}"
    return warning(_RATE, words, "Deploy with a lower ApiRateLimit, or ask feee.io for more.")
