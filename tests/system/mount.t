#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Mounting and unmounting: what the program says, with which status, and that nothing is left behind, in every state.
. "$(dirname "$0")/lib.sh"

: > "$T/gate"
config() {
	cat <<- END
	[gateway]
	listen = "127.0.0.1:0"
	[cluster.local]
	kind = "local"
	workdir = "$T/work"
	lease = "10s"
	[model.parrot]
	engine = "parrot"
	[model.slow]
	engine = "parrot"
	engine_args = ["--gate", "$T/gate"]
	END
}
config > "$T/config.toml"

# refused NAME STATUS REGEX COMMAND...: it fails with this status and says this, in one line.
refused() {
	local name=$1 want=$2 regex=$3 out status=0
	shift 3
	out=$("$@" 2>&1 < /dev/null) || status=$?
	if [ "$status" = "$want" ] && [[ $out =~ $regex ]] && [ "$(wc -l <<< "$out")" = 1 ]; then
		pass "$name"
	else
		fail "$name" "status $status, want $want"$'\n'"$out"
	fi
}

ln -sf "$SLULLAMAFS" "$T/mount.slullamafs"
mnt=$T/mount.slullamafs

# --- the command line
like '--version' "$("$SLULLAMAFS" --version)" '^slullamafs [0-9]+\.[0-9]+'
like '--help' "$("$SLULLAMAFS" --help)" 'mount .*'
like 'mount --help' "$("$mnt" --help)" 'usage: mount.slullamafs'
refused 'no mount point' 1 'no mount point was given' "$mnt"
refused 'an unknown option' 1 'unknown option "-q"' "$mnt" -q "$M"
refused 'an unknown mount option' 1 'unknown mount option "frobnicate"' "$mnt" "$M" -o frobnicate
refused 'an unknown verb' 2 'unknown verb "frobnicate"' "$SLULLAMAFS" frobnicate

# --- mount points that are none
refused 'a mount point that does not exist' 32 "does not exist; make it with" "$mnt" "$T/nowhere" -c "$T/config.toml"
: > "$T/file"
refused 'a file' 32 'not a directory' "$mnt" "$T/file" -c "$T/config.toml"
mkdir "$T/full" && : > "$T/full/x"
refused 'a directory that is not empty' 32 'not empty' "$mnt" "$T/full" -c "$T/config.toml"
refused 'a configuration that is not there' 32 "$T/none.toml" "$mnt" "$M" -c "$T/none.toml"
printf '[model.x]\nengine = "parrot"\nslotz = 3\n' > "$T/bad.toml"
refused 'a configuration with a mistake' 32 'bad.toml:3: .*slotz.*slots' "$mnt" "$M" -c "$T/bad.toml"

# --- state and runtime directories that are not ours alone
for kind in state runtime; do
	ln -s /tmp "$T/link"
	mkdir -m 777 "$T/open"
	chmod 777 "$T/open"
	{ echo "[mount]"; echo "${kind}_dir = \"$T/link\""; config; } > "$T/dirs.toml"
	refused "a $kind directory that is a link" 32 "$T/link" "$mnt" "$M" -c "$T/dirs.toml"
	{ echo "[mount]"; echo "${kind}_dir = \"$T/open\""; config; } > "$T/dirs.toml"
	refused "a $kind directory that all may write" 32 "$T/open" "$mnt" "$M" -c "$T/dirs.toml"
	{ echo "[mount]"; echo "${kind}_dir = \"$T/file\""; config; } > "$T/dirs.toml"
	refused "a $kind directory that is a file" 32 "$T/file" "$mnt" "$M" -c "$T/dirs.toml"
	rm -rf "$T/link" "$T/open"
