#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A prompt that was closed is answered, whatever happens to the daemon: killed at each moment of its life, a disk that is full, a store
# that is damaged. The same shell asks before and reads after.
. "$(dirname "$0")/lib.sh"

: > "$T/gate" # as many tokens of each answer as it has bytes
config() { # [LINES OF MOUNT]
	printf '[mount]\n%s\n[gateway]\nlisten = "127.0.0.1:0"\n[model.parrot]\nengine = "parrot"\nslots = 64\nengine_args = ["--gate", "%s"]\n' "${1:-}" "$T/gate"
}
config | mount_with || bail 'no mount'
D=$M/parrot
store() {
	ls "$XDG_STATE_HOME"/slullamafs/*/store.sqlite"${1:-}" 2> /dev/null
}
open_gate() {
	head -c 10000 /dev/zero > "$T/gate"
}
close_gate() {
	: > "$T/gate"
}
kill_daemon() {
	local pid
	pid=$(daemon_pid)
	kill -KILL "$pid"
	wait_for 20 process_gone "$pid"
	wait_for 20 not_mounted
}
again() {
	kill_daemon
	mount_again || bail 'no second mount'
}
active() {
	[ "$(jq .requests.active "$D/status")" = "$1" ]
}
latest_state() {
	[ "$(jq -r .state "$D/history/latest/status")" = "$1" ]
}
ok 'status says that prompts are durable' jq -e '.durable and .warnings == []' "$M/status"

# ---- Killed at each moment
echo 'while the job starts' > "$D/ask"
again
open_gate
is 'killed while the model woke' "$(timeout 60 cat "$D/reply")" 'while the job starts'
again
is 'killed after the answer: the same shell still reads it' "$(timeout 60 cat "$D/reply")" 'while the job starts'

close_gate
echo 'sent, and not begun' > "$D/ask"
wait_for 60 active 1
again
open_gate
is 'killed when it was sent' "$(timeout 60 cat "$D/reply")" 'sent, and not begun'

close_gate
echo 'one two three' > "$D/ask"
printf x > "$T/gate"
wait_for 60 latest_state streaming
again
is 'killed in the middle of the answer: the text so far' "$(timeout 60 cat "$D/reply" 2> "$T/err")" one
like 'and ECONNRESET' "$(cat "$T/err")" 'Connection reset'
like 'error says why' "$(cat "$D/error")" 'daemon ended'
is 'history says so too' "$(jq -r '"\(.state) \(.errno)"' "$D/history/latest/status")" 'failed ECONNRESET'
again
is 'and it stays so' "$(timeout 60 cat "$D/reply" 2> /dev/null)" one
open_gate

# ---- Drafts
exec 3> "$D/ask"
echo 'flushed, and not closed' >&3
again
exec 3>&-
is 'a draft whose last operation was a flush is sent' "$(timeout 60 cat "$D/reply")" 'flushed, and not closed'

cat > "$T/writer.py" <<- 'END'
	import os, sys
	fd = os.open(sys.argv[1], os.O_WRONLY)
	os.write(fd, b'first ')
	os.close(os.dup(fd))
	os.write(fd, b'second')
	print('written', flush=True)
	sys.stdin.read()
	END
mkfifo "$T/hold"
python3 "$T/writer.py" "$D/ask" < "$T/hold" > "$T/written" 2> /dev/null &
writer=$!
exec 4> "$T/hold"
wait_for 60 grep -q written "$T/written"
# What was written since is told to the store in the background; here it is there when something else is on disk.
timeout 60 bash -c "echo other > '$D/ask'; cat '$D/reply'" > /dev/null
again
exec 4>&-
wait "$writer"
is 'a draft that was written on is not sent: nobody knows its end' "$(cat "$D"/history/[0-9]*/status | jq -rs 'map(select(.state == "cancelled")) | length')" 1

is 'fsync submits, and is on disk' "$(python3 -c "
import os, sys
fd = os.open('$D/ask', os.O_WRONLY)
os.write(fd, b'by fsync')
os.fsync(fd)
os.close(fd)
print(open('$D/reply').read())")" 'by fsync'

# ---- In order
close_gate
echo 'waits over an unmount' > "$D/ask"
timeout 60 cat "$D/reply" 2> "$T/err" &
reader=$!
wait_for 60 active 1
pid=$(daemon_pid)
kill -TERM "$pid"
wait "$reader"
like 'unmount: who reads gets ECANCELED' "$(cat "$T/err")" 'Operation canceled'
wait_for 30 process_gone "$pid"
mount_again || bail 'no mount after the unmount'
open_gate
is 'and the next mount answers' "$(timeout 60 cat "$D/reply")" 'waits over an unmount'

# ---- Too old
close_gate
echo 'too old' > "$D/ask"
wait_for 60 active 1
kill_daemon
config 'resend_max_age = "0"' | mount_with || bail 'no mount with resend_max_age'
open_gate
timeout 60 cat "$D/reply" > /dev/null 2> "$T/err"
like 'older than resend_max_age: ECANCELED' "$(cat "$T/err")" 'Operation canceled'
like 'error names the key' "$(cat "$D/error")" resend_max_age
like 'no engine got it' "$(jq -r .begun "$D/history/latest/status")" null

# ---- Sixty-four at once
many=$(seq 64)
# shellcheck disable=SC2016
is '64 writers at once, each with its answer' "$(printf '%s\n' $many | D=$D xargs -P 64 -I{} timeout 120 sh -c 'echo "number {}" > "$D/ask"; echo "$(cat "$D/reply")"' | sort)" "$(printf 'number %s\n' $many | sort)"
is 'all of them are in history' "$(cat "$D"/history/[0-9]*/reply | grep -o 'number' | wc -l)" 64

# ---- The disk has it before close(2) returns: the sync comes between the request and its answer
cat > "$T/order.py" <<- 'END'
	import re, sys
	flush, synced, good = None, False, 0
	for line in open(sys.argv[1]):
	    text = bytes(int(h, 16) for h in re.findall(r'\\x([0-9a-f]{2})', line))
	    if re.search(r'\bread\(', line) and len(text) >= 16 and text[4:8] == b'\x19\0\0\0':
	        flush, synced = text[8:16], False
	    elif re.search(r'(fdatasync|fsync)(\(\d+\)| resumed>\)) += 0', line):
	        synced = True
	    elif flush and re.search(r'\bwritev?\(', line) and flush in text:
	        if synced: good += 1
	        flush = None
	print(good)
	END
if strace -o "$T/try" true 2> /dev/null; then
	strace -f -xx -s 64 -e trace=read,write,writev,fsync,fdatasync -o "$T/trace" -p "$(daemon_pid)" 2> "$T/strace" &
	tracer=$!
	if wait_for 30 grep -q attached "$T/strace"; then
		echo 'look at this' > "$D/ask"
		timeout 60 cat "$D/reply" > /dev/null
		kill "$tracer"
		wait "$tracer" 2> /dev/null
		is 'FLUSH is answered behind an fsync' "$(python3 "$T/order.py" "$T/trace")" 1
	else
		kill "$tracer"
		skip 'FLUSH is answered behind an fsync' 'strace cannot attach'
	fi
else
	skip 'FLUSH is answered behind an fsync' 'strace does not work here'
fi
ok 'nothing of ours complained' no_complaints

done_testing
