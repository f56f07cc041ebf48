"""`python -m edgesite.demo`, which `make demo` runs."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from edgesite.console import Console
from edgesite.demo.options import DemoError, Options
from edgesite.demo.probe import check_port_is_free, lock_folder
from edgesite.demo.run import run_demo
from edgesite.process_guard import set_death_signal


def main() -> int:
    """The exit status: 0 after a clean end, also when it was asked for by Ctrl-C; 1 when the demo could not go on."""
    if os.environ.get("EDGESITE_FOLLOW_PARENT"):  # make does not pass every signal on: end when it ends
        set_death_signal(signal.SIGTERM)
    console = Console(sys.stdout.fileno())
    try:
        options = Options.read(os.environ, Path.cwd())
        with lock_folder(options.var_dir):
            check_port_is_free(options.port)
            run_demo(options, console)
    except DemoError as error:
        console.flush(timeout_s=0.2)
        sys.stderr.write(f"demo | error: {error}\n")
        return 1
    except KeyboardInterrupt:  # before the signals were taken over: nothing runs yet
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
