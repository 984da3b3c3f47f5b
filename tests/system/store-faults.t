#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The store has troubles of its own: it is damaged, of a newer version, not wanted, or on a disk that is full. The mount comes up all
# the same, and says so.
. "$(dirname "$0")/lib.sh"

config() { # [LINES OF MOUNT]
	printf '[mount]\n%s\n[gateway]\nlisten = "127.0.0.1:0"\n[model.parrot]\nengine = "parrot"\n' "${1:-}"
}
config | mount_with || bail 'no mount'
D=$M/parrot
ok 'a store that is fine has no warning' jq -e '.durable and .warnings == []' "$M/status"

# ---- Stores that cannot be read
unmount || bail 'no unmount'
db=$(ls "$XDG_STATE_HOME"/slullamafs/*/store.sqlite)
printf 'this is no database%4000s' . > "$db"
rm -f "$db-wal"
mount_again || bail 'no mount on a damaged store'
like 'a damaged store: the mount comes up and says so' "$(jq -r '.warnings[]' "$M/status")" "$db.*set aside as .*damaged-"
ok 'it is kept' grep -q 'this is no database' "$db".damaged-*
is 'and questions are answered' "$(echo new > "$D/ask"; timeout 60 cat "$D/reply")" new
unmount || bail 'no unmount'
python3 -c "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('PRAGMA user_version = 1000'); c.commit()" "$db"
mount_again || bail 'no mount on a newer store'
like 'a newer store: likewise' "$(jq -r '.warnings[]' "$M/status")" 'version 1000.*newer-'
unmount || bail 'no unmount'

# ---- Without
config 'durable = false' | mount_with || bail 'no mount without durability'
ok 'durable = false: status says so' jq -e '.durable == false' "$M/status"
before=$(cksum < "$db")
is 'it answers' "$(echo light > "$D/ask"; timeout 60 cat "$D/reply")" light
is 'history is in memory' "$(cat "$D/history/latest/prompt" "$D/history/latest/reply")" $'light\nlight'
is 'the store is left alone' "$(cksum < "$db")" "$before"
kill -KILL "$(daemon_pid)"
wait_for 20 not_mounted
mount_again || bail 'no second mount'
is 'and nothing outlives the daemon' "$(timeout 60 cat "$D/reply"; ls "$D/history")" ''
unmount || bail 'no unmount'

# ---- A full disk
full() {
	[ "$(jq .durable "$M/status")" = false ]
}
cleanup() {
	[ -z "${disk:-}" ] || { fusermount3 -uz "$M"; wait_for 20 no_daemon; umount -l "$disk"; } 2> /dev/null
}
if [ "$(id -u)" = 0 ] && mkdir "$T/disk" && mount -t tmpfs -o size=1m,mode=700 slullamafs-test "$T/disk" 2> /dev/null; then
	disk=$T/disk
	config "state_dir = \"$disk\"" | mount_with || bail 'no mount on the small disk'
	is 'a small disk' "$(echo small > "$D/ask"; timeout 60 cat "$D/reply")" small
	dd if=/dev/zero of="$disk/filler" bs=4k 2> /dev/null
	head -c 100000 /dev/zero | tr '\0' x > "$T/long"
	not_ok 'a full disk: the writer is told' cp "$T/long" "$D/ask"
	like 'reply is ENOSPC, not an older answer' "$(timeout 60 cat "$D/reply" 2>&1)" 'No space left'
	like 'error says what to look at' "$(cat "$D/error")" "$disk"
	ok 'status says that nothing is durable now' wait_for 30 full
	like 'and why' "$(jq -r '.warnings[]' "$M/status")" 'store.sqlite'
	like 'open says it' "$(bash -c "echo x > '$D/ask'" 2>&1)" 'No space left'
	rm "$disk/filler"
	ok 'there is room again' wait_for 30 jq -e '.durable and .warnings == []' "$M/status"
	is 'and all is well' "$(echo room > "$D/ask"; timeout 60 cat "$D/reply")" room
else
	skip 'a full disk' 'needs root'
fi
done_testing
