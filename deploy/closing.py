"""What is said at the end: where the API is, a call that works, and what comes next."""

import re
import shlex
from collections.abc import Mapping
from typing import Any

from cli.text import Copied
from deploy.wanted import Wanted

_WORDS = """
The API is at {url}

Ask for an order of yours to be cancelled (curl 7.75 or later):
{credentials}
  curl -s -X POST {cancellations} \\
    --aws-sigv4 aws:amz:{region}:execute-api --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \\{token}
    -H 'Content-Type: application/json' -d '{{"order_no": "2304170329503866885309"}}'

or: ./feee-cancel cancel 2304170329503866885309 {options}

Next:
  Others may call it with a policy that allows execute-api:Invoke on
    {arn}/*
  Callers without AWS credentials sign webhooks:  ./feee-cancel set-webhook-secret NAME {options}
  If feee.io's key has a User-Agent allow-list, enter there:
    {user_agent}
  Get mail when something is wrong:  make deploy PARAMETERS=Alarms=you@example.com{variables}
  Check its health:  ./feee-cancel doctor {options}
  The same command again updates the stack; make undeploy{variables} removes it. docs/deploy.md has the rest.
"""
_EXPORT = """
  eval "$(aws configure export-credentials --format env{profile})"
"""
_TOKEN = '\n    -H "x-amz-security-token: $AWS_SESSION_TOKEN" \\'

_ADDRESS = re.compile(r"(https?://|arn:)[\w:/.-]{1,200}", re.ASCII)
"""What can't be mistaken for anything else, so a line with it may be copied unbroken. Others' other text is wrapped."""


def closing(
    wanted: Wanted, url: str, outputs: Mapping[str, str], parameters: Mapping[str, str], session: Any
) -> list[str]:
    """Lines about this stack, for the user of this boto3 session."""
    credentials = session.get_credentials()
    profile = f" --profile {shlex.quote(wanted.profile)}" if wanted.profile else ""
    given = {"STACK": wanted.stack, "REGION": wanted.region, "PROFILE": wanted.profile}
    named = [f"{name}={value}" for name, value in given.items() if value and (name, value) != ("STACK", "feee-cancel")]
    others = {
        "url": url,
        "cancellations": shlex.quote(f"{url}/cancellations"),
        "arn": outputs["ApiArn"],
        "user_agent": parameters.get("FeeeUserAgent", ""),
    }
    ours = {
        "credentials": "" if credentials.method == "env" else _EXPORT.format(profile=profile),
        "region": session.region_name,
        "token": _TOKEN if credentials.token else "",
        "options": shlex.join(wanted.options),
        "variables": "".join(f" {shlex.quote(pair.replace('$', '$$'))}" for pair in named),
    }
    said: list[str] = []
    for line in _WORDS.split("\n"):
        theirs = [text for name, text in others.items() if f"{{{name}}}" in line]
        if all(map(_ADDRESS.fullmatch, theirs)):
            said += map(Copied, line.format(**others, **ours).split("\n"))
        else:
            said.append(line.format(**others))
    return said
