#!/bin/bash
# SPDX-License-Identifier: MIT
#
# stat, open+read+close and readdir per second against the least file system with the same timeouts (reference_fs.c, the role of libfuse's
# hello_ll). Pairs take turns. ROUNDS pairs of MS milliseconds a side.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
ROUNDS=${ROUNDS:-21} MS=${MS:-40}

mount_with <<- END || bail 'no mount'
	[gateway]
	listen = ["unix:$T/gateway"]
	[model.parrot]
	engine = "parrot"
	END
mkdir "$T/reference"
entries=("$M"/parrot/*)
"$BUILD/tests/bench-reference-fs" "$T/reference" "${#entries[@]}" &
reference=$!
background+=("$reference")
wait_for 10 test -e "$T/reference/dynamic" || bail 'no reference file system'

echo "# metadata: operations per second, medians of $ROUNDS pairs; ours / reference >= 0.95 is the aim"
echo '# what                     clients      ours reference  ratio (quartiles)      server us: ours, reference'
for clients in 1 4; do
	for row in 'stat, constant:stat:README:constant' 'stat, dynamic:stat:status:dynamic' 'open+read+close, constant:read:README:constant' \
		'open+read+close, dynamic:read:status:dynamic' 'readdir:readdir:parrot:dir' \
		'stat, name looked up each time:stat:parrot/reply:named'; do
		IFS=: read -r name op ours theirs <<< "$row"
		"$BUILD/tests/bench-metadata" "$name" "$op" "$clients" "$ROUNDS" "$MS" "$M/$ours" "$T/reference/$theirs" \
			"$(daemon_pid)" "$reference"
	done
done
