# SPDX-License-Identifier: MIT
#
# Ollama, behind the relay. `model` and `pre_pull` are pulled before it counts as ready. It knows no key, so it listens on
# loopback at a port of the relay's choice; without Python on the node it is refused, or everybody's with expose = true.
# Source: ollama serve --help, and envconfig/config.go for OLLAMA_HOST and OLLAMA_MODELS.

# A copy on the node's own disk is quicker to start where the home is slow. job.sh removes SFS_REMOVE when the job ends.
SFS_COPY=${TMPDIR:-/tmp}/slullamafs-ollama-${SLURM_JOB_ID:-$$}-$RANDOM$RANDOM
if [[ $SFS_COPY_BINARY == 1 && $SFS_CLEANUP_BINARY == 1 ]]; then
	SFS_REMOVE=$SFS_COPY
fi

sfs_copy_ollama() {
	local source
	source=$(sfs_path "${SFS_COPY_SOURCE:-$SFS_BINARY}")
	source=$(type -P -- "$source") || {
		sfs_error "copy_source = \"${SFS_COPY_SOURCE:-$SFS_BINARY}\" of [model.$SFS_SERVICE] is no program on $SFS_NODE"
		exit 127
	}
	# A directory that was not there before cannot be a trap of somebody else's.
	if [[ ! -O $SFS_COPY/ollama ]] && ! { mkdir -m 700 -- "$SFS_COPY" && cp -- "$source" "$SFS_COPY/ollama" &&
		chmod 700 -- "$SFS_COPY/ollama"; }; then
		sfs_error "$source could not be copied to $SFS_COPY on $SFS_NODE"
		exit 73
	fi
	SFS_BINARY=$SFS_COPY/ollama
}

# Without a relay: pull first, on loopback, then serve everybody.
sfs_serve_exposed() {
	local model port=$SFS_PORT server i
	sfs_choose_port
	export OLLAMA_HOST=127.0.0.1:$SFS_PORT
	"${SFS_WRAP[@]}" "$SFS_BINARY" serve &
	server=$!
	for ((i = 0; i < 600; i++)); do
		"${SFS_WRAP[@]}" "$SFS_BINARY" list > /dev/null 2>&1 && break
		kill -0 "$server" || exit 1
		sleep 0.2
	done
	for model; do
		sfs_state "progress text=pulling $model"
		if ! "${SFS_WRAP[@]}" "$SFS_BINARY" pull "$model" > /dev/null 2> "$SFS_DIR/pull"; then
			sfs_error "pulling $model: $(tail -n 1 -- "$SFS_DIR/pull")"
			kill "$server"
			exit 70
		fi
	done
	kill "$server"
	wait "$server"
	export SFS_PORT=$port OLLAMA_HOST=$SFS_HOST:$port
	sfs_state 'exposed to=cluster'
	exec "${SFS_WRAP[@]}" "$SFS_BINARY" serve "${SFS_ARGS[@]}"
}

engine() {
	local model pulls=()
	if [[ $SFS_COPY_BINARY == 1 ]]; then
		sfs_copy_ollama
	elif [[ -z $SFS_IMAGE ]]; then
		sfs_need_binary
	fi
	if [[ -n $SFS_MODELS_DIR ]]; then
		OLLAMA_MODELS=$(sfs_path "$SFS_MODELS_DIR")
		export OLLAMA_MODELS
	fi
	sfs_wrap "${OLLAMA_MODELS:-}"
	for model in "$SFS_MODEL" "${SFS_PRE_PULL[@]}"; do
		[[ -z $model ]] || pulls+=(--pull "$model")
	done
	sfs_relay --health "${SFS_HEALTH:-/api/version}" "${pulls[@]}" -- "${SFS_WRAP[@]}" "$SFS_BINARY" serve "${SFS_ARGS[@]}"
	sfs_no_relay
	sfs_serve_exposed "$SFS_MODEL" "${SFS_PRE_PULL[@]}"
}
