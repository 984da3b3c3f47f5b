#!/bin/bash
# SPDX-License-Identifier: MIT
#
# stat, open+read+close and readdir per second against the least file system with the same timeouts (reference_fs.c, the role of libfuse's
# hello_ll). Pairs take turns. ROUNDS pairs of MS milliseconds a side. Then a mount of MODELS models against one of ten.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
ROUNDS=${ROUNDS:-21} MS=${MS:-40} MODELS=${MODELS:-10000}

mount_with <<- END || bail 'no mount'
	[gateway]
	listen = ["unix:$T/gateway"]
	[model.parrot]
	engine = "parrot"
	END
mkdir "$T/reference"
entries=("$M"/parrot/*)
"$BUILD/tests/bench-reference-fs" "$T/reference" "${#entries[@]}" &
reference=$!
background+=("$reference")
wait_for 10 test -e "$T/reference/dynamic" || bail 'no reference file system'

echo "# metadata: operations per second, medians of $ROUNDS pairs; ours / reference >= 0.95 is the aim"
echo '# what                     clients      ours reference  ratio (quartiles)      server us: ours, reference'
for clients in 1 4; do
	for row in 'stat, constant:stat:README:constant' 'stat, dynamic:stat:status:dynamic' 'open+read+close, constant:read:README:constant' \
		'open+read+close, dynamic:read:status:dynamic' 'readdir:readdir:parrot:dir' \
		'stat, name looked up each time:stat:parrot/reply:named'; do
		IFS=: read -r name op ours theirs <<< "$row"
		"$BUILD/tests/bench-metadata" "$name" "$op" "$clients" "$ROUNDS" "$MS" "$M/$ours" "$T/reference/$theirs" \
			"$(daemon_pid)" "$reference"
	done
done

# models N: a mount of so many at $T/llm-N, the last of which is `last`; its names have nothing in common but their beginning.
models() {
	{
		printf '[mount]\nstate_dir = "%s"\nruntime_dir = "%s"\n[gateway]\nlisten = ["unix:%s"]\n' "$T/$1.state" "$T/$1.run" "$T/$1.gateway"
		seq -f 'model-%.0f' $(($1 - 1)) | awk '{ printf "[model.%s]\nengine = \"parrot\"\naliases = [\"alias-%s\"]\n", $1, $1 }'
		printf '[model.last]\nengine = "parrot"\naliases = ["alias"]\n'
	} > "$T/$1.toml"
	mkdir "$T/llm-$1"
	"$SLULLAMAFS" mount "$T/llm-$1" -c "$T/$1.toml" || bail "no mount of $1 models"
}
models 10
models "$MODELS"
few=$T/llm-10 many=$T/llm-$MODELS

echo "# a mount of $MODELS models against one of 10; ratio >= 0.95 is the aim, but for what has a line for each model"
echo '# what                     clients      many       few  ratio (quartiles)      server us: many, few'
for row in 'stat, name looked up each time:stat:last/reply' 'stat of a model:stat:last' 'a name that no model has:miss:nosuch' \
	'open+read+close of a status:read:last/status' 'readdir of a model:readdir:last'; do
	IFS=: read -r name op path <<< "$row"
	"$BUILD/tests/bench-metadata" "$name" "$op" 1 "$ROUNDS" "$MS" "$many/$path" "$few/$path" "$(daemon_pid "$many")" "$(daemon_pid "$few")"
done
for path in status metrics config; do
	printf 'the root'"'"'s %-8s               ' "$path"
	"$BUILD/tests/bench-hold" "$many/last/status" cat "$many/$path"
done
printf 'ls -f of the root               '
"$BUILD/tests/bench-hold" "$many/last/status" ls -f "$many"
