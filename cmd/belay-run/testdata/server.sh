#!/bin/sh
# A stranger that takes no sockets and says nothing: a shell script that works until
# it is told to stop, below -ready after=D.
trap 'echo "script $$ stops"; kill "$!"; exit 0' TERM
echo "script $$ works"
while :; do
	sleep 3600 &
	wait "$!"
done
