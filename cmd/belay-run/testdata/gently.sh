#!/bin/sh
# For a server that cuts its clients off at SIGTERM and stops gently at SIGINT, such
# as lighttpd: runs the command behind itself and passes the one on as the other.
# LISTEN_PID has to be the pid of the command then.
(
	LISTEN_PID=$(exec sh -c 'echo $PPID')
	export LISTEN_PID
	exec "$@"
) &
server=$!
trap 'kill -INT "$server"' TERM
wait "$server" # until the signal
wait "$server" # until the end
