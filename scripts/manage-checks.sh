#!/bin/sh
# Django's own checks, with settings and a database of their own.
set -eu
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for command in 'makemigrations --check --dry-run' 'check --fail-level WARNING'; do
    echo ".venv/bin/python manage.py $command"
    # shellcheck disable=SC2086 # a command and its options
    env -u DATABASE_URL -u EDGE_DATABASE_URL DEBUG=1 VAR_DIR="$folder" .venv/bin/python -W ignore manage.py $command
done
