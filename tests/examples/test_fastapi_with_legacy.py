"""examples/fastapi_with_legacy.py on a real uvicorn: both sides know the same user."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.examples.client import UVICORN_SAYS, client_of

ADA = {"Authorization": "Bearer ada-token"}
GRACE = {"Authorization": "Bearer grace-token"}


@pytest.fixture(
    scope="module",
    params=[
        ["examples/fastapi_with_legacy.py"],
        ["-m", "uvicorn", "examples.fastapi_with_legacy:app", "--port", "0"],
    ],
    ids=["python file", "uvicorn"],
)
def client(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A client of the running example."""
    with client_of(*request.param, address=UVICORN_SAYS) as started:
        yield started


def test_the_new_side_knows_its_user(client: httpx.Client) -> None:
    """FastAPI's own endpoint answers the user of the token, and 401 without one."""
    assert client.get("/me", headers=ADA).json() == {"user": "ada"}
    assert client.get("/me").status_code == 401
    assert client.get("/me", headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_the_legacy_side_knows_the_same_user(client: httpx.Client) -> None:
    """Flask finds the user whom FastAPI's middleware authenticated in `environ["asgi.scope"]`, and checks no token."""
    assert client.get("/legacy/orders", headers=GRACE).json() == {"user": "grace", "orders": []}
    assert client.get("/legacy/orders").status_code == 401
    assert client.get("/legacy/orders", headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_a_form_on_the_legacy_side(client: httpx.Client) -> None:
    """W2: a form is posted to Flask below its mount, which makes addresses below it; users see their own orders."""
    answer = client.post("/legacy/orders", headers=ADA, data={"item": "tea ä"})
    assert (answer.status_code, answer.json()) == (201, {"added": "tea ä"})
    assert answer.headers["location"] == "/legacy/orders"
    assert client.get("/legacy/orders", headers=ADA).json() == {"user": "ada", "orders": ["tea ä"]}
    assert client.get("/legacy/orders", headers=GRACE).json()["orders"] == []


def test_a_file_on_the_legacy_side(client: httpx.Client) -> None:
    """W4: a file is posted to Flask below its mount and arrives whole."""
    content = bytes(range(256)) * 4096
    answer = client.post("/legacy/receipts", headers=ADA, files={"receipt": ("receipt.pdf", content)})
    assert (answer.status_code, answer.json()) == (201, {"user": "ada", "name": "receipt.pdf", "size": len(content)})


def test_errors_come_from_the_side_that_was_asked(client: httpx.Client) -> None:
    """An unknown path below the mount is Flask's 404 page, elsewhere it is FastAPI's."""
    assert client.get("/legacy/nowhere").headers["content-type"] == "text/html; charset=utf-8"
    assert client.get("/nowhere").json() == {"detail": "Not Found"}
