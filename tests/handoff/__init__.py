"""The hand-off layer by itself: wake-ups, batons, worker threads, executors and loops."""
