# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# In place of lib.sh, for tests of a mount that several users share: the one who mounts is root, $second and $third are uids of others.
# Without root the test is skipped.

# /dev/fuse and fuse.conf are opened to all in a mount namespace of the test's own.
if [ -z "${in_private:-}" ] && [ "$(id -u)" = 0 ] && unshare -m true 2> /dev/null; then
	in_private=1 exec unshare -m --propagation private "$0" "$@"
fi
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

second=65534 third=65533
if [ "$(id -u)" != 0 ] || ! setpriv --reuid $second --regid $second --clear-groups true 2> /dev/null; then
	echo '1..0 # SKIP a second user needs root'
	exit 0
fi
chmod 711 "$T"
if [ -n "${in_private:-}" ]; then
	mknod -m 666 "$T/fuse" c 10 229 && mount --bind "$T/fuse" /dev/fuse
	echo user_allow_other > "$T/fuse.conf"
	[ ! -e /etc/fuse.conf ] || mount --bind "$T/fuse.conf" /etc/fuse.conf
fi

as() { # UID SCRIPT
	timeout 60 setpriv --reuid "$1" --regid "$1" --clear-groups bash -c "$2" 2>&1
}
