#include "metric/expression.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/number.h"

/* Nested deeper than this is refused; each level keeps at most two values waiting. */
enum { MAX_DEPTH = 100, STACK = 2 * MAX_DEPTH + 4 };

typedef enum kind { NUMBER, NAME, ADD, SUBTRACT, MULTIPLY, DIVIDE, NEGATE } kind;

typedef struct step {
    kind kind;
    int name;
    double number;
} step;

/* Steps in postfix order. */
struct tw_expression {
    step *steps;
    size_t count, capacity;
};

typedef struct parser {
    const char *text, *at;
    const char *const *names;
    int count, depth;
    tw_expression *expression;
} parser;

static void add_step(parser *p, step added)
{
    tw_expression *e = p->expression;
    if (e->count == e->capacity) {
        e->capacity = e->capacity ? 2 * e->capacity : 16;
        e->steps = tw_realloc(e->steps, e->capacity, sizeof *e->steps);
    }
    e->steps[e->count++] = added;
}

/* The next character that is no blank. */
static char peek(parser *p)
{
    p->at += strspn(p->at, " \t\n");
    return *p->at;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int expected(parser *p, const char *what)
{
    const char c = peek(p);
    if (!c)
        return tw_fail("expected %s at the end of \"%.200s\"", what, p->text);
    return tw_fail("expected %s at character %td of \"%.200s\", got \"%.20s\"", what,
                   p->at - p->text + 1, p->text, p->at);
}

static const char *skip_digits(const char *at)
{
    while (is_digit(*at))
        at++;
    return at;
}

static int parse_number(parser *p)
{
    const char *at = skip_digits(p->at);
    if (*at == '.')
        at = skip_digits(at + 1);
    if (at - p->at == 1 && *p->at == '.')
        return expected(p, "a number");
    if (*at == 'e' || *at == 'E') {
        const char *digits = at + 1 + (at[1] == '+' || at[1] == '-');
        if (is_digit(*digits))
            at = skip_digits(digits);
    }
    double value;
    if (tw_scan_real(p->at, at, &value) != at)
        return expected(p, "a finite number");
    p->at = at;
    add_step(p, (step){NUMBER, 0, value});
    return 0;
}

static int unknown_name(const parser *p, size_t length)
{
    char known[512] = "";
    for (int i = 0; i < p->count; i++) {
        strncat(known,
                i == 0              ? ""
                : i + 1 == p->count ? " and "
                                    : ", ",
                sizeof known - strlen(known) - 1);
        strncat(known, p->names[i], sizeof known - strlen(known) - 1);
    }
    return tw_fail("unknown name \"%.*s\"; there are %s", length < 64 ? (int)length : 64, p->at,
                   known);
}

static int parse_name(parser *p)
{
    const char *end = p->at;
    while (is_letter(*end) || is_digit(*end) || *end == '_')
        end++;
    const size_t length = (size_t)(end - p->at);
    for (int i = 0; i < p->count; i++)
        if (strlen(p->names[i]) == length && memcmp(p->names[i], p->at, length) == 0) {
            add_step(p, (step){NAME, i, 0});
            p->at = end;
            return 0;
        }
    return unknown_name(p, length);
}

static int parse_sum(parser *p);

static int parse_parenthesis(parser *p)
{
    p->at++;
    if (parse_sum(p) != 0)
        return -1;
    if (peek(p) != ')')
        return expected(p, "an operator or \")\"");
    p->at++;
    return 0;
}

static int parse_factor(parser *p)
{
    int signs = 0, result = -1;
    char c = peek(p);
    for (; c == '+' || c == '-'; c = peek(p)) {
        signs += c == '-';
        p->at++;
    }
    if (++p->depth > MAX_DEPTH)
        return tw_fail("parentheses nested deeper than %d", MAX_DEPTH);
    if (c == '(')
        result = parse_parenthesis(p);
    else if (is_digit(c) || c == '.')
        result = parse_number(p);
    else if (is_letter(c))
        result = parse_name(p);
    else
        return expected(p, "a number, a name or \"(\"");
    p->depth--;
    if (signs % 2)
        add_step(p, (step){NEGATE, 0, 0});
    return result;
}

static int parse_product(parser *p)
{
    if (parse_factor(p) != 0)
        return -1;
    for (char c = peek(p); c == '*' || c == '/'; c = peek(p)) {
        p->at++;
        if (parse_factor(p) != 0)
            return -1;
        add_step(p, (step){c == '*' ? MULTIPLY : DIVIDE, 0, 0});
    }
    return 0;
}

static int parse_sum(parser *p)
{
    if (parse_product(p) != 0)
        return -1;
    for (char c = peek(p); c == '+' || c == '-'; c = peek(p)) {
        p->at++;
        if (parse_product(p) != 0)
            return -1;
        add_step(p, (step){c == '+' ? ADD : SUBTRACT, 0, 0});
    }
    return 0;
}

tw_expression *tw_expression_parse(const char *text, const char *const *names, int count)
{
    parser p = {.text = text, .at = text, .names = names, .count = count};
    p.expression = tw_alloc(1, sizeof *p.expression);
    if (parse_sum(&p) == 0) {
        if (!peek(&p))
            return p.expression;
        expected(&p, "an operator");
    }
    tw_expression_free(p.expression);
    return NULL;
}

void tw_expression_free(tw_expression *expression)
{
    if (!expression)
        return;
    free(expression->steps);
    free(expression);
}

bool tw_expression_uses(const tw_expression *expression, int name)
{
    for (size_t i = 0; i < expression->count; i++)
        if (expression->steps[i].kind == NAME && expression->steps[i].name == name)
            return true;
    return false;
}

double tw_expression_value(const tw_expression *expression, const double *values)
{
    double stack[STACK] = {0};
    int top = -1;
    for (size_t i = 0; i < expression->count; i++) {
        const step *s = &expression->steps[i];
        if (s->kind == NUMBER || s->kind == NAME) {
            assert(top + 1 < STACK);
            stack[++top] = s->kind == NUMBER ? s->number : values[s->name];
        } else if (s->kind == NEGATE) {
            stack[top] = -stack[top];
        } else {
            assert(top >= 1);
            double *left = &stack[top - 1];
            const double right = stack[top--];
            *left = s->kind == ADD        ? *left + right
                    : s->kind == SUBTRACT ? *left - right
                    : s->kind == MULTIPLY ? *left * right
                                          : *left / right;
        }
    }
    return stack[0];
}
