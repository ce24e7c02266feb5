"""What the adapters do when the world around them breaks: each fault, its stated outcome, in both directions."""
