#ifndef TW_MODEL_CONFIG_H
#define TW_MODEL_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fields of a config.json, for the architectures' configure(). A field that is
 * missing or null keeps what *value held before (the default of transformers);
 * each returns 0, or -1 with a message that begins with the field's name. */

/* Beyond these a config.json is a mistake, and products of sizes could overflow. */
enum {
    TW_MAX_LAYERS = 1 << 12,
    TW_MAX_WIDTH = 1 << 18,
    TW_MAX_POSITIONS = 1 << 24,
    TW_MAX_VOCABULARY = 1 << 24
};

/* An integer within [1, most]. */
int tw_config_size(const json_t *json, const char *key, size_t most, size_t *value);

/* A finite number, positive or, where zero is allowed, zero. */
int tw_config_real(const json_t *json, const char *key, bool zero, double *value);

/* True or false. */
int tw_config_flag(const json_t *json, const char *key, bool *value);

/* Text, which the JSON keeps. */
int tw_config_text(const json_t *json, const char *key, const char **value);

/* A field whose every value but this one asks for what is not implemented. */
int tw_config_fixed(const json_t *json, const char *key, bool value);

typedef struct tw_fixed_field {
    const char *key;
    bool value;
} tw_fixed_field;

/* fields[count] as tw_config_fixed has it, and what no architecture supports: pruned and quantized
 * models. */
int tw_config_refuse(const json_t *json, const tw_fixed_field *fields, size_t count);

/* Whether a vocabulary of vocab_size fits a tokenizer of so many pieces, larger by padding at
 * most. Embeddings are padded for speed, up to a multiple of 128 (T5: 32,100 in 32,128) or
 * somewhat more generously to some multiple of 64: Qwen2 0.2 %, Phi 1.8 %, DeepSeek 2.3 %.
 * What has more than 1/32 too many is of another tokenizer. */
bool tw_config_vocabulary_fits(size_t pieces, size_t vocab_size);

/* A token id within the vocabulary, or -1 (also for a list, see stops.h). */
int32_t tw_config_token(const json_t *json, const char *key, size_t vocab_size);

/* The object in a JSON file of at most 16 MB; the caller decrefs. NULL on failure. */
json_t *tw_json_read(const char *path);

/* Writes it indented, numbers as short as they can be told apart. */
int tw_json_write(const char *path, const json_t *json);

#endif
