"""Starts the emulator (MiniStack) behind the guard, in its own process: one port, no way around. Run by its own Python.

MiniStack doesn't verify signatures by keys that it considers root's, and serves some paths to anybody. So each
request has to be signed with credentials that the emulator knows, those of the run (AWS_ACCESS_KEY_ID and
AWS_SECRET_ACCESS_KEY) or of a role or user made there. Routes of deployed APIs are the exception: there MiniStack
itself asks for a signature if the route has AWS_IAM.
"""

import hashlib
import json
import sys
import tempfile
import threading
import time
import uuid
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

sys.path.append(str(Path(__file__).resolve().parents[1]))

from ministack import app as ministack  # type: ignore[import-not-found]  # in the emulator's environment alone
from ministack.core import iam_evaluator, lambda_runtime, responses, router, sigv4  # type: ignore[import-not-found]  # the same
from ministack.services import apigateway_v1, cloudwatch_logs, lambda_svc  # type: ignore[import-not-found]  # the same
from ministack.services.cloudformation import changesets, engine, handlers, helpers, provisioners  # type: ignore[import-not-found] # noqa: F401

from local.guard import refusal, without_cors

Headers = dict[str, str]
_UNSIGNED = iam_evaluator.AuthError("MissingAuthenticationToken", "Request is missing Authentication Token")
_emulator = ministack.app
_EVENTS = 10_000
"""The most in a page of FilterLogEvents."""


async def app(scope: Any, receive: Any, send: Any) -> None:
    """The emulator behind the guard, as an ASGI application. Nothing here uses a WebSocket."""
    if scope["type"] == "lifespan":
        await _emulator(scope, receive, send)
        return
    if scope["type"] != "http":
        await send({"type": "websocket.close"})
        return
    pairs = [(name.decode("latin-1").lower(), sigv4.decode_header_value(value)) for name, value in scope["headers"]]
    if why := refusal(pairs, scope["scheme"]):
        await _answer(send, 403, {"Content-Type": "text/plain; charset=utf-8"}, f"{why}\n".encode())
        return
    body = await _whole(receive)
    refused = None if body is None else _unsigned(scope, _joined(pairs), body)
    if refused is not None:
        await _answer(send, *refused)
    elif body is not None:
        await _emulator(scope, _again(body, receive), _sending_no_cors(send))


def _unsigned(scope: Any, headers: Headers, body: bytes) -> Any:
    """The answer to a request that isn't signed as it should be; None if it is, or where MiniStack decides."""
    query = parse_qs(scope["query_string"].decode("utf-8", "replace"), keep_blank_values=True)
    key = router.extract_access_key_id(headers, query)
    api = _api(headers["host"], scope["path"])
    if api and not (key and iam_evaluator.is_root_access_key(key)):
        return None
    error = _failure(key, scope, query, headers, body)
    if error is None:
        return None
    if api:
        return apigateway_v1.authentication_error_response(*api, error, headers, query)
    service = router.detect_service(scope["method"], scope["path"], headers, query)
    return ministack._credential_failure(service, "", str(uuid.uuid4()), error, headers)  # noqa: SLF001 - the service's own words


def _api(host: str, path: str) -> tuple[str, str] | None:
    """The deployed API and the stage that a request is for."""
    if (parsed := ministack._parse_execute_api_url(host, path)) is None:  # noqa: SLF001 - as it will read it
        return None
    api, stage, _ = parsed
    return (api, stage) if stage in (apigateway_v1.stages_for_api(api) or {}) else None


def _failure(key: str, scope: Any, query: Any, headers: Headers, body: bytes) -> Any:
    """What is wrong with the signature in the header; None if it is right."""
    if not headers.get("authorization", "").startswith("AWS4-HMAC-SHA256"):
        return _UNSIGNED
    signature = sigv4.parse_header_signature(headers)
    if isinstance(signature, tuple):
        return iam_evaluator.AuthError(*signature)
    account = iam_evaluator.find_iam_access_key_account(key) or responses.get_account_id()
    account = responses._account_from_sts_session(key) or account  # noqa: SLF001 - as it will read it
    known = iam_evaluator.resolve_credential(key, account, headers.get("x-amz-security-token", ""))
    if isinstance(known, iam_evaluator.CredentialResolutionError):
        return iam_evaluator.AuthError(known.code, known.message)
    path = scope["raw_path"].decode("latin-1")
    wrong = sigv4.request_time_failure(signature) or sigv4.header_signature_failure(
        signature, known.secret_access_key, scope["method"], path, query, headers, body
    )
    return iam_evaluator.AuthError(*wrong) if wrong else None


