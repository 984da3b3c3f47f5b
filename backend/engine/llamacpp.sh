# SPDX-License-Identifier: MIT
#
# llama-server of llama.cpp. `model` is a path on the cluster (absolute, ~/, ./, or anything that ends in .gguf; relative
# ones begin at the home directory) or else a Hugging Face name, which llama-server fetches by itself.
# Source: llama-server --help, b4748.

engine() {
	local model=() bind=''
	[[ -n $SFS_IMAGE ]] || sfs_need_binary
	case $SFS_MODEL in
	'') ;;
	/* | '~/'* | ./* | ../* | *.gguf)
		SFS_MODEL=$(sfs_path "$SFS_MODEL")
		[[ $SFS_MODEL == /* ]] || SFS_MODEL=$HOME/$SFS_MODEL
		if [[ ! -r $SFS_MODEL ]]; then
			sfs_error "the model file $SFS_MODEL cannot be read on $SFS_NODE: see model = \"...\" in [model.$SFS_SERVICE]"
			exit 66
		fi
		model=(-m "$SFS_MODEL") bind=${SFS_MODEL%/*}
		;;
	*) model=(-hf "$SFS_MODEL") ;;
	esac
	sfs_wrap "$bind"
	# b4748 has two threads more than slots, if it is not told otherwise, and a connection that is kept for later holds one of
	# them for five seconds: new ones wait for so long, those of the health check too.
	exec "${SFS_WRAP[@]}" "$SFS_BINARY" --host "$SFS_HOST" --port "$SFS_PORT" --api-key-file "$SFS_KEY_FILE" \
		-np "$SFS_SLOTS" --threads-http $((SFS_SLOTS + 32)) "${model[@]}" "${SFS_ARGS[@]}"
}
