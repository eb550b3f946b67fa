#include "train/policy.h"

#include <stdlib.h>

#include "core/error.h"
#include "model/lora.h"

int tw_policy_check(const tw_policy_options *options)
{
    tw_lora_options parsed;
    if (options->targets && !options->lora)
        return tw_fail("--lora-targets goes with --lora");
    if (options->lora && tw_lora_parse(options->lora, &parsed) < 0)
        return tw_fail_in("option --lora");
    return 0;
}

static int check_kind(const tw_model *policy, const tw_policy_options *options)
{
    if (policy->lora && options->lora)
        return tw_fail("%s: is an adapter, which goes on being trained without --lora (or merge it "
                       "first, with --merge)",
                       policy->path);
    if (options->merge && !policy->lora && !options->lora)
        return tw_fail("%s: is no adapter: there is nothing to --merge", policy->path);
    return 0;
}

tw_model *tw_policy_describe(const char *folder, const tw_policy_options *options, uint64_t seed)
{
    tw_lora_options lora = {.targets = options->targets, .seed = seed};
    tw_model *policy = tw_model_describe(folder, NULL, NULL);
    if (!policy)
        return NULL;
    int status = check_kind(policy, options);
    if (status == 0 && options->lora) {
        status = tw_lora_parse(options->lora, &lora);
        if (status == 0)
            status = tw_lora_add(policy, &lora);
    }
    if (status == 0)
        return policy;
    tw_model_free(policy);
    return NULL;
}

int tw_policy_load(tw_model *policy)
{
    return tw_model_load(policy, policy->lora ? TW_USE_ADAPTER : TW_USE_TRAINABLE, NULL);
}

int tw_policy_save(tw_model *policy, const tw_policy_options *options, const char *folder)
{
    if (options->merge)
        tw_lora_merge(policy);
    return tw_model_save(policy, folder);
}

int tw_policy_merge(const char *folder, const char *output)
{
    tw_policy_options options = {.merge = true};
    tw_model *policy = tw_policy_describe(folder, &options, 0);
    int status = policy ? tw_model_load(policy, TW_USE_FROZEN, NULL) : -1;
    char *temporary = status == 0 ? tw_folder_begin(output) : NULL;
    status = temporary ? tw_policy_save(policy, &options, temporary) : -1;
    if (status == 0)
        status = tw_folder_commit(temporary, output);
    if (status < 0)
        tw_folder_abort(temporary);
    free(temporary);
    tw_model_free(policy);
    return status;
}
