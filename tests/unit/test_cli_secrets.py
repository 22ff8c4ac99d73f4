"""Setting the key and the webhooks' secrets: what is written, what is left alone, and what is never shown."""

import io
import json
import re
import shlex
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest

from cli.arguments import parser
from cli.outcome import Exit, Outcome, TroubleError
from cli.set_key import set_key
from cli.set_webhook_secret import made, set_webhook_secret
from cli.target import Stack
from cli.text import Copied
from cli.where import Where
from feee_cancel.adapters.senders import MAX_SECRETS, senders
from tests.cli import NOW, FakeApi, client_error

KEY = "f3ee-Key_0123456789"
ARNS = {"FeeeKeySecretArn": "arn:key", "WebhookSecretArn": "arn:webhook", "SettledSecretArn": "arn:settled"}


class NotFoundError(Exception):
    """As boto3 names it on each client."""


@dataclass
class FakeSecrets:
    """Secrets Manager as far as it is used; a secret without a value is as AWS says it."""

    values: dict[str, str] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    exceptions: Any = field(default_factory=lambda: SimpleNamespace(ResourceNotFoundException=NotFoundError))
    words: str = "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"

    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: N803 - boto3's names
        if SecretId not in self.values:
            raise NotFoundError(self.words)
        return {"SecretString": self.values[SecretId]}

    def put_secret_value(self, *, SecretId: str, SecretString: str) -> None:  # noqa: N803 - boto3's names
        self.values[SecretId] = SecretString
        self.written.append(SecretId)

    def holds(self, arn: str) -> Any:
        return json.loads(self.values[arn])


def stack(secrets: FakeSecrets, outputs: dict[str, str] = ARNS) -> Stack:
    return Stack(outputs, FakeApi([]), lambda _: secrets)


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda text: monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_a_key_from_a_pipe_is_set_beside_what_else_the_secret_holds(pipe: Callable[[str], None]) -> None:
    secrets = FakeSecrets({"arn:key": '{"key": "", "owner": "desk 3"}'})
    pipe(f"{KEY}\r\n")
    outcome = set_key(stack(secrets), given=[])
    assert (outcome.exit, secrets.holds("arn:key")) == (Exit.DONE, {"key": KEY, "owner": "desk 3"})
    assert "at once" in outcome.text
    assert KEY not in str(outcome)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "\ufeff" + KEY,
        KEY * 1_000,
        f"{KEY}\n{KEY}",
        KEY + " " * 4_200 + "x",
        f'{{"key": "{KEY}"}}',
        "\x00" * 20,
    ],
)
def test_what_is_no_key_is_neither_set_nor_repeated(text: str, pipe: Callable[[str], None]) -> None:
    secrets = FakeSecrets({"arn:key": "{}"})
    pipe(text)
    outcome = set_key(stack(secrets), given=[])
    assert (outcome.exit, secrets.written) == (Exit.USAGE, [])
    assert KEY not in str(outcome)


def test_it_says_when_a_key_counts_that_replaces_another(pipe: Callable[[str], None]) -> None:
    secrets = FakeSecrets({"arn:key": '{"key": "another-key"}'})
    pipe(KEY)
    assert "within five minutes" in set_key(stack(secrets), given=[]).words


def test_a_secret_without_a_value_is_filled(pipe: Callable[[str], None]) -> None:
    secrets = FakeSecrets()
    pipe(KEY)
    assert set_key(stack(secrets), given=[]).exit is Exit.DONE
    assert secrets.holds("arn:key") == {"key": KEY}


def test_the_same_key_again_makes_no_new_version(pipe: Callable[[str], None]) -> None:
    secrets = FakeSecrets({"arn:key": json.dumps({"key": KEY})})
    pipe(KEY)
    assert (set_key(stack(secrets), given=[]).exit, secrets.written) == (Exit.DONE, [])


@pytest.mark.parametrize(
    "text", ["", "\n", "short", "<your key>", 'with"quote', "two\nlines-of-it", "ключ-ключ", "k" * 257]
)
def test_what_is_no_key_is_refused_and_not_shown(pipe: Callable[[str], None], text: str) -> None:
    secrets = FakeSecrets({"arn:key": '{"key": ""}'})
    pipe(text)
    outcome = set_key(stack(secrets), given=[])
    assert (outcome.exit, secrets.written) == (Exit.USAGE, [])
    assert len(text) < 5 or text not in str(outcome)


