# SPDX-License-Identifier: MIT
#
# vLLM, from the PATH or a virtual environment (binary = "~/venv/bin/vllm"), or in a container (image). `model` is a Hugging Face
# name or a path on the cluster; that of a Hugging Face cache may stop at models--ORG--NAME. It is served by the name
# that the path tells and by our own. The key comes by VLLM_API_KEY. Source: vllm serve --help, 0.6 to 0.11.

# sfs_has_option WORD...: is one of these among engine_args?
sfs_has_option() {
	local arg option
	for arg in "${SFS_ARGS[@]}"; do
		for option; do
			[[ $arg != "$option" && $arg != "$option="* ]] || return 0
		done
	done
	return 1
}

# Print the number of GPUs that the job has on this node.
sfs_gpus() {
	local devices=${CUDA_VISIBLE_DEVICES:-}
	if [[ ${SLURM_GPUS_ON_NODE:-} =~ ^[0-9]+$ ]] && ((SLURM_GPUS_ON_NODE > 0)); then
		echo "$SLURM_GPUS_ON_NODE"
	elif [[ -n $devices ]]; then
		devices=${devices//[!,]/}
		echo $((${#devices} + 1))
	else
		echo 1
	fi
}

# Make SFS_MODEL the directory with the files: in a cache that is the snapshot of `main`, or else the newest one.
sfs_find_snapshot() {
	local main
	[[ -d $SFS_MODEL/snapshots ]] || return 0
	main=$(cat -- "$SFS_MODEL/refs/main" 2> /dev/null)
	if [[ -z $main || ! -d $SFS_MODEL/snapshots/$main ]]; then
		main=$(ls -t -- "$SFS_MODEL/snapshots" | head -n 1)
	fi
	SFS_MODEL=$SFS_MODEL/snapshots/$main
}

engine() {
	local args=() gpus bind=''
	export VLLM_API_KEY=$SFS_SECRET
	SFS_MODEL=$(sfs_path "$SFS_MODEL")
	case $SFS_MODEL in
	*/models--*)
		# Its files are links into a folder beside them, so the container needs the whole.
		bind=${SFS_MODEL%%/models--*} bind=$bind/models--${SFS_MODEL#*/models--}
		bind=${bind%%/snapshots*}
		sfs_find_snapshot
		;;
	/*) bind=$SFS_MODEL ;;
	esac
	if [[ $SFS_MODEL == /* && -z $SFS_IMAGE && ! -r $SFS_MODEL ]]; then
		sfs_error "the model $SFS_MODEL cannot be read on $SFS_NODE: see model = \"...\" in [model.$SFS_SERVICE]"
		exit 66
	fi
	[[ -n $SFS_IMAGE ]] || sfs_need_binary
	sfs_wrap "$bind"
	[[ -z $SFS_MODEL ]] || args+=("$SFS_MODEL")
	sfs_has_option --served-model-name || args+=(--served-model-name "${SFS_NAMES[@]}")
	if ! sfs_has_option --tensor-parallel-size -tp && gpus=$(sfs_gpus) && ((gpus > 1)); then
		args+=(--tensor-parallel-size "$gpus")
	fi
	if ((SFS_MAX_MODEL_LEN > 0)) && ! sfs_has_option --max-model-len; then
		args+=(--max-model-len "$SFS_MAX_MODEL_LEN")
	fi
	exec "${SFS_WRAP[@]}" "$SFS_BINARY" serve "${args[@]}" --host "$SFS_HOST" --port "$SFS_PORT" "${SFS_ARGS[@]}"
}
