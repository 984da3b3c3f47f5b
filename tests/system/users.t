#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Two users on one mount: nothing of the one's is seen by the other, by whatever file or call. The first is root here, who mounts, and
# the second nobody; then two that are both not root, in front of whom the daemon has no privilege to hide behind.
. "$(dirname "$0")/users.sh"
them=$second
mount_with -o allow_other <<- END || bail 'no mount'
	[gateway]
	listen = "unix:$T/gateway"
	[cluster.local]
	kind = "local"
	[model.parrot]
	engine = "parrot"
	[model.slow]
	engine = "parrot"
	slots = 1
	engine_args = ["--gate", "$T/gate"]
END
: > "$T/gate"
D=$M/parrot S=$M/slow
export T M D S
# Words that stand in nothing but what a user asked, got or tried.
secret=zebra-of-the-first theirs=yak-of-the-second

# ---- Each asks and reads; neither finds the other's
echo "$secret" > "$D/ask"
is 'the first has its answer' "$(timeout 60 cat "$D/reply")" "$secret"
is 'the second has nothing yet' "$(as $them 'cat "$D/reply"; ls "$D/history"')" ''
like 'nor an error of somebody' "$(as $them 'cat "$D/error"')" 'nothing that you asked is known here'
is 'it asks and reads' "$(as $them "echo $theirs > \$D/ask; cat \$D/reply")" "$theirs"
is 'the first still has its own' "$(timeout 60 cat "$D/reply")" "$secret"
is 'and its own last prompt in ask' "$(cat "$D/ask")" "$secret"
is 'an answer belongs to its asker' "$(as $them "echo $theirs > \$D/ask; cat \$D/reply > /dev/null; stat -c '%u %a' \$D/reply")" "$them 400"
is 'and ours to us' "$(stat -c '%u %a' "$D/reply")" '0 400'
is 'the other pairs likewise' "$(printf '{"messages":[{"role":"user","content":"%s"}]}' "$secret" > "$D/request"; timeout 60 cat "$D/response" > /dev/null; as $them 'cat "$D/response" "$D/vector" "$D/request" "$D/embed"')" ''
# What the kernel keeps of a file belongs to its inode: sendfile goes by way of it, also where reads do not.
is 'sendfile gives neither what the other asked' "$(as $them 'exec 3< "$D/ask"
	read -r _; python3 -c "
