#include <sentencepiece_processor.h>

#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

extern "C" {
#include "core/error.h"
#include "core/memory.h"
#include "text/sentencepiece.h"
}

struct tw_sentencepiece {
    sentencepiece::SentencePieceProcessor processor;
};

tw_sentencepiece *tw_sentencepiece_load(const char *bytes, size_t size)
{
    try {
        auto model = std::make_unique<tw_sentencepiece>();
        auto status = model->processor.LoadFromSerializedProto(std::string_view(bytes, size));
        if (status.ok())
            return model.release();
        tw_fail("not a valid SentencePiece model (%s)", status.error_message());
    } catch (const std::exception &error) {
        tw_fail("not a valid SentencePiece model (%s)", error.what());
    }
    return nullptr;
}

void tw_sentencepiece_free(tw_sentencepiece *model)
{
    delete model;
}

void tw_sentencepiece_special(const tw_sentencepiece *model, tw_sentencepiece_ids *ids)
{
    const auto &processor = model->processor;
    *ids = {processor.GetPieceSize(), processor.unk_id(), processor.bos_id(), processor.eos_id(),
            processor.pad_id()};
}

int tw_sentencepiece_encode(const tw_sentencepiece *model, const char *text, size_t length,
                            tw_ids *ids)
{
    try {
        std::vector<int> found;
        auto status = model->processor.Encode(std::string_view(text, length), &found);
        if (!status.ok())
            return tw_fail("cannot tokenize (%s)", status.error_message());
        auto *copy = static_cast<int32_t *>(tw_alloc(found.size(), sizeof(int32_t)));
        for (size_t i = 0; i < found.size(); i++)
            copy[i] = found[i];
        *ids = {copy, found.size()};
        return 0;
    } catch (const std::exception &error) {
        return tw_fail("cannot tokenize (%s)", error.what());
    }
}

char *tw_sentencepiece_decode(const tw_sentencepiece *model, const int32_t *ids, size_t count,
                              size_t *length)
{
    try {
        std::string text;
        auto status = model->processor.Decode(std::vector<int>(ids, ids + count), &text);
        if (!status.ok()) {
            tw_fail("cannot decode (%s)", status.error_message());
            return nullptr;
        }
        auto *copy = static_cast<char *>(tw_alloc(text.size() + 1, 1));
        std::memcpy(copy, text.c_str(), text.size() + 1);
        *length = text.size();
        return copy;
    } catch (const std::exception &error) {
        tw_fail("cannot decode (%s)", error.what());
    }
    return nullptr;
}

int32_t tw_sentencepiece_find(const tw_sentencepiece *model, const char *piece)
{
    /* Of what it does not know it says the unknown piece. */
    int32_t id = model->processor.PieceToId(piece);
    return id >= 0 && id < model->processor.GetPieceSize() &&
                   model->processor.IdToPiece(id) == piece
               ? id
               : -1;
}

const char *tw_sentencepiece_piece(const tw_sentencepiece *model, int32_t id)
{
    return model->processor.IdToPiece(id).c_str();
}