done
# What only root can arrange, each in a mount namespace of its own that goes with its command.
privately() { # SCRIPT ARGS...: run by bash with $0 = the mount helper, $1 = the test's directory
	local script=$1
	shift
	unshare -m bash -c "mount --make-rprivate /; $script" "$mnt" "$T" "$@"
}
if [ "$(id -u)" = 0 ] && unshare -m true 2> /dev/null; then
	run='exec "$0" "$1/llm" -c "$1/dirs.toml"'
	{ echo '[mount]'; echo "state_dir = \"$T/disk/state\""; config; } > "$T/dirs.toml"
	mkdir "$T/disk"
	refused 'no fusermount3' 32 'fusermount3 is missing; install the package fuse3' \
		privately 'for f in /usr/bin/fusermount3 /bin/fusermount3; do mount --bind /dev/null $f; done; '"$run"
	refused 'no /dev/fuse' 32 '/dev/fuse' privately 'mount -t tmpfs none /dev; '"$run"
	refused 'a read-only state directory' 32 'Read-only' privately 'mount -t tmpfs -o ro none "$1/disk"; '"$run"
	refused 'a full disk' 32 'No space left' \
		privately 'mount -t tmpfs -o size=4k,nr_inodes=4 none "$1/disk"; head -c 4096 /dev/zero > "$1/disk/x"; '"$run"
	chmod 755 "$T"
	mkdir -m 755 "$T/theirs"
	cp "$SLULLAMAFS" "$T/slullamafs"
	# shellcheck disable=SC2016
	refused 'a mount point of somebody else' 32 'not yours' privately '
		mknod "$1/fuse" c 10 229 && chmod 666 "$1/fuse" && mount --bind "$1/fuse" /dev/fuse
		exec env -u XDG_CONFIG_HOME HOME="$1" setpriv --reuid 65534 --regid 65534 --clear-groups "$1/slullamafs" mount "$1/theirs"'
	refused '/dev/fuse closed to us' 32 '/dev/fuse is closed to you' privately '
		mknod "$1/closed" c 10 229 && chmod 600 "$1/closed" && mount --bind "$1/closed" /dev/fuse
		exec env -u XDG_CONFIG_HOME HOME="$1" setpriv --reuid 65534 --regid 65534 --clear-groups "$1/slullamafs" mount "$1/theirs"'
fi
ok 'no failed mount left one behind' not_mounted

# --- mounted
ok 'mounts' mount_again
ok 'it is there' is_mounted
like 'its source and type' "$(grep " $M " /proc/self/mounts)" '^slullamafs .* fuse.slullamafs '
refused 'mounted already' 32 'mounted already|has this' "$mnt" "$M" -c "$T/config.toml"
is 'the names at the root' "$(ls "$M" | tr '\n' ' ')" 'README clusters config ctl endpoint env events jobs log metrics parrot slow status '
is 'the names of a model' "$(ls "$M/parrot" | tr '\n' ' ')" 'ask batch chats ctl embed endpoint env error history log params replicas reply request response status system vector '
is 'asleep until asked' "$(status_of parrot state)" asleep
ok 'every status is JSON' bash -c "jq -e . '$M/status' '$M/parrot/status' '$M'/clusters/*/status > /dev/null"
like 'env can be sourced' "$(sh -c ". '$M/parrot/env'; echo \$OPENAI_BASE_URL")" '^http://127.0.0.1:[0-9]+/parrot/v1$'
like 'endpoint' "$(cat "$M/parrot/endpoint")" '^http://127.0.0.1:[0-9]+/parrot$'
ok 'unmount' unmount
ok 'no daemon is left' no_daemon

# --- what the caller has open is not held for the life of the mount
ok 'a command substitution ends when the mount answers' timeout 20 bash -c "exec 8>&1; x=\$('$SLULLAMAFS' mount '$M' -c '$T/config.toml' 7>&1)"
ok 'unmount' unmount
ok 'a lock of the caller is free again' bash -c "exec 9> '$T/lock'; flock 9; '$SLULLAMAFS' mount '$M' -c '$T/config.toml' || exit; exec 9>&-; flock -n '$T/lock' true"
ok 'unmount' unmount