import os
r, w = os.pipe()
n = os.sendfile(w, 3, 0, 4096)
print(os.read(r, n).decode() if n else \"\")"' < <(
	for _ in 1 2 3; do
		echo "$secret" > "$D/ask"
		python3 -c 'import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
r, w = os.pipe()
os.sendfile(w, fd, 0, 4096)' "$D/ask"
	done
	timeout 60 cat "$D/reply" > /dev/null
	echo go
) | grep -c "$secret")" 0
# A write takes the file to a size, and a page of it is then kept, for all that had it open before.
coproc other { as $them 'exec 3< "$D/ask"
	echo open
	read -r _
	python3 -c "
import os
r, w = os.pipe()
n = os.sendfile(w, 3, 0, 4096)
print(os.read(r, n).decode() if n else \"nothing\")"'; }
exec 7<&"${other[0]}" 8>&"${other[1]}" # bash forgets it when it has ended
read -r -t 60 _ <&7
echo "$secret" > "$D/ask"
timeout 60 cat "$D/reply" > /dev/null
is 'the first sees its own while it writes' "$(python3 -c 'import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
ask = os.open(sys.argv[1], os.O_WRONLY)
os.write(ask, b"y" * 500)
r, w = os.pipe()
print(os.read(r, os.sendfile(w, fd, 0, 4096)).decode())' "$D/ask")" "$secret"
echo go >&8
read -r -t 60 seen <&7
is 'and the second, who had it open, nothing' "$seen" nothing
exec 7<&- 8>&-

# ---- Conversations and batches, some of one name
mkdir "$D/chats/plan" "$D/batch/run"
echo "$secret in a chat" > "$D/chats/plan/ask"
timeout 60 cat "$D/chats/plan/reply" > /dev/null
echo "$secret in a batch" > "$D/batch/run/in.jsonl"
ok 'the batch of the first is done' wait_for 60 eval '[ "$(jq -r .state "$D/batch/run/status")" = done ]'
is 'the second sees neither' "$(as $them 'ls "$D/chats" "$D/batch" | grep -v :')" ''
like 'also by name' "$(as $them 'cat "$D/chats/plan/transcript" "$D/batch/run/out.jsonl"')" '^[^:]*: .*(No such file|Permission denied)'
is 'and has its own' "$(as $them "mkdir \$D/chats/plan \$D/batch/run && echo $theirs > \$D/chats/plan/ask && cat \$D/chats/plan/reply")" "$theirs"
is 'with its own uid' "$(as $them 'stat -c "%u %a" "$D/chats/plan" "$D/batch/run"')" $'65534 700\n65534 700'
like 'its ctl are its own' "$(as $them 'echo hold > "$D/batch/run/ctl" && echo undo > "$D/chats/plan/ctl" && jq -r .state "$D/batch/run/status" && jq .turns "$D/chats/plan/status"')" $'held\n0'
is 'what the first said is unchanged' "$(jq .turns "$D/chats/plan/status")" 1
ok 'it removes its own' as $them 'rm -r "$D/chats/plan" "$D/batch/run"'
is 'and no other' "$(ls "$D/chats" "$D/batch/run" | grep -c -x -e plan -e out.jsonl)" 2

# ---- Files that tell of all
printf 'nonsense %s\n' "$theirs" | as $them 'cat > "$D/ctl"' > /dev/null
tell_of_all() { # UID: every file that it may read, but for its own exchanges
	as "$1" 'find "$M" -path "*/history/*" -prune -o -type f ! -name ask ! -name reply ! -name request ! -name response ! -name embed ! -name vector ! -name error -print0 |
		xargs -0 timeout 30 cat 2> /dev/null'
}
is 'no other file shows what the first asked' "$(tell_of_all $them | grep -c "$secret")" 0
is 'nor to a third what the second asked or tried' "$(tell_of_all $third | grep -c "$theirs")" 0
is 'nor of the use of keys' "$(as $them 'grep -c slullamafs_gateway "$M/metrics"')" 0
ok 'the owner does' grep -q slullamafs_gateway "$M/metrics"
ok 'although status, events, metrics and config can be read' as $them 'cat "$M/status" "$M/events" "$M/metrics" "$M/config" "$D/status" "$M"/jobs/*/status "$M"/clusters/*/status > /dev/null'
for file in log env ctl parrot/env parrot/log/stdout parrot/log/stderr 'jobs/*/log/stdout' 'jobs/*/log/stderr' 'jobs/*/script' 'jobs/*/ctl' 'clusters/*/auth'; do
	like "$file is closed" "$(as $them "head -c 1 \$M/$file")" 'Permission denied'
done
ok 'to the owner they are open' eval 'cat "$M/log" "$M/parrot/log/stdout" "$M"/jobs/*/log/stderr "$M"/jobs/*/script > /dev/null'

# ---- What has been looked up by one is in the kernel's cache for the other
ls -lR "$M" > /dev/null 2>&1
mine=$(readlink "$D/history/latest")
like 'an exchange, by its name' "$(as $them "cat \$D/history/$mine/prompt")" 'No such file|Permission denied'
like 'log, by its name' "$(as $them 'cat "$M/log"')" 'Permission denied'
hold=$(as $them 'readlink "$D/history/latest"')
not_ok 'nor the other way' cat "$D/history/$hold/prompt"

# ---- Nothing that is ours can be changed
for file in system params; do
	like "$file cannot be written" "$(as $them "echo x > \$D/$file")" 'Permission denied'
	like "$file cannot be emptied" "$(as $them "truncate -s 0 \$D/$file")" 'Permission denied'
done
like 'nor modes' "$(as $them 'chmod 777 "$D/system"')" 'not permitted'
like 'nor owners' "$(as $them "chown $them \$D/system")" 'not permitted'
for verb in wake stop unpin 'pin 1h' 'extend 1h' 'replicas 1'; do
	like "$verb is the owner's" "$(as $them "echo '$verb' > \$D/ctl")" 'Permission denied'
done

# ---- Each cancels what is its own
echo first > "$S/ask"
ok 'the first is with the engine' wait_for 60 eval '[ "$(status_of slow requests.active)" = 1 ]'
as $them 'echo second > "$S/ask"'
ok 'the second waits' wait_for 60 eval '[ "$(status_of slow requests.waiting)" = 1 ]'
like 'a third has nothing to cancel' "$(as $third 'echo cancel > "$S/ctl"')" 'No such file'
as $third 'echo "cancel all" > "$S/ctl"'
is 'nor by cancel all' "$(status_of slow 'requests | "\(.active) \(.waiting)"')" '1 1'
as $them 'echo "cancel all" > "$S/ctl"'
ok 'the second cancels its own' wait_for 60 eval '[ "$(status_of slow requests.waiting)" = 0 ]'
is 'and not the first' "$(status_of slow requests.active)" 1
head -c 1000 /dev/zero > "$T/gate"
is 'which is answered' "$(timeout 60 cat "$S/reply")" first

# ---- Images are read as their asker may, and as nobody else
image() { # URL
	jq -cn --arg url "$1" '{messages: [{role: "user", content: [{type: "image_url", image_url: {url: $url}}]}]}'
}
mkdir -m 755 "$T/images"
for owner in 0 $them $third; do
	printf 'GIF89a of %s ' "$owner" > "$T/images/$owner.gif"
	chown "$owner:$owner" "$T/images/$owner.gif"
	chmod 400 "$T/images/$owner.gif"
	image "$T/images/$owner.gif" > "$T/images/$owner.json"
done
cp "$T/images/0.gif" "$T/images/group.gif"
chgrp 1234 "$T/images/group.gif"
chmod 440 "$T/images/group.gif"
image "$T/images/group.gif" > "$T/images/group.json"
ask_image() { # UID NAME
	as "$1" "cp \$T/images/$2.json \$D/request && cat \$D/response"
}
like 'its own' "$(ask_image $them $them)" chat.completion
like "not root's" "$(ask_image $them 0)" 'Permission denied'
like "nor another's" "$(ask_image $them $third)" 'Permission denied'
like 'the error names it' "$(as $them 'cp "$T/images/0.json" "$D/request" 2> /dev/null; cat "$D/error"')" 'images/0.gif cannot be read: Permission denied'
like 'its own groups count' "$(timeout 60 setpriv --reuid $them --regid $them --groups 1234 bash -c 'cp "$T/images/group.json" "$D/request" && cat "$D/response"')" chat.completion
like 'and no others' "$(ask_image $them group)" 'Permission denied'
image /proc/self/fd/3 > "$T/images/fd.json"
like 'nothing of the daemon by way of /proc' "$(ask_image $them fd)" 'No such file|Permission denied'
like 'root reads what it may' "$(image "$T/images/$third.gif" > "$D/request"; timeout 60 cat "$D/response")" chat.completion
is 'nobody sees that it was read' "$(tell_of_all $third | grep -c images/)" 0
ok 'nothing unexpected in the log' no_complaints
unmount || bail 'no unmount'

# ---- A daemon that is not root's
mkdir "$T/own"
chown $them:$them "$T/own" "$M"
cp "$SLULLAMAFS" "$T/slullamafs"
{
	printf '[mount]\nstate_dir = "%s/own/state"\nruntime_dir = "%s/own/run"\n' "$T" "$T"
	sed 's|/gateway|/own/gateway|' "$T/config.toml"
} > "$T/own.toml"
chmod 644 "$T/own.toml"
if out=$(HOME=$T/own as $them '"$T/slullamafs" mount "$M" -c "$T/own.toml" -o allow_other'); then
	is 'its owner asks' "$(as $them "echo $theirs > \$D/ask; cat \$D/reply")" "$theirs"
	is 'another asks' "$(as $third "echo $secret > \$D/ask; cat \$D/reply")" "$secret"
	is 'each has its own' "$(as $them 'cat "$D/history/latest/reply"'; as $third 'cat "$D/history/latest/reply"')" "$theirs$secret"
	is 'the owner sees nothing of the other' "$(tell_of_all $them | grep -c "$secret")" 0
	like 'the owner names images by path' "$(ask_image $them $them)" chat.completion
	like 'another is refused with the way out' "$(as $third 'cp "$T/images/65533.json" "$D/request"; cat "$D/error"')" 'only for the owner of this mount.*data URL'
	unmount || bail 'no unmount'
else
	skip 'a daemon that is not root' "$(head -n 1 <<< "$out")"
fi
done_testing
