#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What durable prompts cost: the parts of one question beside the disk's own fsync, and 64 writers with durability and without. ROUNDS
# questions, SECONDS of writing each; the state directory is on the file system of TMPDIR (/tmp).
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
ROUNDS=${ROUNDS:-301} SECONDS_EACH=${SECONDS_EACH:-3} WRITERS=${WRITERS:-64}

cat > "$T/engine" <<- END
	#!/bin/sh
	echo "\$1 \$2 \$(cat "\$3")" > "$T/engine.at.new" && mv "$T/engine.at.new" "$T/engine.at"
	exec "$SLULLAMAFS" parrot --host "\$1" --port "\$2" --api-key-file "\$3"
	END
chmod +x "$T/engine"

# mounted DURABLE [DIR]: the parts of a question, and then how many a second the writers get rid of.
mounted() {
	mount_with <<- END || bail 'no mount'
		[mount]
		durable = $1
		log_level = "error"
		[gateway]
		listen = ["unix:$T/gateway"]
		[cluster.local]
		kind = "local"
		[model.parrot]
		engine = "command"
		command = ["$T/engine", "{host}", "{port}", "{key_file}"]
		slots = 64
		max_queue = 1000000
		END
	wake parrot
	echo "durable = $1, one client, medians of $ROUNDS:"
	"$BUILD/tests/bench-durable" ask "$M/parrot" "$T/engine.at" "$ROUNDS" "${@:2}"
}

counter() {
	sed -n "s/^slullamafs_store_$1_total //p" "$M/metrics"
}

drained() {
	[ "$(jq '.requests.waiting + .requests.active' "$M/parrot/status")" = 0 ]
}

echo "# durable: aims: all of it <= 0.75 ms over HTTP beyond the fsyncs' own time; $WRITERS writers >= 0.5 of durable = false; >= 8 prompts a commit"
for durable in false true; do
	if [ "$durable" = true ]; then mounted true "$T"; else mounted false; fi
	commits=$(counter commits) synced=$(counter synced)
	rate[${#rate[@]}]=$("$BUILD/tests/bench-durable" writers "$M/parrot" "$WRITERS" "$SECONDS_EACH")
	commits=$(($(counter commits) - commits)) synced=$(($(counter synced) - synced))
	wait_for 120 drained
	unmount || bail 'no unmount'
done
echo "$WRITERS writers: ${rate[1]} prompts/s durable, ${rate[0]} with durable = false: ratio $(jq -n "${rate[1]} / ${rate[0]} * 100 | round / 100")"
echo "steps that were waited for, or on their way to somebody, per commit: $(jq -n "$synced / $commits * 10 | round / 10")"
