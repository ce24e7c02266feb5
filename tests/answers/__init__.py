"""What the adapters answer with beside the application's own messages: iterables, refusals, dropped headers."""
