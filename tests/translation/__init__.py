"""The translation layer by itself: every rule a table, every table checked against random input."""
