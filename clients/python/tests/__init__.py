"""Tests of the client that need no tracker: `python -m unittest discover -s clients/python` runs them."""