def _joined(pairs: list[tuple[str, str]]) -> Headers:
    """Headers by name, those of several lines joined as they are signed."""
    headers: Headers = {}
    for name, value in pairs:
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


async def _whole(receive: Any) -> bytes | None:
    """The body; None if the caller hung up."""
    body: bytes = b""
    while (message := await receive())["type"] == "http.request":
        body = body + message.get("body", b"")
        if not message.get("more_body"):
            return body
    return None


def _again(body: bytes, receive: Any) -> Any:
    """Receives the body that was read already, and then what comes."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Any:
        return messages.pop() if messages else await receive()

    return again


def _sending_no_cors(send: Any) -> Any:
    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message.get("headers", [])]
            kept = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in without_cors(pairs)]
            message = {**message, "headers": kept}
        await send(message)

    return sending


async def _answer(send: Any, status: int, headers: Headers, body: bytes) -> None:
    pairs = [(name.encode("latin-1"), str(value).encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


def joining(evaluate: Any) -> Any:
    """MiniStack's evaluation of conditions, after evaluating Fn::Join in them (AWS documents it within Fn::Equals)."""

    def joined(part: Any, parameters: Any) -> Any:
        match part:
            case {"Fn::Join": [delimiter, {"Ref": name}]}:
                return delimiter.join(parameters[name]["Value"].split(","))
            case dict():
                return {key: joined(value, parameters) for key, value in part.items()}
            case list():
                return [joined(value, parameters) for value in part]
        return part

    def evaluated(template: Any, parameters: Any) -> Any:
        return evaluate({**template, "Conditions": joined(template.get("Conditions", {}), parameters)}, parameters)

    return evaluated


def let_conditions_join() -> None:
    """Let Fn::Join work in each module that evaluates conditions."""
    evaluate = joining(engine._evaluate_conditions)  # noqa: SLF001 - there is no other way in
    for name, module in list(sys.modules.items()):
        if name.startswith("ministack.services.cloudformation") and hasattr(module, "_evaluate_conditions"):
            vars(module)["_evaluate_conditions"] = evaluate


def let_queries_be_saved() -> None:
    """CloudFormation's saved queries, which MiniStack doesn't know: here they are names and nothing more."""
    provisioners._RESOURCE_HANDLERS["AWS::Logs::QueryDefinition"] = {  # noqa: SLF001 - there is no other way in
        "create": lambda logical_id, _properties, stack: (f"{stack}-{logical_id}", {}),
        "delete": lambda _id, _properties: None,
    }


def let_logs_be_read_at_once() -> None:
    """A line is in its log when it is written, as on AWS.

    MiniStack adds an invocation's lines at its end, without those that it gets some milliseconds later.
    """

    def read(worker: Any) -> None:
        account, region = lambda_svc._account_region_from_function_config(worker.config)  # noqa: SLF001 - as it keeps them
        group = worker.config.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{worker.func_name}"
        where = {"logGroupName": group, "logStreamName": f"{time.strftime('%Y/%m/%d')}/[$LATEST]{uuid.uuid4().hex}"}
        with responses.request_scope(account, region):
            cloudwatch_logs._create_log_stream(where)  # noqa: SLF001 - there is no other way in
            for line in worker._proc.stderr:  # noqa: SLF001 - the same
                cloudwatch_logs._put_log_events({**where, "logEvents": [{"message": line.rstrip("\n")}]})  # noqa: SLF001 - the same

    lambda_runtime.Worker._read_stderr = read  # noqa: SLF001 - there is no other way in
    lambda_runtime.Worker._drain_stderr_bounded = lambda _worker: ""  # noqa: SLF001 - nothing is left to wait for


