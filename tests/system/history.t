#!/bin/bash
# SPDX-License-Identifier: MIT
#
# history/: each exchange of the caller's own, from anywhere, and of nobody else's. Nothing there waits.
. "$(dirname "$0")/lib.sh"

: > "$T/gate"
config() { # [LINES OF MOUNT]
	printf '[mount]\n%s\n[gateway]\nlisten = "127.0.0.1:0"\n[model.parrot]\nengine = "parrot"\naliases = ["p"]\nengine_args = ["--gate", "%s"]\n[model.other]\nengine = "parrot"\n' "${1:-}" "$T/gate"
}
config | mount_with || bail 'no mount'
D=$M/parrot H=$M/parrot/history
ids() {
	ls "$H" | grep -v latest
}
state() { # ID
	jq -r .state "$H/$1/status"
}

is 'nothing is there at first' "$(ls "$H")" ''
not_ok 'latest is not there either' readlink "$H/latest"
not_ok 'an id that is none' ls "$H/000000000"
not_ok 'a name that is no id' ls "$H/nonsense"

# ---- While it is under way
printf 'one two three' > "$D/ask"
ok 'it is there at once' wait_for 60 test -e "$H/latest"
id=$(readlink "$H/latest")
like 'an id is short and plain' "$id" '^[0-9a-z]{9}$'
ok 'sent' wait_for 60 eval '[ "$(state latest)" = sent ]'
is 'reply never waits: nothing has come' "$(timeout 10 cat "$H/$id/reply")" ''
printf xx > "$T/gate"
ok 'streaming' wait_for 60 eval '[ "$(state latest)" = streaming ]'
ok 'reply: what has come, then end-of-file' wait_for 60 eval '[ "$(timeout 10 cat "$H/latest/reply")" = "one two" ]'
head -c 1000 /dev/zero > "$T/gate"
is 'the asker gets all' "$(timeout 60 cat "$D/reply")" 'one two three'
ok 'done' wait_for 60 eval '[ "$(state latest)" = done ]'

# ---- When it is over
is 'prompt' "$(cat "$H/$id/prompt")" 'one two three'
is 'reply' "$(cat "$H/$id/reply")" 'one two three'
is 'error is empty' "$(cat "$H/$id/error")" ''
is 'status has the fields of the contract' "$(jq -c 'keys_unsorted' "$H/$id/status")" \
	'["id","model","state","asked","begun","ended","job","tokens","finish_reason","errno","error"]'
is 'and their values' "$(jq -r '"\(.id) \(.model) \(.tokens.completion) \(.finish_reason) \(.errno)"' "$H/$id/status")" "$id parrot 3 stop null"
for file in prompt reply error status; do
	is "$file: the size that stat shows is what there is" "$(stat -c %s "$H/$id/$file")" "$(wc -c < "$H/$id/$file")"
done
mtime=$(stat -c %y "$H/$id/reply")
is 'mtime does not move' "$(cat "$H/$id/reply" > /dev/null; stat -c %y "$H/$id/reply")" "$mtime"
tar -C "$H" -cf "$T/tar" "$id" 2> "$T/err"
is 'tar takes it whole and without complaint' "$(tar -xOf "$T/tar" "$id/reply"; cat "$T/err")" 'one two three'
cp -r "$H/$id" "$T/copy"
is 'cp -r' "$(cat "$T/copy/prompt" "$T/copy/reply")" $'one two three\none two three'
is 'another session reads it too' "$(setsid -w timeout 20 cat "$H/$id/reply")" 'one two three'
is 'by the alias' "$(cat "$M/p/history/$id/reply")" 'one two three'
is 'another model has a history of its own' "$(ls "$M/other/history")" ''
not_ok 'where the id means nothing' ls "$M/other/history/$id"
not_ok 'it cannot be written' bash -c "echo x > '$H/$id/reply'"
not_ok 'nor removed' rm -rf "$H/$id"

