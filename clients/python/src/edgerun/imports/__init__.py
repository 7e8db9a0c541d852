"""Reads what other tools have logged, and stores it as runs of the tracker."""