# --- other words for the same
ok 'mount.slullamafs CONFIG DIR -o ...' "$mnt" "$T/config.toml" "$M" -o rw,noexec,nosuid,nodev,user,_netdev,nofail,x-systemd.automount,comment=x
ok 'unmount' unmount
ok 'umount(8) of the owner' bash -c "'$mnt' '$T/config.toml' '$M' && umount '$M'"
ok 'no daemon is left' wait_for 20 no_daemon

# --- the end, in every state
mount_again || bail 'no mount'
echo hello > "$M/slow/ask"
cat "$M/slow/reply" > "$T/out" 2> "$T/err" &
reader=$!
ok 'a reader waits' wait_for 60 jq -e '.requests.active == 1' "$M/slow/status"
not_ok 'a mount in use is not unmounted' fusermount3 -u "$M"
pid=$(daemon_pid)
kill -TERM "$pid"
wait "$reader"
ok 'SIGTERM: the reader is told' grep -qi cancel "$T/err"
ok 'SIGTERM: the daemon ends' wait_for 20 no_daemon
ok 'SIGTERM: no mount is left' not_mounted

mount_again || bail 'no mount'
pid=$(daemon_pid)
cat "$M/log" > /dev/null
kill -KILL "$pid"
ok 'SIGKILL: the mount goes by itself, or the next one takes its place' wait_for 20 mount_again
ok 'and it answers' test "$(echo again > "$M/parrot/ask"; cat "$M/parrot/reply")" = again
job=$(readlink "$M/parrot/job")
ok 'the model has a job' test -n "$job"
ok 'unmount' unmount

mount_again || bail 'no mount'
echo hello > "$M/slow/ask"
cat "$M/slow/reply" > /dev/null 2> "$T/err" &
reader=$!
wait_for 60 jq -e '.requests.active == 1' "$M/slow/status"
ok 'lazy unmount with a reader' fusermount3 -uz "$M"
head -c 100 /dev/zero >> "$T/gate"
wait "$reader"
ok 'the daemon ends when the last user is gone' wait_for 30 no_daemon

if [ "$(id -u)" = 0 ] && [ -d /sys/fs/fuse/connections ]; then
	mountpoint -q /sys/fs/fuse/connections || mount -t fusectl none /sys/fs/fuse/connections 2> /dev/null
	mount_again || bail 'no mount'
	dev=$(stat -c %d "$M")
	if [ -w "/sys/fs/fuse/connections/$dev/abort" ]; then
		echo 1 > "/sys/fs/fuse/connections/$dev/abort"
		ok 'abort of the connection: the daemon ends' wait_for 30 no_daemon
		ok 'abort of the connection: no mount is left' wait_for 10 not_mounted
	else
		skip 'abort of the connection' 'no fusectl here'
		unmount
	fi
	: > "$T/gate"
	mount_again || bail 'no mount'
	echo hello > "$M/slow/ask"
	cat "$M/slow/reply" > /dev/null 2>&1 &
	reader=$!
	wait_for 60 jq -e '.requests.active == 1' "$M/slow/status"
	umount -f "$M" 2> /dev/null
	wait "$reader"
	ok 'umount -f with a reader, which aborts the connection: the daemon ends' wait_for 30 no_daemon
	ok 'umount -f with a reader: no mount is left' wait_for 10 not_mounted
	mount_again || bail 'no mount'
	unshare -m --propagation private sleep 30 &
	copy=$!
	wait_for 10 grep -q sleep "/proc/$copy/comm"
	fusermount3 -u "$M"
	ok 'a copy of the mount in another namespace does not keep the daemon' wait_for 20 no_daemon
	kill "$copy"
	wait "$copy" 2> /dev/null
fi
no_engines() {
	! pgrep -f -- "--api-key-file $T/[w]ork" > /dev/null
}
ok 'the engines of daemons that were killed are gone after their lease' wait_for 60 no_engines
done_testing