# ---- Failures, in their order
printf 'bad \377 bytes' > "$D/ask" 2> /dev/null
printf '  \n' > "$D/ask"
echo 'hold on' > "$D/ask"
: > "$T/gate"
echo cancelled > "$D/ask"
wait_for 60 eval '[ "$(state latest)" = sent ]'
echo cancel > "$D/ctl"
ok 'cancelled' wait_for 60 eval '[ "$(state latest)" = cancelled ]'
is 'its errno' "$(jq -r .errno "$H/latest/status")" ECANCELED
like 'its error' "$(cat "$H/latest/error")" 'ctl'
is 'all are there, oldest first' "$(ids | while read -r i; do head -n 1 "$H/$i/prompt" | head -c 4 | tr -d '\377\n'; echo; done | paste -sd,)" 'one ,bad ,  ,hold,canc'
is 'ids sort by time' "$(ids)" "$(ids | sort)"
is 'a refused prompt is a failed exchange' "$(jq -r '"\(.state) \(.errno)"' "$H/$(ids | sed -n 2p)/status")" 'failed EINVAL'
is 'find wakes nothing and waits for nothing' "$(timeout 60 find "$M/other" "$H" -type f -exec cat {} + > /dev/null 2>&1; status_of other state)" asleep

# ---- Over a mount
head -c 1000 /dev/zero > "$T/gate"
before=$(cd "$H" && ids && cat [0-9]*/*)
unmount || bail 'no unmount'
mount_again || bail 'no second mount'
is 'the next mount has the same' "$(cd "$H" && ids && cat [0-9]*/*)" "$before"
unmount || bail 'no unmount'

# ---- Bounds
config 'history_max = "1500"' | mount_with || bail 'no mount with a small history'
echo fresh > "$D/ask"
timeout 60 cat "$D/reply" > /dev/null
ok 'beyond history_max the oldest go' wait_for 60 eval '[ "$(ids | wc -l)" -lt 3 ]'
is 'the latest stays' "$(cat "$H/latest/prompt")" fresh
unmount || bail 'no unmount'
config 'history = "0"' | mount_with || bail 'no mount without history'
echo secret > "$D/ask"
is 'history = 0: reply works' "$(timeout 60 cat "$D/reply")" secret
ok 'and nothing is kept' wait_for 60 eval '[ -z "$(ls "$H")" ]'
unmount || bail 'no unmount'

# ---- Two users
other() { # SCRIPT
	timeout 60 setpriv --reuid 65534 --regid 65534 --clear-groups bash -c "$1" 2>&1
}
if [ "$(id -u)" = 0 ] && chmod 711 "$T" && config | mount_with -o allow_other 2> /dev/null; then
	export H D
	echo mine > "$D/ask"
	timeout 60 cat "$D/reply" > /dev/null
	mine=$(readlink "$H/latest")
	is 'another user sees an empty history' "$(other 'ls "$H"; readlink "$H/latest"')" ''
	like 'cannot look into an exchange of ours' "$(other "ls '$H/$mine'")" 'No such file|Permission denied'
	ls -l "$H/$mine" > /dev/null # now the kernel knows the name
	like 'not by way of the cache either' "$(other "cat '$H/$mine/prompt'")" 'No such file|Permission denied'
	is 'has one of its own' "$(other 'echo theirs > "$D/ask"; cat "$D/reply"; echo; cat "$H/latest/prompt"; ls "$H" | grep -vc latest')" $'theirs\ntheirs\n1'
	theirs=$(other 'readlink "$H/latest"')
	is 'which belongs to it' "$(other 'stat -c "%u %a" "$H/latest/" "$H/latest/reply"')" $'65534 500\n65534 400'
	not_ok 'and which we do not see' ls "$H/$theirs"
	is 'latest is ours for us' "$(readlink "$H/latest")" "$mine"
	unmount || bail 'no unmount'
else
	skip 'two users' 'needs root and allow_other'
fi
done_testing
