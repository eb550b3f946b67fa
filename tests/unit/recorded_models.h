#ifndef TW_TESTS_RECORDED_MODELS_H
#define TW_TESTS_RECORDED_MODELS_H

#include <jansson.h>

/* Folders tests/fixtures/FAMILY/NAME that an oracle wrote, and FAMILY.json, what it recorded of
 * each under NAME. */

extern json_t *recorded_file;  /* FAMILY.json */
extern const json_t *recorded; /* of the folder that a test runs on */
extern char *recorded_path;    /* that folder */

/* For a setup of a group, which gets a folder of its own too (model_folder.h): reads FAMILY.json,
 * where `key` holds what was recorded. NULL: all of the file is of the folder FAMILY itself. */
int open_recorded(const char *family, const char *key, void **state);
/* The teardown of the group. */
int close_recorded(void **state);

/* Setup and teardown of a test whose initial state is NAME. */
int choose_recorded(void **state);
int leave_recorded(void **state);

/* A test of cmocka's, on the folder `model`. */
#define RECORDED_TEST(function, model)                                                             \
    {                                                                                              \
        model ": " #function, function, choose_recorded, leave_recorded, (void *)(model)           \
    }

#endif
