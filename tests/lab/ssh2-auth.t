#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The ways in through libssh2: an agent, a key behind a passphrase, two questions one after the other, a door that is taken; and what
# libssh2 cannot do, which is refused with the way out.
. "$(dirname "$0")/mount.sh"
lab_start
lab_install
allowed=$LAB_HOME/.ssh/authorized_keys
auth=$M/clusters/lab/auth
agent=

cleanup() {
	exec 7>&-
	[ -z "$agent" ] || kill "$agent"
	cp "$LAB_DIR/keys/alice.pub" "$allowed"
	lab_enter login rm -f /etc/ssh/sshd_config.d/lab-strict.conf
	sshd_restart
}

# mount_key KEY [LINE]: the mount's configuration of ssh has this key and no other, and the line.
mount_key() {
	sed "s|IdentityFile \"$LAB_DIR/keys/alice\"|IdentityFile \"$1\"|; s|^IdentityAgent none|${2:-&}|" \
		"$LAB_DIR/ssh_config" > "$T/ssh_config"
	chmod 600 "$T/ssh_config"
	lab_config 'transport = "ssh2"' <<- 'END' | sed "s|^ssh_config = .*|ssh_config = \"$T/ssh_config\"|" > "$T/config.toml"
		[model.parrot]
		engine = "parrot"
	END
	mount_again
}

asked() {
	cluster_is auth && [[ $(cat "$auth") == *"$1"* ]]
}
asked_anew() {
	[ "$(grep -c '"to":"auth"' "$M/events")" -ge 2 ] && asked "$1"
}

# accepted: how the last login was proven.
accepted() {
	grep 'Accepted [a-z/-]* for alice' "$LAB_DIR/hosts/login/log/sshd.log" | tail -n 1
}

# refused TEST SENTENCE: a question to a new mount ends with the way out.
refused() {
	asks q parrot 'let me in'
	fails "$1" q 'Key was rejected by service' "$2.*use transport = \"openssh\""
	is "$1: the state" "$(jq -r .state "$M/clusters/lab/status")" down
	unmount
}

# --- what libssh2 cannot do ---

ssh-keygen -q -t rsa -b 3072 -N '' -f "$T/rsa"
ssh-keygen -q -t ed25519 -N '' -f "$T/signed"
ssh-keygen -q -t ed25519 -N 'open sesame' -f "$T/sealed"
ssh-keygen -q -s "$T/rsa" -I alice-of-lab -n alice "$T/signed.pub"
cat "$T"/{rsa,sealed}.pub >> "$allowed"

mount_key "$T/rsa" || bail 'no mount'
refused 'an RSA key' 'lab refuses the login: .*Permission denied.*RSA keys with SHA-2 cannot be used by libssh2'

ssh-agent -a "$T/agent" > "$T/agent.sh" || bail 'no agent'
agent=$(sed -n 's/^SSH_AGENT_PID=\([0-9]*\);.*/\1/p' "$T/agent.sh")
export SSH_AUTH_SOCK=$T/agent
ssh-add -q "$T/rsa"
mount_key "$T/rsa.pub" "IdentityAgent $T/agent" || bail 'no mount'
refused 'an RSA key of an agent' 'RSA keys with SHA-2 cannot be used by libssh2'

mount_key "$T/signed" || bail 'no mount'
refused 'a certificate' 'certificates cannot be used by libssh2'

# --- an agent ---

ssh-add -q "$LAB_DIR/keys/alice"
mount_key "$LAB_DIR/keys/alice.pub" "IdentityAgent $T/agent" || bail 'no mount'
asks q parrot 'by an agent'
answered 'agent: the answer' q 'by an agent'
like 'agent: it was its key' "$(accepted)" 'publickey for alice .*ED25519'
next

# --- a passphrase ---

mount_key "$T/sealed" || bail 'no mount'
asks q parrot 'behind a lock'
ok 'passphrase: it is asked for' wait_for 60 asked "passphrase for key '$T/sealed'"
echo 'close sesame' > "$auth"
ok 'passphrase: a wrong one is asked for again' wait_for 60 asked_anew passphrase
not_ok 'passphrase: the question waits' ended q
echo 'open sesame' > "$auth"
answered 'passphrase: the answer' q 'behind a lock'
next

# --- a password, then a one-time password ---

fault second-factor on
mount_key "$LAB_DIR/keys/alice" || bail 'no mount'
asks q parrot 'twice asked'
ok 'the password is asked for' wait_for 60 asked 'Password:'
like 'with who asks' "$(cat "$auth")" '\(alice@lab\)'
echo 'close sesame' > "$auth"
ok 'a wrong one is asked for again' wait_for 60 asked_anew 'Password:'
echo 'open sesame' > "$auth"
ok 'then the one-time password' wait_for 60 asked 'One-time password'
not_ok 'the question waits' ended q
echo 755224 > "$auth"
answered 'the answer comes' q 'twice asked'
like 'it was by questions' "$(accepted)" 'keyboard-interactive/pam'
is 'nothing is asked any more' "$(cat "$auth")" ''
is 'no answer is in any file' "$(cat "$M"/{log,events,status,config,clusters/lab/status} | grep -acE 'sesame|755224')" 0
next
fault second-factor off

# --- one login at a time, and somebody stands in the door ---

lab_enter login bash -c 'echo MaxStartups 1 > /etc/ssh/sshd_config.d/lab-strict.conf'
sshd_restart
wait_for 20 door_taken
like 'MaxStartups: the door is taken' "$banner" '^SSH-2'
mount_again 7>&- || bail 'no mount' # who inherits it would stay in the door
asks q parrot 'is it my turn' 7>&-
turned_away() {
	[[ $(jq -r '.state + " " + .reason' "$M/clusters/lab/status") =~ ^connecting\ lab:\ .*(reset|closed)\ by ]]
}
ok 'MaxStartups: the refusal is told, and it is tried again' wait_for 30 turned_away
not_ok 'MaxStartups: the question waits' ended q
exec 7>&-
answered 'MaxStartups: it is answered when the door is free' q 'is it my turn'
done_testing
