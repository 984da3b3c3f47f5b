#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Kinds of keys with which a user logs in: RSA, one that a certificate authority has signed, and one behind a passphrase.
. "$(dirname "$0")/mount.sh"
lab_start
lab_install
allowed=$LAB_HOME/.ssh/authorized_keys

cleanup() {
	cp "$LAB_DIR/keys/alice.pub" "$allowed"
	lab_enter login rm -f /etc/ssh/sshd_config.d/lab-keys.conf /etc/ssh/lab-ca.pub
	sshd_restart
}

# mount_key NAME: the mount's configuration of ssh has this key and no other.
mount_key() {
	sed "s|IdentityFile \"$LAB_DIR/keys/alice\"|IdentityFile \"$T/$1\"|" "$LAB_DIR/ssh_config" > "$T/ssh_config"
	chmod 600 "$T/ssh_config"
	lab_config <<- 'END' | sed "s|^ssh_config = .*|ssh_config = \"$T/ssh_config\"|" > "$T/config.toml"
		[model.parrot]
		engine = "parrot"
	END
	mount_again
}

# accepted WORD: the last login was by such a key.
accepted() {
	grep 'Accepted publickey for alice' "$LAB_DIR/hosts/login/log/sshd.log" | tail -n 1
}

# --- RSA ---

ssh-keygen -q -t rsa -b 3072 -N '' -f "$T/rsa"
cp "$T/rsa.pub" "$allowed"
mount_key rsa || bail 'no mount'
asks q parrot 'by RSA'
answered 'RSA: the answer' q 'by RSA'
like 'RSA: it was the key' "$(accepted)" 'ssh2: RSA SHA256'
next

# --- a certificate ---

ssh-keygen -q -t ed25519 -N '' -f "$T/ca"
ssh-keygen -q -t ed25519 -N '' -f "$T/signed"
ssh-keygen -q -s "$T/ca" -I alice-of-lab -n alice -V -5m:+1h "$T/signed.pub"
: > "$allowed"
lab_enter login bash -c 'cat > /etc/ssh/lab-ca.pub
	echo TrustedUserCAKeys /etc/ssh/lab-ca.pub > /etc/ssh/sshd_config.d/lab-keys.conf' < "$T/ca.pub"
sshd_restart
mount_key signed || bail 'no mount'
asks q parrot 'by certificate'
answered 'certificate: the answer' q 'by certificate'
like 'certificate: it was it' "$(accepted)" 'ED25519-CERT.*alice-of-lab'
next

ssh-keygen -q -s "$T/ca" -I alice-of-lab -n alice -V -2h:-1h "$T/signed.pub"
mount_again || bail 'no mount'
asks q parrot 'by one that has run out'
fails 'certificate: one that has run out' q 'Key was rejected by service' 'lab refuses the login: .*Permission denied'
unmount

# --- a passphrase ---

ssh-keygen -q -t ed25519 -N 'open sesame' -f "$T/sealed"
cp "$T/sealed.pub" "$allowed"
mount_key sealed || bail 'no mount'
auth=$M/clusters/lab/auth
asked() {
	cluster_is auth && [[ $(cat "$auth") == *passphrase*sealed* ]]
}
asks q parrot 'behind a lock'
ok 'passphrase: it is asked for' wait_for 60 asked
echo 'close sesame' > "$auth"
ok 'passphrase: a wrong one is asked for again' wait_for 60 eval '[ "$(grep -c "\"to\":\"auth\"" "$M/events")" -ge 2 ] && asked'
not_ok 'passphrase: the question waits' ended q
echo 'open sesame' > "$auth"
answered 'passphrase: the answer' q 'behind a lock'
is 'passphrase: it is in no file' "$(cat "$M"/{log,events,status,config,clusters/lab/status} | grep -ac sesame)" 0
done_testing
