#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A batch: its share of what an ideal client gets out of the engine (SLOTS slots, answers that take DELAY seconds, QUESTIONS of them);
# and one of LINES lines: the memory of the daemon, and how soon the next mount goes on with it after kill -9. LINES=1000000 is what the
# aims are for.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
SLOTS=${SLOTS:-64} DELAY=${DELAY:-0.2} QUESTIONS=${QUESTIONS:-4000} ROUNDS=${ROUNDS:-3} LINES=${LINES:-100000}

cat > "$T/engine" <<- END
	#!/bin/sh
	echo "\$1 \$2 \$(cat "\$3")" > "$T/engine.at.new" && mv "$T/engine.at.new" "$T/engine.at"
	exec "$SLULLAMAFS" parrot --host "\$1" --port "\$2" --api-key-file "\$3" --delay "\$4"
	END
chmod +x "$T/engine"
mount_with <<- END || bail 'no mount'
	[mount]
	log_level = "error"
	[gateway]
	listen = ["unix:$T/gateway"]
	[cluster.local]
	kind = "local"
	[model.parrot]
	engine = "command"
	command = ["$T/engine", "{host}", "{port}", "{key_file}", "$DELAY"]
	slots = $SLOTS
	[model.fast]
	engine = "command"
	command = ["$T/engine", "{host}", "{port}", "{key_file}", "0"]
	slots = $SLOTS
	END

now_ms() {
	local up
	read -r up _ < /proc/uptime
	echo $((10#${up/./} * 10))
}
done_of() {
	jq .done "$M/$1/status"
}
is_done() {
	[ "$(jq -r .state "$M/$1/status")" = done ]
}
memory() { # KiB, the most so far
	awk '/^VmHWM:/ { print $2 }' "/proc/$(daemon_pid)/status"
}

echo "# batch: aims: >= 97 % of an ideal client; 1,000,000 lines: <= 64 MiB, resumed in <= 2 s"
wake parrot
seq -f 'question %.0f' "$QUESTIONS" > "$T/questions"
for ((round = 1; round <= ROUNDS; round++)); do
	ideal=$("$BUILD/tests/bench-ideal" "$T/engine.at" "$SLOTS" "$QUESTIONS")
	mkdir "$M/parrot/batch/round$round"
	cp "$T/questions" "$M/parrot/batch/round$round/in.jsonl"
	begin=$(now_ms)
	until is_done "parrot/batch/round$round"; do sleep 0.05; done
	awk -v i="$ideal" -v n="$QUESTIONS" -v ms=$(($(now_ms) - begin)) -v r=$round \
		'BEGIN { printf "round %d: ideal %.1f/s, batch %.1f/s: %.1f %%\n", r, i, n * 1000 / ms, n * 100000 / ms / i }'
	rmdir "$M/parrot/batch/round$round"
done
echo stop > "$M/parrot/ctl"
B=fast/batch/large
seq "$LINES" | awk '{ printf "{\"custom_id\":\"request-%d\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"Answer in one word.\"},{\"role\":\"user\",\"content\":\"What is the colour of number %d?\"}]}}\n", $1, $1 }' > "$T/large"
idle=$(memory)
mkdir "$M/$B"
begin=$(now_ms)
printf '%d lines, %d bytes: copied in ' "$LINES" "$(wc -c < "$T/large")"
"$BUILD/tests/bench-hold" "$M/status" cp "$T/large" "$M/$B/in.jsonl"
until [ "$(done_of $B)" -gt 0 ]; do sleep 0.05; done
printf 'the first answer after %d ms\n' $(($(now_ms) - begin))
until [ "$(done_of $B)" -ge $((LINES / 2)) ]; do sleep 0.2; done
printf 'memory: %d KiB before, %d KiB with half of it done\n' "$idle" "$(memory)"
kill -KILL "$(daemon_pid)"
wait_for 20 not_mounted
begin=$(now_ms)
mount_again || bail 'no mount after the kill'
mounted=$(($(now_ms) - begin))
until [ "$(done_of $B)" -ge $((LINES / 2)) ]; do sleep 0.02; done
known=$(($(now_ms) - begin)) before=$(done_of $B)
until [ "$(done_of $B)" -gt "$before" ]; do sleep 0.02; done
printf 'after kill -9: mounted in %d ms, results known in %d ms, the next result in %d ms\n' $mounted $known $(($(now_ms) - begin))
until is_done $B; do sleep 0.2; done
printf 'memory: %d KiB at the end; %d results, each once: %s\n' "$(memory)" "$(wc -l < "$M/$B/out.jsonl")" \
	"$(cut -d '"' -f 8 "$M/$B/out.jsonl" | sort | uniq -d | wc -l | sed 's/^0$/yes/')"
