"""The product's settings, read in the tests' environment.

A settings module of its own, because pytest-django loads the settings before any conftest.py could change a variable.
"""

import os

import tests.environment  # noqa: F401  # first: the settings below read the environment
from edgesite.settings import *  # noqa: F403
from edgesite.settings import VAR_DIR

if str(VAR_DIR) != os.environ["VAR_DIR"]:
    raise RuntimeError("the settings were read before the tests' environment was set")

# Looking for every static file costs each test client a tenth of a second; the browser's tests run the real middleware.
MIDDLEWARE = [name for name in MIDDLEWARE if not name.startswith("servestatic.")]  # noqa: F405
# A slow hash protects real passwords; in a test it only costs time.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
