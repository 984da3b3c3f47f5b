#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The verbs for people at a terminal: models, watch and run, with a mount and without one.
. "$(dirname "$0")/lib.sh"

: > "$T/gate"
cat > "$T/config.toml" <<- END
	[gateway]
	listen = "127.0.0.1:0"
	[cluster.local]
	kind = "local"
	workdir = "$T/jobs"
	lease = "20s"
	[model.parrot]
	engine = "parrot"
	description = "repeats what it is asked"
	[model.slow]
	engine = "parrot"
	aliases = ["s"]
	setup = ["while [ ! -s $T/gate ]; do sleep 0.1; done; echo it loads"]
	[model.broken]
	engine = "parrot"
	engine_args = ["--fail", "exit-at-start"]
END
out=$T/out
said() { # FILE REGEX
	grep -qE "$2" "$T/$1"
}
# Then $(wait PID) tells its status.
gone() { # PID
	! kill -0 "$1" 2> /dev/null
}

# --- without a mount
like 'models of a configuration' "$("$SLULLAMAFS" models -c "$T/config.toml")" 'parrot +parrot +repeats what it is asked'
# Other mounts of this user are others' business: the checks of a machine without any are for one without any.
alone() {
	! grep -q ' fuse.slullamafs ' /proc/self/mounts
}
mkdir "$XDG_CONFIG_HOME/slullamafs"
cp "$T/config.toml" "$XDG_CONFIG_HOME/slullamafs/"
! alone || like 'models of the configuration that is read where none is named' \
	"$(cd / && SLULLAMAFS_CONFIG='' "$SLULLAMAFS" models)" 'parrot +parrot +repeats'
rm "$XDG_CONFIG_HOME/slullamafs/config.toml"
! alone || like 'watch without a mount says what to do' "$("$SLULLAMAFS" watch 2>&1)" 'nothing of yours is mounted: mount.slullamafs'
not_ok 'watch of a model that no mount has fails' "$SLULLAMAFS" watch no-such-model
like 'run of a model that is not there lists those that are' \
	"$("$SLULLAMAFS" run nope -c "$T/config.toml" 2>&1)" 'no model nope; there are: parrot, slow, broken'
like 'run with a configuration that is not there' "$("$SLULLAMAFS" run x -c "$T/none.toml" 2>&1)" 'none.toml'
"$SLULLAMAFS" run parrot -t soon > "$out" 2>&1
is 'a time limit that is none: status' $? 2
like 'and the words' "$(< "$out")" '"soon" is no time limit'
for bad in 'run' 'run a b' 'watch a b' 'watch --until ready' 'watch parrot --until happy' 'models --nonsense'; do
	# shellcheck disable=SC2086
	"$SLULLAMAFS" $bad > "$out" 2>&1
	is "$bad: status" $? 2
done

# A session with a mount of its own.
setsid "$SLULLAMAFS" run parrot -c "$T/config.toml" > "$T/session" 2>&1 &
session=$!
ok 'run tells that the model is ready' wait_for 60 said session '^parrot: ready'
url=$(sed -n 's/^parrot: \(http.*\)$/\1/p' "$T/session")
like 'and its URL, which answers' "$(curl -sS "$url/v1/chat/completions" -H 'Content-Type: application/json' \
	-d '{"messages":[{"role":"user","content":"hello"}]}')" '"content": ?"hello"'
ok 'the log of the engine has a prefix' wait_for 20 said session '^\[(OUT|ERR)\] .'
kill -INT "$session"
ok 'Ctrl-C ends it' wait_for 60 gone "$session"
is 'with status 0' "$(wait "$session"; echo $?)" 0
ok 'its mount is gone' wait_for 20 not_mounted "$XDG_RUNTIME_DIR/slullamafs/run-parrot"
not_ok 'and its job' pgrep -f "$T/jobs/"
setsid "$SLULLAMAFS" run broken -c "$T/config.toml" > "$T/session" 2>&1
is 'run of an engine that fails: status' $? 1
like 'and why' "$(< "$T/session")" 'slullamafs: the job of broken has ended: the engine ended with exit status'

