#!/bin/sh
# zkServer.sh for zabra: start | start-foreground | stop | restart | status | version [zoo.cfg].
# ZABRA names the binary, ZOOCFGDIR and ZOOCFG the configuration, ZOOPIDFILE the file with the process.
set -u
zabra=${ZABRA:-zabra}
verb=${1:-}
config=${2:-${ZOOCFG:-zoo.cfg}}
case $config in /*) ;; *) [ -e "$config" ] || config=${ZOOCFGDIR:-/etc/zookeeper/conf}/$config ;; esac

# What the configuration says of a key, the last one.
setting() { sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*//p" "$config" | tail -n 1; }

pidfile() {
    [ -z "${ZOOPIDFILE:-}" ] || { echo "$ZOOPIDFILE"; return; }
    echo "$(setting dataDir)/zookeeper_server.pid"
}
runs() { [ -f "$(pidfile)" ] && kill -0 "$(cat "$(pidfile)")" 2>/dev/null; }

start() {
    if runs; then
        echo "already running as process $(cat "$(pidfile)")."
        return 1
    fi
    log=${ZOO_LOG_DIR:-$(setting dataDir)}/zookeeper.out
    mkdir -p "$(dirname "$(pidfile)")" "$(dirname "$log")"
    nohup "$zabra" serve "$config" >>"$log" 2>&1 </dev/null &
    echo $! >"$(pidfile)"
    sleep 1
    if runs; then echo "STARTED"; else echo "FAILED TO START: see $log"; rm -f "$(pidfile)"; return 1; fi
}

stop() {
    if ! runs; then
        echo "no zookeeper to stop (could not find file $(pidfile))"
        return 0
    fi
    pid=$(cat "$(pidfile)")
    kill "$pid"
    tries=0
    while kill -0 "$pid" 2>/dev/null; do
        tries=$((tries + 1))
        [ "$tries" -lt 60 ] || { echo "process $pid does not end"; return 1; }
        sleep 0.5
    done
    rm -f "$(pidfile)"
    echo "STOPPED"
}

# Asks on the client port for the mode, which takes the word srvr (it is in the whitelist unless that says less).
status() {
    port=$(setting clientPort)
    host=$(setting clientPortAddress)
    host=${host:-localhost}
    # Or the address stands behind this server's own line.
    if [ -z "$port" ] && [ -f "$(setting dataDir)/myid" ]; then
        line=$(setting "server\\.$(cat "$(setting dataDir)/myid")")
        case $line in *\;*)
            port=${line##*[;:]}
            case ${line##*;} in *:*) host=${line##*;} host=${host%:*} ;; esac
            ;;
        esac
    fi
    if [ -z "$port" ] && [ -n "$(setting secureClientPort)" ]; then
        echo "Client port not found: there is secureClientPort alone, and this script does not speak TLS."
        return 1
    fi
    echo "Client port found: ${port:-2181}. Client address: $host. Client SSL: false."
    case $host in *:*) host=[$(echo "$host" | tr -d '[]')] ;; esac
    if ! answer=$("$zabra" word --server "$host:${port:-2181}" srvr 2>/dev/null); then
        echo "Error contacting service. It is probably not running."
        return 1
    fi
    echo "$answer" | grep '^Mode: ' && return 0
    echo "$answer"
    return 1
}

case $verb in
start | start-foreground | stop | restart | status)
    [ -f "$config" ] || { echo "$config: no such configuration" >&2; exit 2; }
    echo "Using config: $config" >&2
    ;;
esac
case $verb in
start) start ;;
start-foreground) exec "$zabra" serve "$config" ;;
stop) stop ;;
restart) stop && start ;;
status) status ;;
version) exec "$zabra" --version ;;
*)
    echo "Usage: $0 {start|start-foreground|stop|version|restart|status} [zoo.cfg]" >&2
    exit 2
    ;;
esac
