# Two ssh targets on this machine: an sshd of our own on a high port of the
# loopback, with keys made for the occasion.

# start_sshd FOLDER: starts it and writes FOLDER/hosts for HOSTS=.
start_sshd() {
    local folder=$1 pam
    mkdir -p "$folder"
    chmod 700 "$folder"
    ssh-keygen -q -t ed25519 -N '' -f "$folder/host_key"
    ssh-keygen -q -t ed25519 -N '' -f "$folder/user_key"
    cp "$folder/user_key.pub" "$folder/authorized_keys"
    # As root sshd insists on this folder, which a service would have made.
    ((EUID != 0)) || mkdir -p /run/sshd
    # Without PAM sshd refuses accounts without password that are locked by
    # "!"; with it some containers cannot open sessions. One of the two works.
    for pam in no yes; do
        try_sshd "$folder" "$pam" && return 0
        stop_sshd "$folder"
    done
    cat "$folder/log" >&2
    return 1
}

try_sshd() { # FOLDER PAM
    local folder=$1 port attempt
    for attempt in 1 2 3 4 5 6 7 8 9 10; do
        port=$((20000 + RANDOM % 30000))
        sshd_config "$folder" "$port" "$2" >"$folder/sshd_config"
        # -D: a child of ours; fds 3 and up belong to bats
        /usr/sbin/sshd -D -f "$folder/sshd_config" -E "$folder/log" 3>&- 4>&- &
        echo $! >"$folder/pid"
        for _ in {1..50}; do
            ! grep -q 'Server listening' "$folder/log" 2>/dev/null || break 2
            kill -0 "$(<"$folder/pid")" 2>/dev/null || break
            sleep 0.1
        done
        : "$attempt"
    done
    ssh_config "$folder" "$port" >"$folder/ssh_config"
    printf '/usr/bin/ssh -F %s tw-%s\n' "$folder/ssh_config" one "$folder/ssh_config" two \
        >"$folder/hosts"
    ssh -F "$folder/ssh_config" tw-one true
}

sshd_config() { # FOLDER PORT PAM
    cat <<END
ListenAddress 127.0.0.1
Port $2
HostKey $1/host_key
PidFile $1/sshd.pid
AuthorizedKeysFile $1/authorized_keys
StrictModes no
UsePAM $3
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100
MaxSessions 100
Subsystem sftp internal-sftp
END
}

ssh_config() { # FOLDER PORT
    cat <<END
Host tw-one tw-two
    HostName 127.0.0.1
    Port $2
    IdentityFile $1/user_key
    IdentitiesOnly yes
    StrictHostKeyChecking no
    UserKnownHostsFile $1/known_hosts
    LogLevel ERROR
    BatchMode yes
    ControlMaster auto
    ControlPath $1/at-%n
    ControlPersist 60
END
}

stop_sshd() { # FOLDER
    for host in tw-one tw-two; do
        [[ ! -S $1/at-$host ]] || ssh -F "$1/ssh_config" -O exit "$host" 2>/dev/null || true
    done
    [[ ! -s $1/pid ]] || kill "$(<"$1/pid")" 2>/dev/null || true
}
