"""What is logged of the key where everything is logged."""

import logging

import pytest
from flask import Flask

from feee_cancel.bootstrap.session import clients
from local.simulator.listener import Listener, listening

KEY = "0123456789abcdef-a-key"


def test_at_debug_botocore_logs_no_secret(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    app = Flask(__name__)
    app.add_url_rule("/", "secret", lambda: {"SecretString": KEY}, methods=["POST"])
    with listening(listener := Listener(app)), caplog.at_level(logging.DEBUG):
        monkeypatch.setenv("AWS_ENDPOINT_URL", listener.url)
        client = clients()("secretsmanager")
        assert client.get_secret_value(SecretId="key")["SecretString"] == KEY
        client.close()
    assert KEY not in caplog.text
    assert not [record for record in caplog.records if record.name.startswith("botocore")]