def test_a_key_on_the_command_line_is_not_accepted_and_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    secrets = FakeSecrets({"arn:key": '{"key": ""}'})
    outcome = set_key(stack(secrets), given=parser(now=NOW).parse_args(["set-key", KEY]).given)
    assert (outcome.exit, secrets.written) == (Exit.USAGE, [])
    assert KEY not in str(outcome)
    for line in (["set-key", f"--key={KEY}"], ["set-key", "--key", KEY], ["set-webhook-secret", "shop", KEY]):
        with pytest.raises(SystemExit):
            parser(now=NOW).parse_args(line)
    assert KEY not in "".join(capsys.readouterr())


@pytest.mark.parametrize("text", [KEY, "[]", "null", "", "[" * 60_000])
def test_a_secret_that_is_no_json_object_is_left_alone(pipe: Callable[[str], None], text: str) -> None:
    secrets = FakeSecrets({"arn:key": text})
    pipe(KEY)
    with pytest.raises(TroubleError, match="isn't a JSON object") as trouble:
        set_key(stack(secrets), given=[])
    assert (KEY in str(trouble.value), secrets.written) == (False, [])


def test_a_secret_that_is_gone_is_trouble(pipe: Callable[[str], None]) -> None:
    secrets = FakeSecrets(words="Secrets Manager can't find the specified secret.")
    pipe(KEY)
    with pytest.raises(NotFoundError):
        set_key(stack(secrets), given=[])


def ask(
    secrets: FakeSecrets, sender: str | None = None, *, outgoing: bool = False, drop_old: bool = False, new: str = ""
) -> Outcome:
    make = (lambda: new) if new else made
    return set_webhook_secret(stack(secrets), sender, outgoing=outgoing, drop_old=drop_old, make=make)


def secret_of(document: str) -> FakeSecrets:
    return FakeSecrets({"arn:webhook": document, "arn:settled": document})


def usable(document: dict[str, Any]) -> Iterable[str | None]:
    return [sender.name for sender in senders(document)]


def test_a_secret_is_made_for_a_sender_and_shown_once() -> None:
    secrets = secret_of('{"secrets": []}')
    outcome = ask(secrets, "shop")
    shown = outcome.document["secret"]
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", shown)
    assert outcome.text.count(shown) == 1
    assert secrets.holds("arn:webhook") == {"secrets": {"shop": shown}}
    assert usable(secrets.holds("arn:webhook")) == ["shop"]


def test_each_secret_is_another() -> None:
    assert made() != made()


def test_another_sender_stands_beside_the_others() -> None:
    secrets = secret_of('{"secrets": {"bot": ["whsec_b", "whsec_a"]}, "owner": "x"}')
    ask(secrets, "shop", new="whsec_c")
    assert secrets.holds("arn:webhook") == {"secrets": {"bot": ["whsec_b", "whsec_a"], "shop": "whsec_c"}, "owner": "x"}


def test_a_senders_earlier_secret_counts_until_it_is_dropped() -> None:
    secrets = secret_of('{"secrets": {"shop": "whsec_a"}}')
    outcome = ask(secrets, "shop", new="whsec_b")
    assert secrets.holds("arn:webhook") == {"secrets": {"shop": ["whsec_b", "whsec_a"]}}
    assert outcome.words[-2] == "1 earlier secret is still valid. Once the new one is in use, drop it:"
    assert outcome.words[-1] == "./feee-cancel set-webhook-secret --drop-old shop"
    third = ask(secrets, "shop", new="whsec_c")
    assert third.words[-2] == "2 earlier secrets are still valid. Once the new one is in use, drop them:"
    assert secrets.holds("arn:webhook") == {"secrets": {"shop": ["whsec_c", "whsec_b", "whsec_a"]}}
    assert third.document == {"sender": "shop", "valid": 3, "secret": "whsec_c"}
    dropped = ask(secrets, "shop", drop_old=True)
    assert secrets.holds("arn:webhook") == {"secrets": {"shop": "whsec_c"}}
    assert dropped.document == {"sender": "shop", "valid": 1}
    assert dropped.text.startswith("2 dropped.")
    assert "whsec_" not in str(dropped)


WHERE = Where("desk 3", "eu-west-1", "it")
NAMED = "--stack 'desk 3' --region eu-west-1 --profile it"


def test_a_command_that_is_told_is_about_the_same_stack_and_in_one_piece(pipe: Callable[[str], None]) -> None:
    """Half of it is another command, and on another stack it would take away a secret that is in use."""
    secrets = secret_of('{"secrets": {"shop": "whsec_a", "-x": "whsec_c"}}')
    there = replace(stack(secrets), where=WHERE)
    for sender, shown in (("shop", "shop"), ("-x", "-- -x")):
        line = set_webhook_secret(there, sender, outgoing=False, drop_old=False).words[-1]
        assert (type(line), line) == (Copied, f"./feee-cancel set-webhook-secret {NAMED} --drop-old {shown}")
        assert parser(now=NOW).parse_args(shlex.split(line)[1:]).sender == sender
    with pytest.raises(TroubleError) as raised:
        set_webhook_secret(there, None, outgoing=False, drop_old=False)
    assert raised.value.words[-1] == Copied(f"./feee-cancel set-webhook-secret {NAMED} shop")
    pipe(KEY)
    assert f"./feee-cancel doctor {NAMED}" in set_key(replace(stack(FakeSecrets()), where=WHERE), given=[]).text


