#include "train/schedule.h"

#include <math.h>

#include "core/error.h"
#include "core/math.h"

static double worst(bool maximise)
{
    return maximise ? -INFINITY : INFINITY;
}

void tw_plateau_init(tw_plateau *plateau, double rate, bool maximise)
{
    *plateau = (tw_plateau){.factor = 0.8,
                            .floor = 1e-6,
                            .threshold = 1e-4,
                            .patience = 2,
                            .maximise = maximise,
                            .rate = rate,
                            .best = worst(maximise)};
}

static bool improves(const tw_plateau *plateau, double value)
{
    if (plateau->maximise)
        return value > plateau->best * (1 + plateau->threshold);
    return value < plateau->best * (1 - plateau->threshold);
}

bool tw_plateau_update(tw_plateau *plateau, double value)
{
    /* PyTorch's eps: a smaller change of the rate is not made. */
    static const double SMALLEST = 1e-8;
    if (improves(plateau, value)) {
        plateau->best = value;
        plateau->bad = 0;
        return false;
    }
    if (++plateau->bad <= plateau->patience)
        return false;
    plateau->bad = 0;
    double rate = fmax(plateau->rate * plateau->factor, plateau->floor);
    if (plateau->rate - rate <= SMALLEST)
        return false;
    plateau->rate = rate;
    return true;
}

void tw_schedule_init(tw_schedule *schedule, tw_schedule_kind kind, double rate, uint64_t warmup,
                      uint64_t total, bool maximise)
{
    *schedule = (tw_schedule){.kind = kind, .rate = rate, .warmup = warmup, .total = total};
    tw_plateau_init(&schedule->plateau, rate, maximise);
}

/* The share of the way from the end of the warm-up to the end of the run. */
static double way(const tw_schedule *schedule, uint64_t step)
{
    if (schedule->total <= schedule->warmup)
        return 0;
    double share = (double)(step - schedule->warmup) / (double)(schedule->total - schedule->warmup);
    return fmin(share, 1);
}

double tw_schedule_rate(const tw_schedule *schedule, uint64_t step)
{
    double peak = schedule->kind == TW_SCHEDULE_PLATEAU ? schedule->plateau.rate : schedule->rate;
    if (step < schedule->warmup)
        return peak * (double)(step + 1) / (double)schedule->warmup;
    if (schedule->kind == TW_SCHEDULE_LINEAR)
        return peak * (1 - way(schedule, step));
    if (schedule->kind == TW_SCHEDULE_COSINE)
        return peak * 0.5 * (1 + tw_cos(M_PI * way(schedule, step)));
    return peak;
}

bool tw_best_update(tw_best *best, double value, uint64_t step)
{
    bool better = best->maximise ? value > best->value : value < best->value;
    if (!isnan(value) && (!best->any || better)) {
        *best = (tw_best){best->maximise, true, value, step, 0};
        return true;
    }
    best->stale++;
    return false;
}

/* JSON has no infinity: `best` is null until there is one. */
static json_t *number_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *tw_plateau_to_json(const tw_plateau *plateau)
{
    return json_pack("{s:f, s:o, s:I}", "rate", plateau->rate, "best",
                     number_or_null(plateau->best), "bad", (json_int_t)plateau->bad);
}

int tw_plateau_from_json(tw_plateau *plateau, const json_t *json)
{
    json_t *best = NULL;
    json_int_t bad = 0;
    double rate = 0;
    if (json_unpack((json_t *)json, "{s:F, s:o, s:I}", "rate", &rate, "best", &best, "bad", &bad) <
            0 ||
        !(json_is_null(best) || json_is_number(best)))
        return tw_fail("plateau: expected {\"rate\", \"best\", \"bad\"}");
    plateau->rate = rate;
    plateau->best = json_is_null(best) ? worst(plateau->maximise) : json_number_value(best);
    plateau->bad = bad;
    return 0;
}

json_t *tw_best_to_json(const tw_best *best)
{
    return json_pack("{s:b, s:o, s:I, s:I}", "any", best->any, "value",
                     number_or_null(best->any ? best->value : NAN), "step", (json_int_t)best->step,
                     "stale", (json_int_t)best->stale);
}

int tw_best_from_json(tw_best *best, const json_t *json)
{
    json_t *value = NULL;
    json_int_t step = 0, stale = 0;
    int any = 0;
    if (json_unpack((json_t *)json, "{s:b, s:o, s:I, s:I}", "any", &any, "value", &value, "step",
                    &step, "stale", &stale) < 0 ||
        (any && !json_is_number(value)) || step < 0 || stale < 0)
        return tw_fail("best: expected {\"any\", \"value\", \"step\", \"stale\"}");
    best->any = any;
    best->value = json_number_value(value);
    best->step = (uint64_t)step;
    best->stale = stale;
    return 0;
}
