#include "core/progress.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/printable.h"

static const double REDRAW = 0.1, REPORT = 10; /* seconds between two lines */

enum { BAR = 20, LINE_SIZE = 512 };

struct tw_progress {
    const char *unit, *beside; /* beside: a second unit, NULL: none */
    uint64_t total, done, beside_done;
    bool quiet, terminal;
    double start, last;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

tw_progress *tw_progress_new(const char *unit, uint64_t total, bool quiet)
{
    tw_progress *progress = tw_alloc(1, sizeof *progress);
    progress->unit = unit;
    progress->total = total;
    progress->quiet = quiet;
    progress->terminal = isatty(STDERR_FILENO);
    progress->start = now();
    progress->last = progress->terminal ? 0 : progress->start;
    return progress;
}

/* 1:02:03, or 2:03. */
static void clock_text(double seconds, char *text, size_t size)
{
    if (!(seconds < 1e9))
        seconds = 1e9;
    long whole = (long)(seconds + 0.5);
    if (whole >= 3600)
        snprintf(text, size, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    else
        snprintf(text, size, "%ld:%02ld", whole / 60, whole % 60);
}

static double rate_of(const tw_progress *progress, uint64_t done, double time)
{
    double elapsed = time - progress->start;
    return elapsed > 0 ? (double)done / elapsed : 0;
}

/* Enough digits to see it move, however slow: 1234, 12.3, 0.0123. */
static const char *rate_format(double rate)
{
    return rate >= 100 ? "%.0f" : "%.3g";
}

/* ", 812 tokens/s", or nothing. */
static void beside_text(const tw_progress *progress, double time, char *text, size_t size)
{
    const double rate = rate_of(progress, progress->beside_done, time);
    char speed[32];
    snprintf(speed, sizeof speed, rate_format(rate), rate);
    text[0] = '\0';
    if (progress->beside)
        snprintf(text, size, ", %s %s/s", speed, progress->beside);
}

static void counts(const tw_progress *progress, double time, char *text, size_t size)
{
    double rate = rate_of(progress, progress->done, time);
    char speed[32], beside[64], eta[48] = "";
    snprintf(speed, sizeof speed, rate_format(rate), rate);
    beside_text(progress, time, beside, sizeof beside);
    if (progress->total == 0) {
        snprintf(text, size, "%llu %s, %s/s%s", (unsigned long long)progress->done, progress->unit,
                 speed, beside);
        return;
    }
    if (rate > 0 && progress->done < progress->total) {
        char left[32];
        clock_text((double)(progress->total - progress->done) / rate, left, sizeof left);
        snprintf(eta, sizeof eta, ", ETA %s", left);
    }
    snprintf(text, size, "%llu/%llu %s, %s/s%s%s", (unsigned long long)progress->done,
             (unsigned long long)progress->total, progress->unit, speed, beside, eta);
}

static void bar_text(const tw_progress *progress, char *text)
{
    text[0] = 0;
    if (progress->total == 0)
        return;
    double share = (double)progress->done / (double)progress->total;
    int full = (int)((share < 1 ? share : 1) * BAR);
    text[0] = '[';
    for (int i = 0; i < BAR; i++)
        text[1 + i] = i < full ? '=' : ' ';
    memcpy(text + 1 + BAR, "] ", 3);
}

/* A line is on the terminal: a diagnostic must not be written behind it. */
static bool drawn;

static void clear_line(void)
{
    if (drawn)
        fputs("\r\033[K", stderr);
    drawn = false;
}

static int columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1)
        return size.ws_col;
    return 80;
}

static void redraw(const tw_progress *progress, const char *text)
{
    char bar[BAR + 4], whole[LINE_SIZE + BAR + 64], line[sizeof whole + 8];
    bar_text(progress, bar);
    snprintf(whole, sizeof whole, "%s: %s%s", tw_invoked(), bar, text);
    const size_t room = (size_t)columns(); /* with the NUL, so that the last column stays free */
    line[0] = '\r';
    const size_t length = tw_printable(whole, line + 1, room < sizeof whole ? room : sizeof whole);
    memcpy(line + 1 + length, "\033[K", 4);
    fputs(line, stderr);
    drawn = true;
    tw_before_warning(clear_line);
}

void tw_progress_update(tw_progress *progress, uint64_t done, const char *note)
{
    progress->done = done;
    if (progress->quiet)
        return;
    double time = now();
    if (time - progress->last < (progress->terminal ? REDRAW : REPORT))
        return;
    progress->last = time;
    char count[LINE_SIZE / 2], text[LINE_SIZE];
    counts(progress, time, count, sizeof count);
    snprintf(text, sizeof text, "%s%s%s", count, note ? ", " : "", note ? note : "");
    if (progress->terminal)
        redraw(progress, text);
    else
        tw_warn("%s", text);
}

void tw_progress_beside(tw_progress *progress, const char *unit, uint64_t done)
{
    progress->beside = unit;
    progress->beside_done = done;
}

void tw_progress_clear(tw_progress *progress)
{
    if (!progress || progress->quiet || !progress->terminal)
        return;
    clear_line();
    progress->last = 0;
}

void tw_progress_end(tw_progress *progress)
{
    if (!progress)
        return;
    if (!progress->quiet) {
        char elapsed[32], speed[32], beside[64];
        double time = now(), rate = rate_of(progress, progress->done, time);
        clock_text(time - progress->start, elapsed, sizeof elapsed);
        snprintf(speed, sizeof speed, rate_format(rate), rate);
        beside_text(progress, time, beside, sizeof beside);
        tw_warn("done %llu %s in %s, %s %s/s%s", (unsigned long long)progress->done, progress->unit,
                elapsed, speed, progress->unit, beside);
    }
    free(progress);
}

void tw_progress_abandon(tw_progress *progress)
{
    tw_progress_clear(progress);
    free(progress);
}

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    if (interrupted && number == SIGINT) {
        tw_atomic_remove_all();
        signal(number, SIG_DFL);
        raise(number); /* delivered when this handler returns */
    }
    interrupted = 1;
}

void tw_catch_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
    struct sigaction action = {.sa_handler = interrupt}, old;
    for (int i = 0; i < 4; i++)
        /* A signal ignored by who started us (nohup, `&`) stays ignored. */
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
}

bool tw_interrupted(void)
{
    return interrupted != 0;
}