@pytest.mark.parametrize("name", ["--drop-old; curl x", "a b", "\x1b[2J", "x" * 25])
def test_what_is_no_senders_name_is_in_no_command(name: str) -> None:
    with pytest.raises(TroubleError) as raised:
        set_webhook_secret(
            stack(secret_of(json.dumps({"secrets": {name: "whsec_a"}}))), None, outgoing=False, drop_old=False
        )
    assert raised.value.words[-1] == "./feee-cancel set-webhook-secret NAME"


def test_a_list_is_one_sender_without_a_name() -> None:
    for held, kept in (('["whsec_a"]', ["whsec_a"]), ('"whsec_a"', ["whsec_a"]), ("{}", [])):
        secrets = secret_of(f'{{"secrets": {held}}}')
        ask(secrets, new="whsec_b")
        assert secrets.holds("arn:webhook") == {"secrets": ["whsec_b", *kept]}
    secrets = secret_of('{"secrets": ["whsec_a"]}')
    with pytest.raises(TroubleError, match="one sender without a name"):
        ask(secrets, "shop")


def test_where_senders_have_names_one_is_asked_for() -> None:
    with pytest.raises(TroubleError, match=r"have names \(shop, bot\)"):
        ask(secret_of('{"secrets": {"shop": "whsec_a", "bot": "whsec_b"}}'))


def test_settled_events_are_signed_with_a_list() -> None:
    secrets = secret_of('{"secrets": ["whsec_a"]}')
    outcome = ask(secrets, outgoing=True, new="whsec_b")
    assert secrets.holds("arn:settled") == {"secrets": ["whsec_b", "whsec_a"]}
    assert "give it to the receiver now" in outcome.text
    assert outcome.words[-1] == "./feee-cancel set-webhook-secret --drop-old --outgoing"
    assert secrets.written == ["arn:settled"]


def test_a_stack_that_posts_no_events_says_so() -> None:
    there = stack(secret_of("{}"), {"WebhookSecretArn": "arn:webhook"})
    with pytest.raises(TroubleError, match="SettledWebhookUrl is empty"):
        set_webhook_secret(there, None, outgoing=True, drop_old=False)


@pytest.mark.parametrize(("sender", "outgoing"), [("no blank", False), ("", False), ("x" * 25, False), ("shop", True)])
def test_what_is_no_senders_name_is_refused(sender: str, outgoing: bool) -> None:
    secrets = secret_of('{"secrets": []}')
    assert (ask(secrets, sender, outgoing=outgoing).exit, secrets.written) == (Exit.USAGE, [])


def test_there_are_never_more_secrets_than_are_verified() -> None:
    full = {f"s{number}": "whsec_a" for number in range(MAX_SECRETS)}
    for others in (full, {"bot": ["whsec_a"] * MAX_SECRETS}):
        with pytest.raises(TroubleError, match="drop old ones"):
            ask(secret_of(json.dumps({"secrets": others})), "shop")
    assert ask(secret_of(json.dumps({"secrets": {"bot": ["whsec_a"] * (MAX_SECRETS - 1)}})), "shop").exit is Exit.DONE


def test_old_secrets_can_be_dropped_even_if_there_are_too_many() -> None:
    secrets = secret_of(json.dumps({"secrets": {"bot": ["whsec_a"] * MAX_SECRETS, "shop": ["whsec_c", "whsec_b"]}}))
    ask(secrets, "shop", drop_old=True)
    assert secrets.holds("arn:webhook")["secrets"]["shop"] == "whsec_c"


def test_where_there_is_no_secret_no_old_one_is_dropped() -> None:
    with pytest.raises(TroubleError, match="no such secret"):
        ask(secret_of('{"secrets": {"bot": "whsec_a"}}'), "shop", drop_old=True)


def test_what_aws_refuses_is_raised_as_it_is() -> None:
    class Refusing(FakeSecrets):
        def put_secret_value(self, *, SecretId: str, SecretString: str) -> None:  # noqa: N803 - boto3's names
            raise client_error("AccessDeniedException")

    with pytest.raises(Exception, match="AccessDenied"):
        ask(Refusing({"arn:webhook": '{"secrets": []}'}), "shop")
