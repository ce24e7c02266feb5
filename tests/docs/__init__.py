"""The documentation tells the truth: its code runs, its commands and files are accepted, nothing is left out."""
