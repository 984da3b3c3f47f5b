#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A user with a cluster of his own on a shared mount: his questions are answered by jobs there, which he governs, and of which nobody
# sees anything but he and the owner. The owner is root here, he is nobody, and a third has no cluster.
. "$(dirname "$0")/users.sh"
him=$second
mount_with -o allow_other <<- END || bail 'no mount'
	[gateway]
	listen = "unix:$T/gateway"
	[cluster.site]
	kind = "local"
	workdir = "$T/site"
	[cluster.his]
	kind = "local"
	workdir = "$T/his"
	[model.parrot]
	engine = "parrot"
	cluster = "site"
	[model.slow]
	engine = "parrot"
	cluster = "site"
	slots = 1
	engine_args = ["--gate", "$T/gate"]
	[user.$him]
	cluster = "his"
END
: > "$T/gate"
D=$M/parrot S=$M/slow
export T M D S
ask_as() { # UID TEXT
	as "$1" "echo '$2' > \$D/ask; cat \$D/reply"
}
job_of() { # UID
	as "$1" 'readlink "$D/job"' | sed 's|^../jobs/||'
}

# ---- Each where he belongs
is 'he has his answer' "$(ask_as $him one)" one
his=$(job_of $him)
like 'from a job of his cluster' "$his" '^his\.[0-9]+$'
is 'for all others the model sleeps' "$(status_of parrot state) $(as $third 'jq -r .state "$D/status"')" 'asleep asleep'
is 'without a job' "$(as $third 'ls "$D/job" "$D/replicas" 2> /dev/null' | grep -c his)" 0
is 'they have theirs' "$(ask_as $third two)$(echo three > "$D/ask"; timeout 60 cat "$D/reply")" twothree
ours=$(job_of 0)
like 'from one job of the owner' "$ours $(job_of $third)" "^(site\.[0-9]+) \1\$"
is 'his goes on' "$(job_of $him)" "$his"
is 'his status is of his' "$(as $him 'jq -c "[.cluster, .state, .requests.done, (.jobs | length)]" "$D/status"')" '["his","ready",1,1]'
is 'and theirs of theirs' "$(jq -c '[.cluster, .state, .requests.done, (.jobs | length)]' "$D/status")" '["site","ready",2,1]'
is 'replicas likewise' "$(as $him 'ls "$D/replicas"') $(ls "$D/replicas")" "$his $ours"
is 'a conversation and a batch of his go there too' "$(as $him 'mkdir "$D/chats/c" "$D/batch/b"
	echo four > "$D/chats/c/ask"; cat "$D/chats/c/reply"
	echo five > "$D/batch/b/in.jsonl"
	for i in $(seq 300); do [ "$(jq -r .state "$D/batch/b/status")" = done ] && break; sleep 0.1; done
	jq -r .response.body.choices[0].message.content "$D/batch/b/out.jsonl"
	jq -r .job "$D/history/latest/status"
	jq .requests.done "$D/status"')" "fourfive
