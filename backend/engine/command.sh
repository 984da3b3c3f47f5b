# SPDX-License-Identifier: MIT
#
# Any program that serves the OpenAI API where it is told. `{host} {port} {key_file} {model}` in its words are replaced; the
# key is also in OPENAI_API_KEY. The program must refuse requests with another key, or the job needs expose = true.

engine() {
	local word words=()
	SFS_MODEL=$(sfs_path "$SFS_MODEL")
	SFS_BINARY=${SFS_BINARY:-${SFS_COMMAND[0]}}
	sfs_need_binary
	for word in "${SFS_COMMAND[@]:1}" "${SFS_ARGS[@]}"; do
		word=${word//'{host}'/"$SFS_HOST"}
		word=${word//'{port}'/"$SFS_PORT"}
		word=${word//'{key_file}'/"$SFS_KEY_FILE"}
		word=${word//'{model}'/"$SFS_MODEL"}
		words+=("$word")
	done
	exec "$SFS_BINARY" "${words[@]}"
}
