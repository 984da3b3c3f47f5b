#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The ways from the login node to an engine: where its sshd forwards nothing a program there connects; where it
# reaches no node, a step of the job does; through sshd on the compute
# node the engine's loopback is reached.
. "$(dirname "$0")/mount.sh"
lab_start
lab_install

# Nodes are reached as `ssh -J lab n1` reaches them.
cat > "$T/ssh_config" <<- END
	Include "$LAB_DIR/ssh_config"
	Host n1 n2
		User alice
		IdentityFile "$LAB_DIR/keys/alice"
		UserKnownHostsFile "$T/known_hosts"
		GlobalKnownHostsFile /dev/null
		IdentitiesOnly yes
		IdentityAgent none
END
chmod 600 "$T/ssh_config"
echo "n1,n2 $(cut -d ' ' -f 1,2 "$LAB_DIR/keys/host.pub")" > "$T/known_hosts"

# mount_tunnel WAY: with two questions at a time, and no session for more.
mount_tunnel() {
	lab_config "tunnel = \"$1\"" <<- 'END' | sed "s|^ssh_config = .*|ssh_config = \"$T/ssh_config\"|" > "$T/config.toml"
		[model.parrot]
		engine = "parrot"
	END
	mount_again
}

tunnel() {
	jq -r .tunnel "$M/clusters/lab/status"
}

cleanup() {
	local node
	for node in n1 n2; do
		service_stop "$node" sshd
	done
	walled off
	lab_enter login rm -f /etc/ssh/sshd_config.d/lab-tunnels.conf
	sshd_restart
}

# --- the login node forwards ---

mount_tunnel auto || bail 'no mount'
is 'before it is known it is null' "$(tunnel)" null
asks q parrot 'by the usual way'
answered 'login: the answer' q 'by the usual way'
is 'login: the status says it' "$(tunnel)" login
next

# --- it forwards nothing ---

fault forward-refused on
mount_tunnel auto || bail 'no mount'
asks q parrot 'by another way'
answered 'exec: the answer' q 'by another way'
is 'exec: the status says it' "$(tunnel)" exec
for n in 1 2 3 4; do
	asks "q$n" parrot "question $n of four"
done
for n in 1 2 3 4; do
	answered "exec: four at once, $n" "q$n" "question $n of four"
done
next
no_pipes() {
	! slurm pgrep -u alice -f ' pipe |import os, select'
}
ok 'exec: nothing of it is left on the login node' wait_for 30 no_pipes

# --- and has no session to spare ---

slurm bash -c 'echo MaxSessions 1 > /etc/ssh/sshd_config.d/lab-tunnels.conf'
sshd_restart
mount_tunnel exec || bail 'no mount'
asks q parrot 'all alone'
answered 'MaxSessions 1: commands, files and the stream take turns' q 'all alone'
next
slurm rm -f /etc/ssh/sshd_config.d/lab-tunnels.conf
fault forward-refused off

# --- it reaches no engine ---

walled() { # the nodes answer to the login node's Slurm and ssh alone
	local node
	for node in n1 n2; do
		if [ "$1" = on ]; then
			lab_enter "$node" nft -f - <<- 'END'
				table inet lab-wall {
					chain in {
						type filter hook input priority 0
						ip saddr 198.19.0.1 tcp flags & (syn | ack) == syn tcp dport != { 22, 6818 } reject with icmpx type admin-prohibited
					}
				}
			END
		else
			lab_enter "$node" nft delete table inet lab-wall 2> /dev/null
		fi
	done
}

walled on
mount_tunnel exec || bail 'no mount'
asks q parrot 'over the wall'
answered 'step: the answer' q 'over the wall'
is 'step: the status says exec' "$(tunnel)" exec
for n in 1 2 3; do
	asks "q$n" parrot "question $n of three"
done
for n in 1 2 3; do
	answered "step: three at once, $n" "q$n" "question $n of three"
done
next
mount_tunnel auto || bail 'no mount'
asks q parrot 'over the wall by itself'
answered 'step: auto comes to it' q 'over the wall by itself'
next
walled off

# --- through the compute node ---

for node in n1 n2; do
	service_start "$node" sshd || bail "no sshd on $node"
done
mount_tunnel node || bail 'no mount'
asks q parrot 'to the very node'
answered 'node: the answer' q 'to the very node'
is 'node: the status says it' "$(tunnel)" node
node=$(node_of "$(job_of parrot)")
port=$(jq .port "$M/parrot/job/status")
is 'node: the engine listens on loopback alone' \
	"$(lab_enter "$node" ss -Hltn "sport = :$port" | awk '{ print $4 }')" "127.0.0.1:$port"
asks again parrot 'to the very node again'
answered 'node: the second answer' again 'to the very node again'
is 'node: by one connection' "$(grep -c 'Accepted publickey for alice' "$LAB_DIR/hosts/$node/log/sshd.log")" 1
next
ok 'node: no ssh is left' wait_for 10 no_ssh
done_testing
