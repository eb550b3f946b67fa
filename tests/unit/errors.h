#ifndef TW_TESTS_ERRORS_H
#define TW_TESTS_ERRORS_H

/* Fails the test unless the last message (core/error.h) contains that. */
void expect_error(const char *message);

#endif
