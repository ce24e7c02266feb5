"""The examples and README's code, run as a user runs them."""
