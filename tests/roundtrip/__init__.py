"""The law, tried on applications and requests that nobody thought of.

Hypothesis writes an application as a script and a request. The same strict server in this process serves the request
twice: by the application itself, and by the application with bridges around it, one round trip deep or three. What the
client saw, what reached the server and what the application saw have to be the same, save for what `differences` lists.
"""
