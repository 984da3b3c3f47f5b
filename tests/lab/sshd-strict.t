#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Login nodes whose sshd gives little: one session in a connection, one login at a time, and only what hardening guides leave of its
# algorithms.
. "$(dirname "$0")/mount.sh"
lab_start
lab_install

# strict: the lines of standard input come first in the login node's sshd_config, which holds for new connections.
strict() {
	lab_enter login bash -c 'cat > /etc/ssh/sshd_config.d/lab-strict.conf'
	sshd_restart
}

cleanup() {
	exec 7>&-
	lab_enter login rm -f /etc/ssh/sshd_config.d/lab-strict.conf
	sshd_restart
}

# --- only what is left after hardening ---

strict <<- 'END'
	HostKeyAlgorithms ssh-ed25519
	PubkeyAcceptedAlgorithms ssh-ed25519
	KexAlgorithms curve25519-sha256@libssh.org
	Ciphers aes256-ctr
	MACs hmac-sha2-512-etm@openssh.com,hmac-sha2-256-etm@openssh.com
	AuthenticationMethods publickey
	MaxAuthTries 2
	LoginGraceTime 30
	AllowAgentForwarding no
	X11Forwarding no
	PermitTTY no
	PermitUserRC no
END
lab_mount <<- 'END' || bail 'no mount'
	[model.parrot]
	engine = "parrot"
	END
asks q parrot 'by ed25519 and etm alone'
answered 'hardened: the answer' q 'by ed25519 and etm alone'
next

# --- one session: commands and the shell for files share it ---

strict <<< 'MaxSessions 1'
mount_again || bail 'no mount'
for n in 1 2 3 4; do
	asks "q$n" parrot "question $n of four"
done
for n in 1 2 3 4; do
	answered "MaxSessions 1: four at once, $n" "q$n" "question $n of four"
done
is 'MaxSessions 1: streams need no session' "$(jq -r .tunnel "$M/clusters/lab/status")" login
is 'MaxSessions 1: by one connection' "$(our_ssh | wc -l)" 1
job=$(job_of parrot)
echo stop > "$M/parrot/ctl"
ok 'MaxSessions 1: the job is cancelled' wait_for 60 lab_job_is "$job" CANCELLED
next

# --- one login at a time, and somebody stands in the door ---

strict <<< 'MaxStartups 1'
wait_for 20 door_taken
like 'MaxStartups: the door is taken' "$banner" '^SSH-2'
mount_again 7>&- || bail 'no mount' # who inherits it would stay in the door
asks q parrot 'is it my turn' 7>&-
turned_away() {
	[[ $(jq -r '.state + " " + .reason' "$M/clusters/lab/status") =~ ^connecting\ lab:\ Connection\ (reset|closed)\ by ]]
}
ok 'MaxStartups: the refusal is told, and it is tried again' wait_for 30 turned_away
not_ok 'MaxStartups: the question waits' ended q
exec 7>&-
answered 'MaxStartups: it is answered when the door is free' q 'is it my turn'
done_testing
