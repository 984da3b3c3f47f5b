# SPDX-License-Identifier: MIT
#
# Any web service, behind the relay, which asks for the secret: the service need know no key. `{host} {port} {key_file} {model}`
# in its words are replaced, the first two by the loopback address where the relay expects it.

engine() {
	local word words=() direct=()
	SFS_MODEL=$(sfs_path "$SFS_MODEL")
	SFS_BINARY=${SFS_BINARY:-${SFS_COMMAND[0]}}
	sfs_need_binary
	for word in "${SFS_COMMAND[@]:1}" "${SFS_ARGS[@]}"; do
		word=${word//'{key_file}'/"$SFS_KEY_FILE"}
		word=${word//'{model}'/"$SFS_MODEL"}
		words+=("$word")
		word=${word//'{host}'/"$SFS_HOST"}
		direct+=("${word//'{port}'/"$SFS_PORT"}")
	done
	sfs_relay --health "${SFS_HEALTH:-/}" --keep-key -- "$SFS_BINARY" "${words[@]}"
	sfs_no_relay
	sfs_state 'exposed to=cluster'
	exec "$SFS_BINARY" "${direct[@]}"
}
