# What the plotting scripts share; sourced.

# gnuplot runs in a folder of its own, so that its commands hold no path but our own names.
plot_begin() { # a folder for data and commands, gone at exit
    command -v gnuplot >/dev/null || {
        echo "$(basename "$0"): needs gnuplot (gnuplot-nox)" >&2
        exit 1
    }
    plot_folder=$(mktemp -d)
    trap 'rm -rf "$plot_folder"' EXIT
}

plot_clean() { # without control characters
    local LC_ALL=C.UTF-8
    printf '%s' "${1//[[:cntrl:]]/?}"
}

# As a gnuplot string that is taken literally: it ends at its quote, a command at its line.
plot_quote() {
    local text
    text=$(plot_clean "$1")
    printf "'%s'" "${text//\'/\'\'}"
}

plot_fail() { # MESSAGE
    echo "$(basename "$0"): $(plot_clean "$1")" >&2
    exit 1
}

plot_join() { # CURVE...: the plot command
    local IFS=,
    echo "plot $*"
}

plot_legend=() # of the terminal: a curve's mark, a blank, its title

# plot_key LETTER NUMBER TITLE: how the terminal draws a curve of linetype NUMBER, LETTER on its
# points ("" for none).
plot_key() {
    local characters='*#$%@&=' line
    line=${characters:($2 - 1) % ${#characters}:1}
    plot_legend+=("$line$line${1:-$line}$line$line  $(plot_clean "$3")")
}

# Draws $plot_folder/commands as PNG into FILE (whole or not at all), and in the
# terminal when there is no FILE or no display to show it on. There the y axis is named above and
# curves are named below, since gnuplot's own key and labels run into each other.
plot_end() { # FILE or "", Y-LABEL
    if [[ $1 ]]; then
        {
            echo "set terminal pngcairo noenhanced size 960,600; set output 'png'"
            echo "set key outside below; set ylabel $(plot_quote "$2")"
            cat "$plot_folder/commands"
        } | (cd "$plot_folder" && gnuplot)
        cp -- "$plot_folder/png" "$1.part"
        mv -- "$1.part" "$1"
    fi
    if [[ -z $1 || (-t 1 && -z ${DISPLAY:-}${WAYLAND_DISPLAY:-}) ]]; then
        {
            echo "set terminal dumb noenhanced size $(tput cols 2>/dev/null || echo 79),24"
            echo "unset key; set title $(plot_quote "$2")"
            cat "$plot_folder/commands"
        } | (cd "$plot_folder" && gnuplot) | tr -d '\f'
        printf '  %s\n' "${plot_legend[@]}"
    fi
}
