"""Imports a folder of MLflow's with pieces of 5 MiB, the smallest that there are."""

import sys

import edgerun.cli
from edgerun.imports import target

target._PIECE = 5 * 1024 * 1024
sys.exit(edgerun.cli.main(["import", sys.argv[1], "--owner", sys.argv[2]]))