# A session that is killed takes its mount along.
setsid "$SLULLAMAFS" run slow -c "$T/config.toml" > "$T/session" 2>&1 &
session=$!
wait_for 60 said session '^slow: starting'
kill -KILL "$session"
wait "$session" 2> /dev/null
ok 'a session that is killed leaves no mount' wait_for 30 not_mounted "$XDG_RUNTIME_DIR/slullamafs/run-slow"

# --- with a mount
mount_again || bail 'no mount'
cd "$M" || bail 'no mount'
is 'models of the mount' "$("$SLULLAMAFS" models | awk '{print $1, $2}' | tr '\n' ' ')" 'parrot asleep slow asleep broken asleep '
"$SLULLAMAFS" watch slow --until ready > "$T/watched" 2>&1 &
watcher=$!
ok 'watch shows where it stands' wait_for 20 said watched ' slow asleep'
not_ok 'and wakes nothing' test -e "$M/slow/job"
echo wake > "$M/slow/ctl"
ok 'watch shows each change' wait_for 30 said watched ' slow starting'
echo > "$T/gate" && echo >> "$T/gate"
ok 'watch --until ends' wait_for 60 gone "$watcher"
is 'with status 0' "$(wait "$watcher"; echo $?)" 0
like 'its last line' "$(tail -n 1 "$T/watched")" ' slow ready on localhost'
"$SLULLAMAFS" watch broken --until ready > "$T/watched" 2>&1 &
watcher=$!
wait_for 20 said watched ' broken asleep'
echo wake > "$M/broken/ctl"
ok 'watch --until of a model that fails ends' wait_for 60 gone "$watcher"
is 'with status 1' "$(wait "$watcher"; echo $?)" 1
like 'and says why' "$(< "$T/watched")" 'broken failed: .*exit status'
like 'on a terminal the lines are drawn in place' \
	"$(timeout 3 script -qec "$SLULLAMAFS watch slow" /dev/null < /dev/null | tr -d '\r')" $'slow +ready on localhost.*\e\\[K'
like 'with the last lines of the log' \
	"$(timeout 3 script -qec "$SLULLAMAFS watch slow" /dev/null < /dev/null)" '    \| '
"$SLULLAMAFS" watch > "$T/watched" 2>&1 &
watcher=$!
ok 'watch shows all' wait_for 20 said watched ' slow ready'
ok 'all models are watched' said watched ' parrot asleep'

# run uses the mount that is there.
setsid "$SLULLAMAFS" run s > "$T/session" 2>&1 &
session=$!
ok 'run by an alias, in the mount' wait_for 30 said session '^s: ready'
like 'shows the log from its start' "$(< "$T/session")" 'it loads'
kill -TERM "$session"
ok 'and stops the model' wait_for 30 state_is slow asleep
ok 'and ends' wait_for 30 gone "$session"
is 'with status 0' "$(wait "$session"; echo $?)" 0
ok 'the mount lives' test -e "$M/status"

like 'watch of a model that is not there lists those that are' "$("$SLULLAMAFS" watch nope 2>&1)" \
	'no mount of yours has a model nope; there are: .*parrot, slow, broken'

mkdir "$T/second"
"$SLULLAMAFS" mount "$T/second" -c "$T/config.toml"
cd /
like 'two mounts are told apart' "$("$SLULLAMAFS" models 2>&1)" 'which of your mounts is meant: .*/llm.*, .*/second'
is 'by the working directory' "$(cd "$T/second/parrot" && "$SLULLAMAFS" models | wc -l)" 3
fusermount3 -u "$T/second"

fusermount3 -u "$M"
ok 'watch sees the end of the mount' wait_for 30 gone "$watcher"
like 'and says so' "$(tail -n 1 "$T/watched")" 'the mount at .* has ended'
done_testing
