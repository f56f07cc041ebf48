#!/bin/sh
# Makes sure that Debian packages are installed:  scripts/system-packages.sh PACKAGE…
# Asks apt only for those that are missing, and only as root; otherwise it says what to ask for.
set -eu

missing=
for package in "$@"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
    printf 'setup | these system packages are missing, ask for them:%s\n' "$missing" >&2
    printf 'setup | (Debian: sudo apt-get install --no-install-recommends%s)\n' "$missing" >&2
    exit 0 # what needs them says so itself
fi
printf 'setup | installing system packages:%s\n' "$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # a list of words
apt-get install -y -qq --no-install-recommends $missing >/dev/null
