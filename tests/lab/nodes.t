#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Compute nodes as sites have them: what they call themselves is not what Slurm calls them, their own name means loopback to them, and
# they have networks in which the login node is not.
. "$(dirname "$0")/mount.sh"
lab_start
lab_install
lab_mount <<- 'END' || bail 'no mount'
	[model.parrot]
	engine = "parrot"
END

# second_network on|off: the first address that a node names is one that nobody else reaches.
second_network() {
	local node address
	for node in n1 n2; do
		address=198.19.0.1${node#n}/24
		if [ "$1" = on ]; then
			lab_enter "$node" ip -batch - <<- END
				link add inside type bridge
				link set inside up
				address del $address dev eth0
				link set eth0 master inside
				address add $address dev inside
				address add 10.99.0.${node#n}/24 dev eth0
			END
		else
			lab_enter "$node" ip -batch - <<- END
				address flush dev eth0
				link del inside
				address add $address dev eth0
			END
		fi
	done
}
hosts() { # HOST SED-SCRIPT: its /etc/hosts, as the lab made it, is changed so
	sed "$2" "$LAB_DIR/etc/hosts" | lab_enter "$1" tee /etc/hosts > /dev/null
}
cleanup() {
	local host
	second_network off
	for host in "${LAB_HOSTS[@]}"; do
		hosts "$host" ''
		lab_enter "$host" hostname "$host"
	done
}
address() { # of the engine's, as its job tells it
	slurm squeue -h -u alice -t R -o %k
}

second_network on
for node in n1 n2; do
	# Debian's way: without a fixed address a host gets this line.
	hosts "$node" "s/^[0-9.]*\t$node\$/127.0.1.1\t$node.example $node/"
	lab_enter "$node" hostname "compute-$node.example"
done
like 'a node has an address elsewhere' "$(lab_enter n1 hostname -I)" '^10\.99\.0\.1 198\.19\.0\.11 '
asks q parrot 'where are you'
answered 'the engine listens where the login node reaches it' q 'where are you'
like 'and says so' "$(address)" '^traefik,parrot,http://n[12]:[0-9]+,sfs,198\.19\.0\.1[12]$'

next
mount_again || bail 'no mount'
hosts login '/\tn[12]$/d'
asks q parrot 'and who'
answered 'the login node knows no name of a node' q 'and who'

done_testing