$his
3"
is 'JSON too' "$(as $him 'echo "{\"messages\":[{\"role\":\"user\",\"content\":\"six\"}]}" > "$D/request"; jq -r .choices[0].message.content "$D/response"; jq .requests.done "$D/status"')" $'six\n4'

# ---- Who sees what of it
is 'he lists his jobs and those of all' "$(as $him 'ls "$M/jobs"' | sort)" "$(printf '%s\n' "$his" "$ours" | sort)"
is 'so does the owner' "$(ls "$M/jobs" | sort)" "$(printf '%s\n' "$his" "$ours" | sort)"
is 'a third has the others alone' "$(as $third 'ls "$M/jobs" "$M/clusters"' | grep -c his)" 0
export his
like 'by name neither' "$(as $third 'cat "$M/jobs/$his/status" "$M/clusters/his/status"')" 'No such file.*No such file|No such file'
like 'he reads all of it' "$(as $him 'cat "$M/jobs/$his/script"; head -c 4 "$M/jobs/$his/log/stderr" > /dev/null; head -c 4 "$D/log/stdout" > /dev/null; jq -r .state "$M/clusters/his/status"')" '#!.*up'
is 'it is no part of the gateway' "$(as $him 'jq .url "$M/jobs/$his/status"; cat "$M/jobs/$his/endpoint"')" null
ok 'he does not read the logs of the others' eval "! as $him 'cat \"\$M/jobs/$ours/log/stdout\"' > /dev/null"
like 'nor by an open directory' "$(cd "$M/jobs/$his" && as $third 'cat status script')" 'No such file|Permission denied'
tell_of_all() { # UID: every file that it may read
	as "$1" 'find "$M" -type f ! -name ask ! -name reply ! -name request ! -name response ! -name config -print0 |
		xargs -0 timeout 30 cat 2> /dev/null'
}
is 'no file tells a third of it' "$(tell_of_all $third | grep -c '"his\|his\.')" 0
is 'he is told' "$(as $him 'jq -r "select(.model == \"parrot\" and .to == \"ready\") | .cluster" "$M/events"; jq -r ".jobs | keys[]" "$M/status"; grep -c "cluster=\"his\"" "$M/metrics"' | sort -u)" "$(printf '%s\n' 3 his "$his" site "$ours" | sort -u)"
is 'and the owner' "$(jq -r '.clusters | keys[]' "$M/status" | xargs)" 'his site'
is 'nor does the gateway' "$(curl -s --unix-socket "$T/gateway" "http://localhost/{metrics,v1/models,traefik/config,slullama/status}" | grep -c '"his\|his\.')" 0
is 'which does not lead there' "$(curl -s --unix-socket "$T/gateway" -o /dev/null -w '%{http_code}' "http://localhost/jobs/$his/v1/models")" 404
tail -n 0 -f "$M/events" > "$T/followed" &
children+=($!)
wait_for 20 eval "grep -q events <(ls -l /proc/$!/fd 2> /dev/null)"

# ---- What he may do
like 'a third may do nothing' "$(as $third 'echo stop > "$D/ctl"')" 'Permission denied'
ok 'he lengthens its life' as $him 'echo "pin 1h" > "$D/ctl"'
like 'his alone' "$(as $him 'jq -r .pinned_until "$D/status"') $(status_of parrot pinned_until)" '^20.* null$'
ok 'he stops it' as $him 'echo stop > "$D/ctl"'
ok 'it ends' wait_for 60 eval "[ \"\$(as $him 'jq -r .state \"\$D/status\"')\" = asleep ]"
is 'and the others have theirs' "$(status_of parrot state) $(job_of 0)" "ready $ours"
ok 'he wakes it' as $him 'echo wake > "$D/ctl"'
ok 'it is ready again' wait_for 60 eval "[ \"\$(as $him 'jq -r .state \"\$D/status\"')\" = ready ]"
his=$(job_of $him)
ok 'he cancels a job of his' as $him 'echo cancel > "$M/jobs/$his/ctl"'
like 'and none of theirs' "$(as $him "echo cancel > \$M/jobs/$ours/ctl")" 'Permission denied'
is 'the owner follows it all' "$(wait_for 20 grep -q "$his.*cancelled" "$T/followed" && echo yes)" yes

# ---- A crash: his waiting question and his job are taken up where they belong
as $him 'echo seven > "$S/ask"'
ok 'one is under way' wait_for 60 eval "[ \"\$(as $him 'jq .requests.active \"\$S/status\"')\" = 1 ]"
as $him 'echo eight > "$S/ask"'
ok 'one waits' wait_for 60 eval "[ \"\$(as $him 'jq .requests.waiting \"\$S/status\"')\" = 1 ]"
slow=$(as $him 'readlink "$S/job"')
pid=$(daemon_pid)
kill -KILL "$pid"
ok 'the daemon is gone' eval 'wait_for 20 process_gone "$pid" && wait_for 20 not_mounted'
mount_again -o allow_other || bail 'no mount again'
head -c 1000 /dev/zero > "$T/gate"
ok 'his job is taken up' wait_for 60 eval "[ \"\$(as $him 'jq -r .state \"\$S/status\"')\" = ready ]"
is 'the same' "$(as $him 'readlink "$S/job"')" "$slow"
ok 'the questions are answered' wait_for 60 eval "[ \"\$(as $him 'cat \$S/history/*/reply')\" = seveneighteight ]" # latest is the second again
is 'by it' "$(as $him 'jq -r .job "$S"/history/*/status' | sort -u)" "${slow##*/}"
is 'the owner has his too' "$(job_of 0)" "$ours"
ok 'nothing unexpected in the log' no_complaints
unmount || bail 'no unmount'
is 'all jobs have ended' "$(pgrep -fc -- "--api-key-file $T/[hs]i")" 0

# ---- The owner has no other cluster
sed -i "s/^\[user\.$him\]/[user.0]/" "$T/config.toml"
like 'as is said' "$("$SLULLAMAFS" mount "$M" -c "$T/config.toml" 2>&1)" '\[user.0\] in .*/config.toml is the owner of this mount'
not_ok 'and nothing is mounted' is_mounted
done_testing
