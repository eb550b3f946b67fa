#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/printable.h"

enum { MESSAGE_SIZE = 2048 };

static _Thread_local char message[MESSAGE_SIZE];
static const char *program = "tokenwise", *invoked = "tokenwise";

int tw_fail(const char *format, ...)
{
    /* The arguments may point into the current message. */
    char text[MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(message, text, sizeof message);
    return -1;
}

int tw_fail_in(const char *format, ...)
{
    char context[MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(context, sizeof context, format, args);
    va_end(args);
    if (length < 0)
        return -1;
    return tw_fail("%s: %s", context, message);
}

const char *tw_error(void)
{
    return message;
}

void tw_set_program(const char *name)
{
    program = invoked = name;
}

const char *tw_program(void)
{
    return program;
}

void tw_set_invoked(const char *argv0)
{
    const char *slash = strrchr(argv0, '/'), *name = slash ? slash + 1 : argv0;
    size_t length = strlen(name), own = strlen(program);
    invoked = length >= own && strcmp(name + length - own, program) == 0 ? name : program;
}

const char *tw_invoked(void)
{
    return invoked;
}

static void (*before_warning)(void);

void tw_before_warning(void (*prepare)(void))
{
    before_warning = prepare;
}

void tw_warn(const char *format, ...)
{
    char text[MESSAGE_SIZE], line[2 * MESSAGE_SIZE];
    if (before_warning)
        before_warning();
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t length = tw_printable(invoked, line, sizeof line / 2);
    length += (size_t)snprintf(line + length, sizeof line - length, ": ");
    length += tw_printable(text, line + length, sizeof line - 1 - length);
    line[length] = '\n';
    if (write(STDERR_FILENO, line, length + 1) < 0)
        return; /* stderr is gone: there is nobody left to tell */
}
