# SPDX-License-Identifier: MIT
# fish completion for slullamafs and mount.slullamafs.

set -l verbs mount run watch models key serve connect status traefik haproxy parrot help
set -l models '(slullamafs models 2> /dev/null | string split -f 1 " ")'
complete -c slullamafs -f
complete -c slullamafs -n "not __fish_seen_subcommand_from $verbs" -a mount -d 'Mount the models of a cluster'
complete -c slullamafs -n "not __fish_seen_subcommand_from $verbs" -a run -d 'Wake a model, follow its log, end its job at Ctrl-C'
complete -c slullamafs -n "not __fish_seen_subcommand_from $verbs" -a watch -d 'What the models do, as it happens'
complete -c slullamafs -n "not __fish_seen_subcommand_from $verbs" -a models -d 'The models with their descriptions'
complete -c slullamafs -n "not __fish_seen_subcommand_from $verbs" -a key -d 'API keys of the gateway'
complete -c slullamafs -n "not __fish_seen_subcommand_from $verbs" -a serve -d 'The gateway alone, for a team'
complete -c slullamafs -n "not __fish_seen_subcommand_from $verbs" -a connect -d 'A slullama server at a port of this machine'
complete -c slullamafs -n "not __fish_seen_subcommand_from $verbs" -a status -d 'What a slullama server does'
complete -c slullamafs -n "not __fish_seen_subcommand_from $verbs" -a traefik -d 'Write what is healthy as a file for Traefik'
complete -c slullamafs -n "not __fish_seen_subcommand_from $verbs" -a haproxy -d 'Write what is healthy as a file for HAProxy'
complete -c slullamafs -n '__fish_seen_subcommand_from traefik haproxy' -F
complete -c slullamafs -n '__fish_seen_subcommand_from traefik haproxy' -l watch -d 'Write it anew at each change'
complete -c slullamafs -n "not __fish_seen_subcommand_from $verbs" -a parrot -d 'The built-in engine'
complete -c slullamafs -n "not __fish_seen_subcommand_from $verbs" -a help -d 'The verbs, the keys of the configuration'
complete -c slullamafs -l help -d 'Print a short help'
complete -c slullamafs -l version -d 'Print the version'
complete -c slullamafs -n '__fish_seen_subcommand_from help' -a 'config mount run watch models key serve connect status traefik haproxy parrot'
complete -c slullamafs -n '__fish_seen_subcommand_from run watch' -a "$models"
complete -c slullamafs -n '__fish_seen_subcommand_from run' -s t -l time -x -d 'Time limit of the job'
complete -c slullamafs -n '__fish_seen_subcommand_from run models key' -s c -l config -r -F -d Configuration
complete -c slullamafs -n '__fish_seen_subcommand_from key' -a 'generate list revoke'
complete -c slullamafs -n '__fish_seen_subcommand_from key' -l name -x -d 'Whose it is'
complete -c slullamafs -n '__fish_seen_subcommand_from key' -l email -x -d 'Of whom'
complete -c slullamafs -n '__fish_seen_subcommand_from key' -l models -x -d 'Models that it may use'
complete -c slullamafs -n '__fish_seen_subcommand_from key' -l expires -x -d 'When it ends'
complete -c slullamafs -n '__fish_seen_subcommand_from key' -l concurrent -x -d 'Requests at the same time'
complete -c slullamafs -n '__fish_seen_subcommand_from key' -l requests-per-minute -x -d 'Limit'
complete -c slullamafs -n '__fish_seen_subcommand_from key' -l requests-per-day -x -d 'Limit'
complete -c slullamafs -n '__fish_seen_subcommand_from key' -l tokens-per-minute -x -d 'Limit'
complete -c slullamafs -n '__fish_seen_subcommand_from key' -l tokens-per-day -x -d 'Limit'
complete -c slullamafs -n '__fish_seen_subcommand_from key' -l usage -d 'What each has used'
complete -c slullamafs -n '__fish_seen_subcommand_from key' -l json -d 'As JSON'
complete -c slullamafs -n '__fish_seen_subcommand_from serve connect status' -l port -x -d "The server's port"
complete -c slullamafs -n '__fish_seen_subcommand_from serve connect status' -l token-file -r -F -d 'A file with the token'
complete -c slullamafs -n '__fish_seen_subcommand_from serve connect status' -l token -x -d 'The token'
complete -c slullamafs -n '__fish_seen_subcommand_from serve connect status' -s c -l config -r -F -d Configuration
complete -c slullamafs -n '__fish_seen_subcommand_from serve connect status' -s v -l verbose -d 'Log more'
complete -c slullamafs -n '__fish_seen_subcommand_from connect' -l local-port -x -d 'Listen there'
complete -c slullamafs -n '__fish_seen_subcommand_from connect' -l add-token -d 'Give requests the token'
complete -c slullamafs -n '__fish_seen_subcommand_from serve' -l partition -x -d 'Partition of Slurm'
complete -c slullamafs -n '__fish_seen_subcommand_from serve' -l gres -x -d 'Generic resources'
complete -c slullamafs -n '__fish_seen_subcommand_from serve' -l idle-timeout -x -d 'Minutes without requests'
complete -c slullamafs -n '__fish_seen_subcommand_from watch' -l until -x -a 'asleep queued starting ready draining failed' -d 'End in that state'
complete -c slullamafs -n '__fish_seen_subcommand_from mount' -a '(__fish_complete_directories)'
complete -c slullamafs -n '__fish_seen_subcommand_from mount' -s f -d 'Stay in the foreground'
complete -c slullamafs -n '__fish_seen_subcommand_from mount' -s v -l verbose -d 'Log more'
complete -c slullamafs -n '__fish_seen_subcommand_from mount' -s c -l config -r -F -d Configuration
complete -c slullamafs -n '__fish_seen_subcommand_from mount' -s o -x -a 'allow_other allow_root ro config=' -d 'Mount options'

complete -c slullamafs -n '__fish_seen_subcommand_from parrot' -l port -x -d 'Listen there'
complete -c slullamafs -n '__fish_seen_subcommand_from parrot' -l host -x -d 'Listen on this address'
complete -c slullamafs -n '__fish_seen_subcommand_from parrot' -l api-key-file -r -F -d 'Keys, one a line'
complete -c slullamafs -n '__fish_seen_subcommand_from parrot' -l rate -x -d 'Tokens a second'
complete -c slullamafs -n '__fish_seen_subcommand_from parrot' -l startup -x -d 'Answer 503 for that many seconds'
complete -c slullamafs -n '__fish_seen_subcommand_from parrot' -l delay -x -d 'Seconds before the first token'
complete -c slullamafs -n '__fish_seen_subcommand_from parrot' -l gate -r -F -d 'Send as many tokens as the file has bytes'
complete -c slullamafs -n '__fish_seen_subcommand_from parrot' -l fail -x -d 'Fail on demand' -a 'exit-at-start never-healthy refuse-after die-before-first-byte die-mid-stream silent garbage half-event infinite-line http-500 http-429 error-in-stream always-200 hang-mid-stream'

complete -c mount.slullamafs -f -a '(__fish_complete_directories)'
complete -c mount.slullamafs -s f -d 'Stay in the foreground'
complete -c mount.slullamafs -s v -l verbose -d 'Log more'
complete -c mount.slullamafs -s c -l config -r -F -d Configuration
complete -c mount.slullamafs -s o -x -a 'allow_other allow_root ro config=' -d 'Mount options'
complete -c mount.slullamafs -s h -l help -d 'Print a short help'
complete -c mount.slullamafs -s V -l version -d 'Print the version'
