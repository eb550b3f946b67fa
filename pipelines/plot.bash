# What the plotting scripts share; sourced.

plot_begin() { # a folder for data and commands, gone at exit
    command -v gnuplot >/dev/null || {
        echo "$(basename "$0"): needs gnuplot (gnuplot-nox)" >&2
        exit 1
    }
    plot_folder=$(mktemp -d)
    trap 'rm -rf "$plot_folder"' EXIT
}

plot_quote() { # as a gnuplot string that is taken literally
    printf "'%s'" "${1//\'/\'\'}"
}

plot_join() { # CURVE...: the plot command
    local IFS=,
    echo "plot $*"
}

# Draws $plot_folder/commands as PNG into FILE (whole or not at all), and in the
# terminal when there is no FILE or no display to show it on.
plot_end() { # FILE or ""
    if [[ $1 ]]; then
        {
            echo "set terminal pngcairo noenhanced size 960,600; set output '$plot_folder/png'"
            cat "$plot_folder/commands"
        } | gnuplot
        cp "$plot_folder/png" "$1.part"
        mv "$1.part" "$1"
    fi
    if [[ -z $1 || (-t 1 && -z ${DISPLAY:-}${WAYLAND_DISPLAY:-}) ]]; then
        {
            echo "set terminal dumb noenhanced size $(tput cols 2>/dev/null || echo 79),24"
            cat "$plot_folder/commands"
        } | gnuplot | tr -d '\f'
    fi
}
