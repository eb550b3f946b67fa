#include "text/lead.h"

#include "text/utf8.h"

tw_lead tw_lead_begin(const char *text, size_t lead)
{
    tw_lead begun = {0};
    for (size_t i = 0; i < lead; i += tw_utf8_broken(text + i, lead - i))
        begun.front++;
    return begun;
}

static void count(tw_lead *lead)
{
    /* One more stems from where the character before it does. */
    const bool stems = lead->taken < lead->front + (lead->covers == 0);
    if (lead->size > 0 && stems)
        lead->bytes += lead->size;
    lead->closed = lead->closed || (lead->size > 0 && !stems);
    lead->taken += lead->covers;
}

void tw_lead_put(tw_lead *lead, size_t size, size_t covers)
{
    if (lead->closed)
        return;
    count(lead);
    lead->size = size;
    lead->covers = covers;
}

void tw_lead_cover(tw_lead *lead, size_t more)
{
    if (lead->size > 0)
        lead->covers += more;
}

size_t tw_lead_end(tw_lead *lead)
{
    tw_lead_put(lead, 0, 0);
    return lead->bytes;
}
