#!/bin/sh
# Records the goldens that Apache ZooKeeper writes: a standalone server lives twice in one data
# directory, each life with one of every kind of transaction, and is killed with a session open.
#
#   record.sh JARS OUT [MORE_JAVA_OPTIONS]
#
# JARS is the directory with ZooKeeper's jars, OUT receives the files of version-2/.
# Needs a JDK (the workload is run from its source).
set -eu
jars=$1
out=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
port=${PORT:-21810}
cat > "$work/zoo.cfg" <<CFG
tickTime=2000
dataDir=$work/data
clientPort=$port
admin.enableServer=false
4lw.commands.whitelist=*
CFG
mkdir "$work/data"
life() {
    java -cp "$jars/*" -Dzookeeper.preAllocSize=8 "$@" \
        org.apache.zookeeper.server.ZooKeeperServerMain "$work/zoo.cfg" > "$work/log.$life" 2>&1 &
    server=$!
    sleep "${START:-8}"
    java -cp "$jars/*" "$here/Workload.java" "127.0.0.1:$port" "$life" 2> "$work/client.$life" || cat "$work/client.$life"
    kill -9 "$server"
    wait "$server" 2> /dev/null || true
}
life=first
life "$@"
life=second
life "$@"
mkdir -p "$out"
cp "$work/data/version-2/"* "$out/"
rm -rf "$work"
ls -l "$out"
