"""Legacy Flask endpoints inside a FastAPI application, which share the user that FastAPI's side has authenticated.

It needs both, and a server (`pip install fastapi flask uvicorn`). Run it:

    uvicorn examples.fastapi_with_legacy:app
    python examples/fastapi_with_legacy.py

and ask it:

    curl -H 'Authorization: Bearer ada-token' http://127.0.0.1:8000/me
    curl -H 'Authorization: Bearer ada-token' http://127.0.0.1:8000/legacy/orders
    curl -H 'Authorization: Bearer ada-token' -d item=tea http://127.0.0.1:8000/legacy/orders
    curl -H 'Authorization: Bearer ada-token' -F receipt=@README.md http://127.0.0.1:8000/legacy/receipts
    curl -i http://127.0.0.1:8000/legacy/orders
"""

from __future__ import annotations

import os
import secrets
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request
from flask import Flask, abort, url_for
from flask import request as legacy_request
from flask.typing import ResponseReturnValue
from starlette.authentication import AuthCredentials, AuthenticationBackend, BaseUser, SimpleUser
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection

from bridge import WsgiToAsgi

# In place of a database: who holds which token.
TOKENS = {"ada-token": "ada", "grace-token": "grace"}

# ----------------------------------------------------------------------------------------- the legacy side: Flask, WSGI

legacy = Flask("legacy")
orders: dict[str, list[str]] = {}


def legacy_user() -> str:
    """The name of the user whom the middleware has put into the ASGI scope. Flask itself checks no token."""
    user: BaseUser = legacy_request.environ["asgi.scope"]["user"]
    if not user.is_authenticated:
        abort(401)
    return user.display_name


@legacy.get("/orders")
def list_orders() -> ResponseReturnValue:
    """The user's orders."""
    user = legacy_user()
    return {"user": user, "orders": orders.get(user, [])}


@legacy.post("/orders")
def add_order() -> ResponseReturnValue:
    """Add the order of a form."""
    orders.setdefault(legacy_user(), []).append(legacy_request.form["item"])
    # SCRIPT_NAME is /legacy, so that url_for gives the address below the mount.
    return {"added": legacy_request.form["item"]}, 201, {"Location": url_for("list_orders")}


@legacy.post("/receipts")
def add_receipt() -> ResponseReturnValue:
    """Take the file of a form."""
    user = legacy_user()
    receipt = legacy_request.files["receipt"]
    return {"user": user, "name": receipt.filename, "size": len(receipt.read())}, 201


# ------------------------------------------------------------------------------------------------ the new side: FastAPI


class BearerTokens(AuthenticationBackend):
    """Finds the user for a bearer token; the middleware puts it into the scope for all that comes below it."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        """None means a visitor whom nobody knows."""
        scheme, _, token = conn.headers.get("Authorization", "").partition(" ")
        for known, name in TOKENS.items():
            if scheme.lower() == "bearer" and secrets.compare_digest(token.encode(), known.encode()):
                return AuthCredentials(["authenticated"]), SimpleUser(name)
        return None


def current_user(request: Request) -> BaseUser:
    """FastAPI's dependency for the same user."""
    user: BaseUser = request.user
    if not user.is_authenticated:
        raise HTTPException(401)
    return user


# A middleware, since dependencies do not run for what is mounted.
app = FastAPI(middleware=[Middleware(AuthenticationMiddleware, backend=BearerTokens())])


@app.get("/me")
async def me(user: Annotated[BaseUser, Depends(current_user)]) -> dict[str, str]:
    """An endpoint of the new side."""
    return {"user": user.display_name}


app.mount("/legacy", WsgiToAsgi(legacy, threads=10))

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
