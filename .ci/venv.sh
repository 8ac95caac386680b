#!/usr/bin/env bash
# Makes the virtual environment $1 with the newest suitable Python, or says what the system lacks.
set -euo pipefail
venv=$1
python=""
for candidate in ${PYTHON:-} python3.13 python3.12 python3.11 python3 python; do
  if command -v "$candidate" >/dev/null 2>&1 &&
    "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' >/dev/null 2>&1; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  echo "medqdeg_desktop needs Python 3.11 or newer (Debian: python3 python3-venv, RHEL: python3.11)." >&2
  exit 1
fi
if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
  echo "$python has no venv module (Debian: apt-get install python3-venv)." >&2
  exit 1
fi
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check 'pip>=24'
touch "$venv/bin/pip"
