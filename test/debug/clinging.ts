/** Deaf to every signal that can be ignored, in other sessions, and nobody's children. */
export const CLINGING = `
trap "" HUP TERM INT QUIT PIPE
(setsid bash -c 'trap "" HUP TERM; sleep 1000 & setsid sleep 1000 & wait' &)
nohup setsid sh -c 'nohup sleep 1000 & nohup sleep 1000' >/dev/null 2>&1 </dev/null &
disown -a
echo clings
while read -r line; do case $line in out*) exit 3;; esac; done
while :; do sleep 1; done`;
