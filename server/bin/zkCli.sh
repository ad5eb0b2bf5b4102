#!/bin/sh
# zkCli.sh for zabra: the same options (-server, -timeout, -r) and verbs. ZABRA names the binary.
exec "${ZABRA:-zabra}" shell "$@"
