#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What reading a long queue costs, and that it costs no memory that stays.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
PARSES=${PARSES:-500}

echo '# squeue: one parse; aim for 1,000 jobs: <= 5 ms, memory flat'
"$BUILD/tests/bench-squeue" 1000 100 "$PARSES"
