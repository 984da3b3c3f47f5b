# SPDX-License-Identifier: MIT
#
# The engine built into our own program: it repeats what it is asked.

engine() {
	sfs_need_binary
	exec "$SFS_BINARY" parrot --host "$SFS_HOST" --port "$SFS_PORT" --api-key-file "$SFS_KEY_FILE" "${SFS_ARGS[@]}"
}
