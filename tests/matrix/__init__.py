"""One table of behaviours, driven over sockets through the bridge on every server of both directions.

`behaviours.py` names the rows, `probes.py` says how each is tried, `sites.py` what it is tried on. A row that a server
cannot give stands in that folder's `limits.py` with the reason, and the same request to the same server with an
application of the server's own kind must end the same way: then it is the server's limit, and not the bridge's.
"""
