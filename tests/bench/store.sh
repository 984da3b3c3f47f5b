#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A store with SIZE exchanges of earlier days against one with 1,000: to mount, to ask, to open reply, to list. Both have CHATS conversations.
# The two take turns operation by operation, for ROUNDS of MS milliseconds a side; a round gives a ratio of its medians. SIZE=1000000 is what it is to hold.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
SIZE=${SIZE:-100000} ROUNDS=${ROUNDS:-41} MS=${MS:-100} CHATS=${CHATS:-100}

config() { # NAME
	cat <<- END
	[mount]
	state_dir = "$T/$1.state"
	runtime_dir = "$T/$1.run"
	history = "3650d"
	history_max = "1TiB"
	[gateway]
	listen = ["unix:$T/$1.gateway"]
	[cluster.local]
	kind = "local"
	[model.parrot]
	engine = "command"
	command = ["$T/engine", "{host}", "{port}", "{key_file}", "$1"]
	END
}
cat > "$T/engine" <<- END
	#!/bin/sh
	echo "\$1 \$2 \$(cat "\$3")" > "$T/\$4.at.new" && mv "$T/\$4.at.new" "$T/\$4.at"
	exec "$SLULLAMAFS" parrot --host "\$1" --port "\$2" --api-key-file "\$3"
	END
chmod +x "$T/engine"

# fill STORE N: exchanges of a line each, a second apart, the last of them yesterday, and conversations of ten turns.
fill() {
	python3 - "$1" "$2" "$CHATS" <<- 'END'
		import os, sqlite3, sys, time
		db = sqlite3.connect(sys.argv[1])
		n, chats, uid = int(sys.argv[2]), int(sys.argv[3]), os.getuid()
		first = int(time.time() - 86400) * 1000 - n * 1000
		status = '{"id":"x","model":"parrot","state":"done"}\n'
		def rows():
		    for i in range(n):
		        at = first + i * 1000
		        yield (at, uid, "parrot", 4, at, at + 500, 0, "a boot before", "", 0, "", status, 21, 20, 0, len(status))
		def texts():
		    for i in range(n):
		        at = (first + i * 1000) * 65536
		        yield (at, b"Why is the sky blue?\n")
		        yield (at + 1, b"Why is the sky blue?")
		db.execute("PRAGMA synchronous = OFF")
		db.executemany("INSERT INTO prompts(id, uid, model, state, asked, ended, losses, boot, asker, rc, error, status, prompt_len, reply_len,"
		               " error_len, status_len) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows())
		db.executemany("INSERT INTO texts(at, data) VALUES(?, ?)", texts())
		for i in range(1, chats + 1):
		    db.execute("INSERT INTO chats(id, uid, model, name, changed, given, prompt_tokens, completion_tokens, used, used_bytes, context)"
		               " VALUES(?, ?, 'parrot', ?, ?, 0, 10, 10, 10, 40, 0)", (i, uid, f"chat-{i}", first))
		    for at in range(20):
		        role = "assistant" if at % 2 else "user"
		        db.execute("INSERT INTO messages(chat, at, data) VALUES(?, ?, ?)", (i, at, '{"role":"%s","content":"Why is the sky blue?"}' % role))
		db.commit()
	END
}

declare -A pid mounted
for side in few:1000 many:"$SIZE"; do
	name=${side%:*} n=${side#*:}
	mkdir -p "$T/llm-$name"
	config "$name" > "$T/$name.toml"
	"$SLULLAMAFS" mount "$T/llm-$name" -c "$T/$name.toml" || bail 'no mount'
	p=$(daemon_pid "$T/llm-$name")
	fusermount3 -u "$T/llm-$name"
	wait_for 20 process_gone "$p"
	store=$(find "$T/$name.state" -name store.sqlite)
	fill "$store" "$n" || bail 'the store cannot be filled'
	begin=$(date +%s%N)
	"$SLULLAMAFS" mount "$T/llm-$name" -c "$T/$name.toml" || bail 'no second mount'
	mounted[$name]=$((($(date +%s%N) - begin) / 1000000))
	pid[$name]=$(daemon_pid "$T/llm-$name")
done
M=$T/llm-few wake parrot
M=$T/llm-many wake parrot

echo "# a store of $SIZE exchanges against one of 1000; the ratio to reach is rates >= 0.83, times <= 1.2"
for name in few many; do
	printf 'mount, %-4s                     %6d ms\n' "$name" "${mounted[$name]}"
	printf 'Private_Dirty of the daemon     %6d KiB\n' "$(awk '/^Private_Dirty:/ { print $2 }' "/proc/${pid[$name]}/smaps_rollup")"
done
for name in few many; do
	echo hello > "$T/llm-$name/parrot/ask"
	cat "$T/llm-$name/parrot/reply" > /dev/null
done
latest=$(readlink "$T/llm-many/parrot/history/latest")
echo '# operations per second          clients   many       few  ratio (quartiles)      server us: many, few'
for row in 'ask:ask:parrot' 'open reply:read:parrot/reply' 'stat history/latest:stat:parrot/history/latest' 'readdir of the model:readdir:parrot' 'readdir of chats:readdir:parrot/chats'; do
	IFS=: read -r what op path <<< "$row"
	[ -e "$T/llm-many/$path" ] || continue
	"$BUILD/tests/bench-metadata" "$what" "$op" 1 "$ROUNDS" "$MS" "$T/llm-many/$path" "$T/llm-few/$path" "${pid[many]}" "${pid[few]}"
done
printf 'an old answer is read           '
"$BUILD/tests/bench-hold" "$T/llm-many/status" cat "$T/llm-many/parrot/history/$latest/reply"
printf 'ls -f of all history            '
"$BUILD/tests/bench-hold" "$T/llm-many/status" ls -f "$T/llm-many/parrot/history"
