#!/bin/sh
# Makes .venv and what belongs in it:  scripts/bootstrap.sh demo|dev
# Quick when nothing changed: a stamp in .venv holds the hash of the requirements that were installed.
set -eu
cd "$(dirname "$0")/.."

kind=${1:?usage: scripts/bootstrap.sh demo|dev}
venv=.venv
say() { printf 'setup | %s\n' "$*"; }
die() { printf 'setup | error: %s\n' "$*" >&2; exit 1; }

find_python() {
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    die "Python 3.11 or newer is needed; install it, or name it: PYTHON=/path/to/python3 make $kind"
}

make_venv() {
    python=$(find_python)
    say "making $venv with $python"
    if "$python" -m venv --clear "$venv" >"${TMPDIR:-/tmp}/edgesite-venv.$$" 2>&1; then
        rm -f "${TMPDIR:-/tmp}/edgesite-venv.$$"
        return
    fi
    reason=$(tail -n 3 "${TMPDIR:-/tmp}/edgesite-venv.$$")
    rm -f "${TMPDIR:-/tmp}/edgesite-venv.$$"
    # Debian splits the module that puts pip into a new environment off into a package of its own.
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if "$python" -c 'import ensurepip' 2>/dev/null; then
        die "$python -m venv failed: $reason"
    fi
    if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
        die "$python cannot make virtual environments; ask for the package $package (apt-get install $package)"
    fi
    sh scripts/system-packages.sh "$package"
    "$python" -m venv --clear "$venv"
}

# The interpreter's version and the moved folder are part of what makes an environment usable.
works() { [ -x "$venv/bin/python" ] && "$venv/bin/python" -m pip --version >/dev/null 2>&1; }

fingerprint() {
    "$venv/bin/python" - "$@" <<'PYTHON'
import hashlib, sys
digest = hashlib.sha256(sys.version.encode())
for name in sys.argv[1:]:
    with open(name, "rb") as file:
        digest.update(file.read())
print(digest.hexdigest())
PYTHON
}

install() { # install STAMP REQUIREMENTS-FILE [FILE-IT-INCLUDES]
    stamp=$venv/.stamp-$1
    shift
    wanted=$(fingerprint "$@")
    if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    say "installing $1 into $venv"
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check -r "$1"
    printf '%s\n' "$wanted" >"$stamp"
}

redis_is_there() {
    [ -n "${CLOUD_REDIS_URL:-}" ] && [ -n "${LOCAL_REDIS_URL:-}" ] && [ -n "${CHANNEL_REDIS_URL:-}" ] && return 0
    "$venv/bin/python" -c 'from edgesite.local_redis import find_redis_server; find_redis_server()' 2>/dev/null
}

# One set-up at a time: `make demo` and `make test` may be started together.
mkdir -p "$venv"
if command -v flock >/dev/null; then
    exec 9>"${TMPDIR:-/tmp}/edgesite-setup-$(id -u)-$(printf '%s' "$PWD" | cksum | cut -d' ' -f1).lock"
    flock 9
fi

works || make_venv
case $kind in
demo)
    install runtime requirements.txt
    redis_is_there || install redis requirements-demo.txt
    ;;
dev)
    install dev requirements-dev.txt requirements.txt
    # The development requirements hold the others: no second look at them by `make demo`.
    fingerprint requirements.txt >"$venv/.stamp-runtime"
    ;;
*)
    die "unknown kind $kind"
    ;;
esac
