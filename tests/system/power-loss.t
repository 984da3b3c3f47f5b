#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A loss of power: of the state directory only what was synced is left. Its file system is on a loop device whose backing file is copied
# at that moment: what the kernel still had in memory is not in the copy. kill -9 alone would show nothing, since it loses no memory.
. "$(dirname "$0")/lib.sh"

[ "$(id -u)" = 0 ] || { echo '1..0 # SKIP needs root'; tap_done=1; exit 0; }
mkdir "$T/disk" "$T/after"
truncate -s 32M "$T/image"
mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 "$T/image" 2> /dev/null && mount -o loop,commit=3600 "$T/image" "$T/disk" 2> /dev/null || {
	echo '1..0 # SKIP no file system on a loop device here'
	tap_done=1
	exit 0
}
cleanup() {
	fusermount3 -uzq "$M"
	wait_for 20 no_daemon
	umount -l "$T/disk" "$T/disk" 2> /dev/null
}

: > "$T/gate"
mount_with <<- END || bail 'no mount'
	[mount]
	state_dir = "$T/disk/state"
	[gateway]
	listen = "127.0.0.1:0"
	[cluster.local]
	kind = "local"
	workdir = "$T/work"
	[model.parrot]
	engine = "parrot"
	engine_args = ["--gate", "$T/gate"]
	END
D=$M/parrot
echo 'before the power went' > "$D/ask"
echo 'not synced' > "$T/disk/plain"
cp "$T/image" "$T/copy"
kill -KILL "$(daemon_pid)"
wait_for 20 not_mounted
umount -l "$T/disk" # the job's shell lives in it
mount -o loop "$T/copy" "$T/disk" || bail 'the copy cannot be mounted'
ok 'what nobody synced is gone' test ! -s "$T/disk/plain"
mount_again || bail 'no mount after the loss'
head -c 1000 /dev/zero > "$T/gate"
is 'the prompt is there, and answered' "$(timeout 60 cat "$D/reply")" 'before the power went'
ok 'the store was not damaged' jq -e '.durable and .warnings == []' "$M/status"
ok 'nothing of ours complained' no_complaints
done_testing
