"""The API's reference in a browser, beside the deployed stack: what it shows, and that "try it" works."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import urllib3

from local.reference import EXAMPLE, make_example, served
from local.stack import LocalStack
from tests.chromium import Page, page

PICTURE = os.environ.get("REFERENCE_PICTURE")


@pytest.fixture
def url(stack: LocalStack) -> Iterator[str]:
    stack.client("dynamodb").delete_item(
        TableName=stack.outputs["TableName"], Key={"order_no": {"S": EXAMPLE}}
    )  # another test's example
    make_example(stack.simulator.client)
    with served(stack.api) as url:
        yield url


@pytest.fixture
def browser(chromium_command: str, tmp_path: Path) -> Iterator[Page]:
    with page(chromium_command, tmp_path) as opened:
        yield opened


def operation(name: str, tag: str = "cancellations") -> str:
    return f"#operations-{tag}-{name}"


def calls(browser: Page) -> int:
    return sum("/v1/" in url for url in browser.requested)


def executed(browser: Page, name: str, tag: str = "cancellations") -> tuple[str, str]:
    """Open an operation, execute it as the page has filled it in. Returns the answer's status and text.

    The page sends nothing if it hasn't filled it in yet, so that one may have to click again.
    """
    block = operation(name, tag)
    browser.click(f"{block} .opblock-summary-control")
    answered = f"!!document.querySelector('{block} .live-responses-table .response-col_status')"
    for _ in range(6):
        asked = calls(browser)
        browser.click(f"{block} .execute")
        if browser.soon(answered) or calls(browser) > asked:
            break
    there = browser.soon(answered, seconds=60)
    assert there, (browser.requested, browser.run(f"document.querySelector('{block}').innerText"))
    status = browser.run(
        f"document.querySelector('{block} .live-responses-table .response .response-col_status').innerText"
    )
    text = browser.run(f"document.querySelector('{block} .live-responses-table .response .microlight').innerText")
    return status.split()[0], text


def test_the_page_shows_every_operation_and_each_can_be_tried(stack: LocalStack, url: str, browser: Page) -> None:
    browser.open(url)
    browser.wait(f"!!document.querySelector('{operation('requestCancellation')}')")
    shown = browser.run("[...document.querySelectorAll('.opblock')].map(one => one.id)")
    assert shown == [
        operation(name, tag).removeprefix("#")
        for name, tag in [
            ("requestCancellation", "cancellations"),
            ("listCancellations", "cancellations"),
            ("requestCancellations", "cancellations"),
            ("getCancellation", "cancellations"),
            ("withdrawCancellation", "cancellations"),
            ("getOrder", "orders"),
            ("receiveWebhook", "webhooks"),
        ]
    ]
    status, text = executed(browser, "requestCancellation")
    assert (status, json.loads(text)["state"]) == ("200", "cancelled")
    assert stack.simulator.client.order(EXAMPLE).accepted_cancels == 1
    if PICTURE:
        browser.picture(Path(PICTURE))
        browser.run(f"document.querySelector('{operation('requestCancellation')} .responses-wrapper').scrollIntoView()")
        browser.picture(Path(PICTURE).with_suffix(".answer.png"))
    assert {urlsplit(asked).netloc for asked in browser.requested if asked.startswith("http")} == {urlsplit(url).netloc}
    assert browser.complaints == []


def test_the_other_ways_of_asking_work_from_the_page(stack: LocalStack, url: str, browser: Page) -> None:
    browser.open(url)
    assert executed(browser, "receiveWebhook", "webhooks")[0] == "202"
    status, text = executed(browser, "getCancellation")
    assert (status, json.loads(text)["order_no"]) == ("200", EXAMPLE)
    assert executed(browser, "listCancellations")[0] == "200"


def test_the_page_may_load_nothing_from_elsewhere_and_no_other_page_may_call(stack: LocalStack, url: str) -> None:
    with urllib3.PoolManager() as pool:
        page = pool.request("GET", url)
        assert page.headers["Content-Security-Policy"].startswith("default-src 'self'")
        (secret,) = re.findall(r'name="secret" content="(.+)"', page.data.decode())
        calls, own = f"{url}v1/cancellations", {"X-Page-Secret": secret}
        assert pool.request("GET", f"{calls}?state=waiting", headers=own).status == 200
        for headers in ({}, {"X-Page-Secret": "another"}, own | {"Origin": "https://elsewhere.example"}):
            assert pool.request("GET", calls, headers=headers).status == 403
        refused = pool.request("POST", calls, body=b"{}", headers={"Content-Type": "application/json", **own})
        assert (refused.status, refused.headers["Content-Type"]) == (400, "application/problem+json")


def test_a_refused_call_leaves_nothing_behind_on_its_connection(stack: LocalStack, url: str) -> None:
    """Its body was once taken for the next request."""
    body = b"GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n"
    with urllib3.HTTPConnectionPool("127.0.0.1", urlsplit(url).port, maxsize=1) as pool:
        for headers in ({}, {"Origin": "https://elsewhere.example"}):
            assert pool.request("POST", "/v1/cancellations", body=body, headers=headers, retries=False).status == 403
            page = pool.request("GET", "/", retries=False)
            assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
