# SPDX-License-Identifier: MIT
#
# For an engine that can run in a container: `image` is a file on the cluster or a URI that Apptainer understands.

# sfs_wrap PATH...: set SFS_WRAP to the words that run a program in the image, with these paths to be seen in it too, or to none
# where there is no image. Names of the environment get in with the prefix APPTAINERENV_; nothing secret is in the arguments.
sfs_wrap() {
	local name program image path
	SFS_WRAP=()
	[[ -n $SFS_IMAGE ]] || return 0
	program=$(type -P apptainer) || program=$(type -P singularity) || {
		sfs_error "neither apptainer nor singularity was found on $SFS_NODE, and image is set: make it known in setup = [...]"
		exit 127
	}
	image=$(sfs_path "$SFS_IMAGE")
	if [[ $image != *://* && ! -e $image ]]; then
		sfs_error "the image $image is not there on $SFS_NODE: see image = \"...\" in [model.$SFS_SERVICE]"
		exit 66
	fi
	SFS_WRAP=("$program" exec --nv)
	for path in "$SFS_DIR" "$@"; do
		# A colon or a comma would be read as a part of the option; such a path has to be bound by the site's own configuration.
		[[ $path != /* || $path == *[:,]* || ! -e $path ]] || SFS_WRAP+=(--bind "$path")
	done
	SFS_WRAP+=("$image")
	for name in LLAMA_API_KEY OPENAI_API_KEY SLULLAMAFS_API_KEY VLLM_API_KEY; do
		[[ -z ${!name:-} ]] || export "APPTAINERENV_$name=${!name}" "SINGULARITYENV_$name=${!name}"
	done
}
