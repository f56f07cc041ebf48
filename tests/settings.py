"""The product's settings, read in the tests' environment.

A settings module of its own, because pytest-django loads the settings before any conftest.py could change a variable.
"""

import os

import tests.environment  # noqa: F401  # first: the settings below read the environment
from edgesite.settings import *  # noqa: F403
from edgesite.settings import VAR_DIR

if str(VAR_DIR) != os.environ["VAR_DIR"]:
    raise RuntimeError("the settings were read before the tests' environment was set")
