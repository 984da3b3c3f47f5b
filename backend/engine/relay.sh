# SPDX-License-Identifier: MIT
#
# For an engine that knows no key: it listens on loopback, behind relay.py, which asks for the secret.

# sfs_find_python: print a Python that can run the relay, or fail.
sfs_find_python() {
	local found
	for found in python3 /usr/libexec/platform-python; do
		found=$(type -P -- "$found") || continue
		if "$found" -I -c 'import sys, asyncio, http.client; sys.exit(sys.version_info < (3, 6))' > /dev/null 2>&1; then
			printf '%s\n' "$found"
			return 0
		fi
	done
	return 1
}

# sfs_no_relay: what to do where there is no Python. Returns if the engine may be exposed, else ends the engine's process.
sfs_no_relay() {
	[[ $SFS_EXPOSE != 1 ]] || return 0
	sfs_error "python3 (3.6 or later) was not found on $SFS_NODE, and without it nothing could ask for a key before this engine:" \
		'make it known in setup = [...], or let everybody on the cluster use the engine with expose = true'
	exit 69
}

# sfs_relay OPTION... -- COMMAND...: replace this process by the relay; returns 1 if there is no Python for it.
sfs_relay() {
	local python
	python=$(sfs_find_python) || return 1
	sfs_relay_program > "$SFS_DIR/relay.py" || exit 73
	export SFS_DIR SFS_EXPOSE
	exec "$python" -I "$SFS_DIR/relay.py" "$@"
}
