"""An MCP server inside a Flask site: one process, one WSGI server, and both know the same orders.

The MCP server comes as an ASGI application with a lifespan, in which it keeps its sessions; the site is WSGI.

It needs both, and a server (`pip install mcp flask waitress`). Run it:

    waitress-serve --listen 127.0.0.1:8000 --threads 40 examples.mcp_in_flask:app
    python examples/mcp_in_flask.py

and ask it:

    curl http://127.0.0.1:8000/
    curl -d item=tea http://127.0.0.1:8000/orders

and, as an MCP client would, at http://127.0.0.1:8000/tools/mcp.
"""

from __future__ import annotations

import os

import waitress
from flask import Flask, redirect, request
from flask.typing import ResponseReturnValue
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from bridge import AsgiToWsgi

# ------------------------------------------------------------------------------------------------ the site: Flask, WSGI

app = Flask(__name__)
orders: list[str] = []


@app.get("/")
def index() -> ResponseReturnValue:
    """The orders, for people."""
    return {"orders": orders}


@app.post("/orders")
def add_order() -> ResponseReturnValue:
    """Add the order of a form."""
    orders.append(request.form["item"])
    return redirect("/")


# ------------------------------------------------------------------------------------------------ the tools: MCP, ASGI

tools = MCPServer("orders")


@tools.tool()
def list_orders() -> list[str]:
    """The orders, for models."""
    return orders


@tools.tool()
async def prepare(item: str, ctx: Context) -> str:
    """Prepare an order, and tell how it goes on; the client hears of each step when it is done."""
    steps = ["found", "packed", "sent"]
    for number, step in enumerate(steps, 1):
        await ctx.report_progress(number, len(steps), step)
    orders.remove(item)
    return f"{item} is on its way"


adapter = AsgiToWsgi(tools.streamable_http_app())
# The MCP server calls its own path /mcp, and is mounted below /tools.
app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/tools": adapter})  # type: ignore[method-assign]

if __name__ == "__main__":
    with adapter:
        waitress.serve(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")), threads=40)