def let_logs_be_read_in_pages() -> None:
    """FilterLogEvents answers with a token if there is more, as on AWS. MiniStack ends with the first 10,000 events."""
    first = cloudwatch_logs._filter_log_events  # noqa: SLF001 - there is no other way in

    def page(request: Any) -> Any:
        since, seen = map(int, request.get("nextToken", f"{request.get('startTime', 0)}:0").split(":"))
        status, headers, body = first({**request, "startTime": since, "limit": _EVENTS})
        document = json.loads(body)
        if "events" not in document:
            return status, headers, body
        found, end = document["events"], seen + min(_EVENTS, request.get("limit", _EVENTS))
        if len(found) > end or len(found) == _EVENTS:
            last = found[:end][-1]["timestamp"]
            document["nextToken"] = f"{last}:{sum(event['timestamp'] == last for event in found[:end])}"
        return status, headers, json.dumps(document | {"events": found[seen:end]}).encode()

    cloudwatch_logs._filter_log_events = page  # noqa: SLF001 - there is no other way in


class Unpacked(zipfile.ZipFile):
    """Functions and layers, each unpacked once for all environments of a run: Python's, none of which writes there.

    So a start finds the bytecode of an earlier one. MiniStack itself unpacks, and Python compiles, for each start.
    """

    _at_a_time = threading.Lock()

    def namelist(self) -> list[str]:
        """No names, so MiniStack checks none: Python's own `extractall` never leaves its folder."""
        return []

    def extractall(self, path: Any = None, members: Any = None, pwd: bytes | None = None) -> None:
        """Replaces the empty folder at `path` with a link to the one copy."""
        held = repr([(member.filename, member.CRC, member.file_size) for member in self.infolist()])
        copy = Path(tempfile.gettempdir()) / f"unpacked-{hashlib.sha256(held.encode()).hexdigest()}"
        with self._at_a_time:
            if not copy.exists():
                unfinished = tempfile.mkdtemp()
                super().extractall(unfinished, members or self.infolist(), pwd)
                Path(unfinished).rename(copy)
        Path(path).rmdir()
        Path(path).symlink_to(copy)


def let_functions_start_quickly() -> None:
    """As they do on AWS, where nothing is unpacked or compiled at a start."""
    lambda_runtime.zipfile = SimpleNamespace(**{**vars(zipfile), "ZipFile": Unpacked})


def let_events_find_functions_as_they_are() -> None:
    """An event that is tried again is handled by the function as it is now, as on AWS.

    MiniStack starts it as it was when the event came, and leaves that process to the events that follow.
    """
    acquire = lambda_svc.acquire_worker

    def acquired(name: str, config: Any, code: bytes, qualifier: str = "$LATEST", **limits: Any) -> Any:
        where = lambda_svc._account_region_from_function_config(config)  # noqa: SLF001 - as it keeps them
        now = lambda_svc._functions.get_scoped(*where, name)  # noqa: SLF001 - the same
        if now and qualifier == "$LATEST":
            config, code = now["config"], now["code_zip"]
        return acquire(name, config, code, qualifier=qualifier, **limits)

    lambda_svc.acquire_worker = acquired


def not_with_the_previous_template(update: Any) -> Any:
    """MiniStack's update, made to refuse what doesn't work on AWS (AWS::LanguageExtensions transform, remarks).

    CloudFormation would reuse the processed template, which has the parameters' old values. So the original is needed.
    """

    def updated(parameters: Any) -> Any:
        stack = handlers._resolve_stack(helpers._p(parameters, "StackName"))  # noqa: SLF001 - as it will read it
        previous = helpers._p(parameters, "UsePreviousTemplate", "false") == "true"  # noqa: SLF001 - the same
        if previous and stack and "AWS::LanguageExtensions" in stack.get("_template_body", ""):
            why = "A parameter changes nothing with the previous template: it has AWS::LanguageExtensions."
            return helpers._error("ValidationError", why)  # noqa: SLF001 - the service's own form
        return update(parameters)

    return updated


def let_templates_be_given_again() -> None:
    """Make updates and change sets refuse a previous template that AWS couldn't reuse."""
    for action in ("UpdateStack", "CreateChangeSet"):
        handlers._ACTION_HANDLERS[action] = not_with_the_previous_template(handlers._ACTION_HANDLERS[action])  # noqa: SLF001 - there is no other way in


if __name__ == "__main__":
    let_conditions_join()
    let_templates_be_given_again()
    let_queries_be_saved()
    let_logs_be_read_at_once()
    let_logs_be_read_in_pages()
    let_functions_start_quickly()
    let_events_find_functions_as_they_are()
    ministack.app = app
    ministack.main()
