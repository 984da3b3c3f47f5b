#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Two models of one share: directories of their own, one job.
. "$(dirname "$0")/lib.sh"

config() {
	cat <<- END
		[gateway]
		listen = "127.0.0.1:0"
		pass_unknown = "gpu"
		[cluster.local]
		kind = "local"
		workdir = "$T/work"
		[model.a]
		engine = "parrot"
		share = "gpu"
		model = "a:1b"
		idle_timeout = "10m"
		[model.b]
		share = "gpu"
		model = "b:1b"
		aliases = ["bee"]
		[model.c]
		engine = "parrot"
	END
}
mount_with < <(config) || bail 'no mount'
echo 'to b' > "$M/b/ask"
is 'b answers' "$(< "$M/b/reply")" 'to b'
echo 'to a' > "$M/a/ask"
is 'a answers' "$(< "$M/a/reply")" 'to a'
is 'by one job' "$(ls "$M/jobs" | wc -l)" 1
job=$(ls "$M/jobs")
is 'which is of both' "$(jq -c .models "$M/jobs/$job/status")" '["a","b"]'
is 'as the links in it say' "$(cd "$M/jobs/$job/models" && for l in *; do echo "$l $(readlink "$l")"; done | xargs)" \
	'a ../../../a b ../../../b'
is 'and those of the root' "$(jq -c ".jobs[\"$job\"].models" "$M/status")" '["a","b"]'
is 'it is the job of each' "$(readlink "$M/a/job") $(readlink "$M/b/job")" "../jobs/$job ../jobs/$job"
is 'and the replica' "$(ls "$M/a/replicas" "$M/b/replicas" | grep -c "^$job$")" 2
is 'each counts its own' "$(status_of a requests.done) $(status_of b requests.done)" '1 1'
is 'history is its own' "$(ls "$M/a/history" | wc -l) $(< "$M/b/history/latest/reply")" '2 to b'
is 'one changes state with the other' "$(grep -c '"event":"model".*"to":"ready"' "$M/events")" 2
url=$(< "$M/endpoint")
asks() { # asks URL MODEL: what the engine was told
	curl -sS -m 60 "$1/v1/chat/completions" -d "{\"model\":\"$2\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}" | jq -r .model
}
is 'the engine is told which is meant' "$(asks "$url" a) $(asks "$url" bee) $(asks "$url/b" b)" 'a:1b b:1b b:1b'
is 'at the door of the job too' "$(asks "$url/jobs/$job" a) $(asks "$url/jobs/$job" b)" 'a:1b b:1b'
is 'a name that nobody has goes there as it is' "$(asks "$url" other:7b)" other:7b
is 'still by one job' "$(ls "$M/jobs" | wc -l)" 1
echo stop > "$M/b/ctl"
ok 'a stop of one ends the job of both' wait_for 60 state_is a asleep
is 'b sleeps' "$(status_of b state)" asleep
is 'c is by itself' "$(status_of c state)" asleep
ok 'nothing unexpected in the log' no_complaints
unmount

config | sed 's/^model = "b:1b"/&\nidle_timeout = "5m"/' > "$T/config.toml"
like 'two that say different things of the job are named' "$("$SLULLAMAFS" models -c "$T/config.toml" 2>&1)" \
	'config.toml:[0-9]*: idle_timeout in \[model.b\] is not what \[model.a\] says'
done_testing
