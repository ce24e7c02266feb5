"""The border between worker threads and event loops: the only place with locks. It knows nothing of WSGI or ASGI.

The one rule against deadlocks: **a worker thread may wait for the loop; the loop never waits for a thread without an
await.** Every lock in here that a loop takes is held for a few instructions and never while anything is called that
this package does not own.

Functions are named by the thread that they run in: ``..._in_loop``, ``..._in_worker``; what may run anywhere has no
suffix.
"""
