# What map and import share; sourced. A shell hears a signal only when its foreground command
# has ended. So the work goes to the background, and the shell waits.

descendants() { # PID: the processes under it, nearest first
    local child children=()
    read -ra children 2>/dev/null <"/proc/$1/task/$1/children" || true
    for child in "${children[@]}"; do
        echo "$child"
        descendants "$child"
    done
}

# Ends everything under this shell, politely first, and exits as a process does that the
# signal killed. What the caller's EXIT trap removes is then in nobody's use.
stop() { # SIGNAL-NUMBER
    local pids tries
    trap '' INT TERM HUP
    mapfile -t pids < <(descendants "$$")
    kill -TERM "${pids[@]}" 2>/dev/null || true
    for ((tries = 0; tries < 50; tries++)); do
        kill -0 "${pids[@]}" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "${pids[@]}" 2>/dev/null || true
    exit $((128 + $1))
}

run_stoppable() { # COMMAND...: its status; standard input stays what it is
    local result=0
    trap 'stop 2' INT
    trap 'stop 15' TERM
    trap 'stop 1' HUP
    "$@" <&0 &
    wait "$!" || result=$?
    trap - INT TERM HUP
    return "$result"
}

# The program that reads and writes streams as all programs do.
find_records() { # FOLDER-OF-THE-SCRIPTS
    local place
    for place in "${BIN:-$1/../bin}/libexec/records" "$1/records/records" "$1/records"; do
        [[ ! -f $place || ! -x $place ]] || { realpath -s -- "$place" && return; }
    done
    return 1
}
