"""WsgiToAsgi under every real ASGI server, over loopback sockets."""
