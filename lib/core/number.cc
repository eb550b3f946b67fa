// The C++ standard library has what C lacks: shortest and fast exact conversions.
#include <charconv>
#include <system_error>

extern "C" {
#include "core/number.h"
}

int tw_number_text(double value, char text[TW_NUMBER_SIZE])
{
    std::to_chars_result result = std::to_chars(text, text + TW_NUMBER_SIZE - 1, value);
    *result.ptr = 0; // 24 characters at most, so it always fits
    return static_cast<int>(result.ptr - text);
}

const char *tw_scan_real(const char *text, const char *end, double *value)
{
    std::from_chars_result result = std::from_chars(text, end, *value);
    return result.ec == std::errc() ? result.ptr : nullptr;
}
