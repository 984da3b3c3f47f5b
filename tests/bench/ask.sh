#!/bin/bash
# SPDX-License-Identifier: MIT
#
# From a question to the first byte of its answer, through the files and over HTTP to the same engine. ROUNDS pairs.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
ROUNDS=${ROUNDS:-301}

# The wrapper tells the client where the engine is and its key.
cat > "$T/engine" <<- END
	#!/bin/sh
	echo "\$1 \$2 \$(cat "\$3")" > "$T/engine.at.new" && mv "$T/engine.at.new" "$T/engine.at"
	exec "$SLULLAMAFS" parrot --host "\$1" --port "\$2" --api-key-file "\$3"
	END
chmod +x "$T/engine"
mount_with <<- END || bail 'no mount'
	[gateway]
	listen = ["unix:$T/gateway"]
	[cluster.local]
	kind = "local"
	[model.parrot]
	engine = "command"
	command = ["$T/engine", "{host}", "{port}", "{key_file}"]
	END
wake parrot

echo "# ask: one client, model ready, medians of $ROUNDS pairs; aim: difference <= 0.35 ms"
"$BUILD/tests/bench-ask" "$M/parrot" "$T/engine.at" "$ROUNDS"
