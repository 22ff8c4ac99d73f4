import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from local.simulator.client import ControlError, SimulatorClient
from local.simulator.server import RunningSimulator
from tests.simulator.buyer import Buyer, body


def test_an_order_is_created_read_and_changed(simulator: RunningSimulator, buyer: Buyer) -> None:
    order = simulator.client.create_order(age=600, status=4, steps=[(0.0, 15)], refund="never", settle_time=3)
    assert (order.status, order.detail["settle_time"], order.accepted_cancels) == (4, 3, 0)
    assert simulator.client.order(order.order_no).status == 15
    assert simulator.client.change_order(order.order_no, status=4, frozen_resource_value=0).status == 4
    assert body(buyer.cancel(order.order_no))["data"]["status"] == 11
    assert simulator.client.order(order.order_no).accepted_cancels == 1


def test_choices_are_made_at_run_time(simulator: RunningSimulator, buyer: Buyer) -> None:
    simulator.client.choose(not_found=5, business_error_status=404, request_id="empty")
    response = buyer.query("1")
    assert response.status == 404
    assert body(response) == {"code": 5, "msg": "order not found", "request_id": "", "pagination": None}


def test_access_is_set_at_run_time(simulator: RunningSimulator, buyer: Buyer) -> None:
    simulator.client.set_access(rate_limit=100, user_agents=["another"])
    assert body(buyer.query("1"))["code"] == 20013
    simulator.client.set_access(user_agents=None, addresses=["10.0.0.1"])
    assert body(buyer.query("1"))["code"] == 20012


def test_control_calls_are_neither_on_record_nor_counted(simulator: RunningSimulator, buyer: Buyer) -> None:
    for _ in range(20):
        assert simulator.client.healthy()
    assert simulator.client.requests() == []
    assert body(buyer.query("1"))["code"] == 20004


def test_requests_can_be_forgotten(simulator: RunningSimulator, buyer: Buyer) -> None:
    buyer.query("1")
    simulator.client.forget_requests()
    assert simulator.client.requests() == []


def test_a_reset_makes_it_as_freshly_started(simulator: RunningSimulator, buyer: Buyer) -> None:
    order_no = simulator.client.create_order().order_no
    simulator.client.misbehave("empty", times=None)
    simulator.client.set_key("another")
    buyer.query(order_no)
    simulator.client.reset()
    assert simulator.client.requests() == []
    assert body(buyer.query(order_no))["code"] == 20004


def test_what_does_not_exist_is_refused(simulator: RunningSimulator) -> None:
    client = simulator.client
    with pytest.raises(ControlError, match="unknown"):
        client.order("1")
    with pytest.raises(ControlError, match="unknown"):
        client.misbehave("sulk")
    with pytest.raises(ControlError, match="sulkily"):
        client.misbehave("delay", sulkily=1)
    with pytest.raises(ControlError, match="elsewhere"):
        client.misbehave("delay", endpoint="elsewhere")
    with pytest.raises(ControlError, match="sulk"):
        client.choose(sulk=True)
    with pytest.raises(ControlError, match="sometimes"):
        client.create_order(refund="sometimes")


@contextmanager
def command(*options: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """The running command, and the address and secret that it tells. It must end when told, without another word."""
    root = Path(__file__).parents[2]
    words = [sys.executable, "-W", "error", "-m", "local.simulator", *options]
    environment = os.environ | {"PYTHONPATH": str(root)}
    pipe = subprocess.PIPE
    with subprocess.Popen(words, cwd=root, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().split()[-1], process.stdout.readline().split()[-1]
        finally:
            process.terminate()
        assert process.communicate(timeout=30) == ("", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_tells_its_address_and_stops_when_told(number: signal.Signals) -> None:
    with (
        command("--key", "its-key") as (process, url, secret),
        SimulatorClient(url, secret) as client,
        Buyer(url, "its-key") as buyer,
    ):
        assert client.healthy()
        assert body(buyer.query("1"))["code"] == 20004
        process.send_signal(number)
        assert process.wait(timeout=30) == 0
        assert not client.healthy()


def test_the_command_serves_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    ca_certs, certfile = tmp_path / "ca.pem", tmp_path / "server.pem"
    authority.cert_pem.write_to_path(ca_certs)
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certfile)
    with (
        command("--certfile", str(certfile)) as (_, url, secret),
        SimulatorClient(url, secret, ca_certs=str(ca_certs)) as client,
    ):
        assert url.startswith("https://")
        assert client.healthy()


def test_without_the_secret_nothing_is_arranged_and_nothing_told(simulator: RunningSimulator, buyer: Buyer) -> None:
    buyer.query("1")
    for secret in ("", "another"):
        with SimulatorClient(simulator.url, secret) as client:
            assert not client.healthy()
            for call in (client.create_order, client.requests, client.reset):
                with pytest.raises(ControlError, match="needs the header Authorization"):
                    call()
    assert len(simulator.client.requests()) == 1
