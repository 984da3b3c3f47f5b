#!/bin/bash
# SPDX-License-Identifier: MIT
#
# `examples/quickstart --cluster`: through SSH and Slurm, on a cluster of its own.
. "$(dirname "$0")/lib.sh"

SLULLAMAFS=${SLULLAMAFS:-$lab_here/../../build/slullamafs}
[ -x "$SLULLAMAFS" ] || bail "$SLULLAMAFS is not built"
tmp=$(mktemp -d /tmp/slullamafs-test.XXXXXX)
trap 'rm -rf --one-file-system "$tmp"' EXIT

status=0
out=$(TMPDIR=$tmp SLULLAMAFS=$SLULLAMAFS ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0} setsid -w \
	"$lab_here/../../examples/quickstart" --cluster < /dev/null 2>&1) || status=$?
if [ "$status" = 77 ] || [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP $(tail -n 1 <<< "$out")"
	exit 0
fi
is 'it succeeds' "$status" 0
[ "$status" = 0 ] || diag "$out"
like 'it shows the model queued, then ready' "$out" 'queued.*ready'
like 'it shows the answers' "$out" 'there to a job of Slurm\..*found the job running\.'
like 'it shows the job' "$out" 'sfs-.*alice'
is 'it leaves nothing behind' "$(ls -A "$tmp"; grep "$tmp" /proc/self/mounts)" ''
done_testing
