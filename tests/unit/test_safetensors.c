/* safetensors: what is written is read back; what lies is refused. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "tensor/safetensors.h"

static char folder[] = "/tmp/test_safetensors.XXXXXX";
static char *path;

static int make_folder(void **state)
{
    (void)state;
    path = mkdtemp(folder) ? tw_join_path(folder, "x.safetensors") : NULL;
    return path ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    free(path);
    return rmdir(folder);
}

/* A file of a header and `size` bytes of data; length -1: that of the header. */
static void write_file(const char *header, int64_t length, const void *data, size_t size)
{
    size_t text = strlen(header);
    uint64_t said = length < 0 ? text : (uint64_t)length;
    char *bytes = tw_alloc(8 + text + size + 1, 1);
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)(said >> 8 * i);
    memcpy(bytes + 8, header, text + 1);
    if (size > 0)
        memcpy(bytes + 8 + text, data, size);
    assert_int_equal(0, tw_write_file(path, bytes, 8 + text + size));
    free(bytes);
}

/* The file at path, which must open. */
static tw_safetensors *opened(void)
{
    tw_safetensors *file = tw_safetensors_open(path);
    if (file == NULL)
        print_error("%s\n", tw_error());
    assert_non_null(file);
    return file;
}

static void expect_refused(const char *message)
{
    tw_safetensors *file = tw_safetensors_open(path);
    if (file) {
        tw_safetensors_close(file);
        fail_msg("opened what should fail with '%s'", message);
    }
    if (!strstr(tw_error(), message) || !strstr(tw_error(), "x.safetensors"))
        fail_msg("'%s' should name the file and contain '%s'", tw_error(), message);
}

static void refuses_lying_lengths(void **state)
{
    (void)state;
    assert_int_equal(0, tw_write_file(path, "", 0));
    expect_refused("0 bytes are too few");
    assert_int_equal(0, tw_write_file(path, "\1\0\0\0\0\0\0", 7));
    expect_refused("7 bytes are too few");
    write_file("{}", 3, NULL, 0);
    expect_refused("header length 3 exceeds");
    write_file("{}", INT64_MAX, NULL, 0);
    expect_refused("header length 9223372036854775807 exceeds");
    write_file("{}", 0, NULL, 0);
    expect_refused("header is not JSON");
    write_file("{\"a\":", -1, NULL, 0);
    expect_refused("header is not JSON");
    write_file("[]", -1, NULL, 0);
    expect_refused("header is not a JSON object");
    write_file("{\"a\":\"\xFF\"}", -1, NULL, 0);
    expect_refused("header is not JSON");
    unlink(path);
    expect_refused("No such file");
    assert_int_equal(0, mkdir(path, 0777));
    expect_refused("not a regular file");
    rmdir(path);
}

/* One header a line, over 16 bytes of data. */
static const struct {
    const char *header, *message;
} hostile[] = {
    {"{\"a\":[]}", "tensor a: is not a JSON object"},
    {"{\"a\":{\"shape\":[4],\"data_offsets\":[0,16]}}", "tensor a: dtype is missing"},
    {"{\"a\":{\"dtype\":7,\"shape\":[4],\"data_offsets\":[0,16]}}", "tensor a: dtype is missing"},
    {"{\"a\":{\"dtype\":\"Q4\",\"shape\":[4],\"data_offsets\":[0,16]}}", "dtype Q4 is not"},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,16]}}", "tensor a: shape is missing"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":4,\"data_offsets\":[0,16]}}", "shape is missing"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-4],\"data_offsets\":[0,16]}}", "shape holds what is"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4.0],\"data_offsets\":[0,16]}}", "shape holds what is"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,4],\"data_offsets\":[0,16]}}", "5 dimensions"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,16]}}",
     "shape overflows"},
    /* count fits, bytes do not: 2^62 values of 4 bytes are 0 mod 2^64 */
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}",
     "data_offsets span 0 bytes"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4]}}", "data_offsets are missing"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0]}}", "data_offsets are missing"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[-16,0]}}", "are missing or not"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,20]}}", "outside the file's 16"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[16,0]}}", "outside the file's 16"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,8]}}",
     "span 8 bytes, shape and "},
    {"{\"a\":{\"dtype\":\"F16\",\"shape\":[4],\"data_offsets\":[0,16]}}", "span 16 bytes, shape a"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}", "leave a hole"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", "8 bytes after the last"},
    {"{\"__metadata__\":{}}", "16 bytes after the last"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}",
     "tensor b: data_offsets overlap"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}",
     "data_offsets overlap"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}",
     "tensor b: data_offsets leave a hole"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
     "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}",
     "header is not JSON: duplicate object key"},
};

static void refuses_hostile_headers(void **state)
{
    (void)state;
    static const float data[4] = {1, 2, 3, 4};
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        write_file(hostile[i].header, -1, data, sizeof data);
        expect_refused(hostile[i].message);
    }
}

static void refuses_truncation_anywhere(void **state)
{
    (void)state;
    static const float data[4] = {1, 2, 3, 4};
    write_file("{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}", -1, data,
               sizeof data);
    size_t size = 0;
    char *bytes = tw_read_file(path, 1 << 10, &size);
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(0, tw_write_file(path, bytes, cut));
        expect_refused("");
    }
    free(bytes);
}

/* Order in the header is free; empty arrays and scalars are arrays too. */
static void opens_what_is_sound(void **state)
{
    (void)state;
    static const float data[4] = {1, 2, 3, 4};
    write_file("{\"b\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[12,16]},"
               "\"e\":{\"dtype\":\"I64\",\"shape\":[0,7],\"data_offsets\":[12,12]},"
               "\"__metadata__\":{\"format\":\"pt\"},"
               "\"a\":{\"dtype\":\"F32\",\"shape\":[1,3],\"data_offsets\":[0,12]}}   ",
               -1, data, sizeof data);
    tw_safetensors *file = opened();
    assert_string_equal(path, tw_safetensors_path(file));
    assert_int_equal(3, tw_safetensors_count(file));
    assert_string_equal("a", tw_safetensors_at(file, 0)->name);
    assert_string_equal("e", tw_safetensors_at(file, 1)->name);
    const tw_array *b = tw_safetensors_find(file, "b");
    assert_ptr_equal(b, tw_safetensors_at(file, 2));
    assert_int_equal(0, b->rank);
    assert_int_equal(1, b->count);
    float values[3] = {0};
    assert_int_equal(0, tw_array_to_f32(file, b, values));
    assert_true(values[0] == 4);
    assert_int_equal(0, tw_array_to_f32(file, tw_safetensors_at(file, 0), values));
    assert_memory_equal(values, data, sizeof values);
    assert_null(tw_safetensors_find(file, "__metadata__"));
    assert_int_equal(-1, tw_array_to_f32(file, tw_safetensors_find(file, "e"), values));
    assert_non_null(strstr(tw_error(), "tensor e: dtype I64, expected F32, F16 or BF16"));
    tw_safetensors_close(file);

    write_file("{}", -1, NULL, 0);
    file = opened();
    assert_int_equal(0, tw_safetensors_count(file));
    tw_safetensors_close(file);
}

/* Every half precision number, against the definition of the format. */
static void widens_f16(void **state)
{
    (void)state;
    enum { COUNT = 1 << 16 };
    static uint16_t halves[COUNT];
    static float floats[COUNT];
    size_t finite = 0;
    for (size_t i = 0; i < COUNT; i++)
        if ((i & 0x7C00) != 0x7C00)
            halves[finite++] = (uint16_t)i;
    tw_array array = {"a", TW_F16, 1, {finite}, finite, halves};
    assert_int_equal(0, tw_safetensors_write(path, &array, 1));
    tw_safetensors *file = opened();
    assert_int_equal(0, tw_array_to_f32(file, tw_safetensors_at(file, 0), floats));
    for (size_t i = 0; i < finite; i++) {
        int exponent = halves[i] >> 10 & 31, fraction = halves[i] & 1023;
        double value = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
        double expected = halves[i] & 0x8000 ? -value : value;
        assert_true(floats[i] == (float)expected);
        assert_true(!signbit(floats[i]) == !signbit(expected));
    }
    tw_safetensors_close(file);
}

static void widens_bf16(void **state)
{
    (void)state;
    static const uint16_t bits[] = {0x3F80, 0xBF80, 0x0000, 0x4049, 0x0001, 0x7F7F};
    static const float expected[] = {1, -1, 0, 3.140625F, 0x1p-133F, 0x1.FEp127F};
    float values[6];
    tw_array array = {"a", TW_BF16, 1, {6}, 6, bits};
    assert_int_equal(0, tw_safetensors_write(path, &array, 1));
    tw_safetensors *file = opened();
    assert_int_equal(0, tw_array_to_f32(file, tw_safetensors_at(file, 0), values));
    assert_memory_equal(values, expected, sizeof values);
    tw_safetensors_close(file);
}

/* In each type, wherever it stands, also behind the first block of the check. */
static void refuses_nan_and_infinity(void **state)
{
    (void)state;
    enum { COUNT = 10000 };
    static float floats[COUNT], out[COUNT];
    static uint16_t halves[COUNT];
    static const size_t places[] = {0, 1, 4095, 4096, 5000, COUNT - 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        for (int kind = 0; kind < 5; kind++) {
            memset(floats, 0, sizeof floats);
            memset(halves, 0, sizeof halves);
            floats[places[i]] = kind == 0 ? NAN : -INFINITY;
            static const uint16_t bad[] = {0, 0, 0x7C01, 0xFC00, 0x7F80};
            halves[places[i]] = bad[kind];
            tw_array array = {"w",   kind < 2 ? TW_F32 : kind < 4 ? TW_F16 : TW_BF16, 1, {COUNT},
                              COUNT, kind < 2 ? (void *)floats : (void *)halves};
            assert_int_equal(0, tw_safetensors_write(path, &array, 1));
            tw_safetensors *file = opened();
            assert_int_equal(-1, tw_array_to_f32(file, tw_safetensors_at(file, 0), out));
            char *message = tw_format("x.safetensors: tensor w: value %zu is %s", places[i],
                                      kind == 0 || kind == 2 ? "NaN" : "infinite");
            assert_non_null(strstr(tw_error(), message));
            const float *view = NULL;
            int status = tw_array_view_f32(file, tw_safetensors_at(file, 0), &view);
            assert_int_equal(kind < 2 ? -1 : 0, status);
            assert_null(view);
            free(message);
            tw_safetensors_close(file);
        }
}

static void reads_back_what_it_wrote(void **state)
{
    (void)state;
    static const float a[6] = {1, -2, 3.5F, 0, 1e30F, -0.0F};
    static const int64_t b[2] = {-1, INT64_MAX};
    static const uint8_t c[3] = {1, 2, 255};
    const tw_array arrays[] = {{"z \"quoted\" é", TW_F32, 2, {2, 3}, 6, a},
                               {"empty", TW_F32, 1, {0}, 0, NULL},
                               {"b", TW_I64, 1, {2}, 2, b},
                               {"a", TW_U8, 3, {1, 3, 1}, 3, c}};
    assert_int_equal(0, tw_safetensors_write(path, arrays, 4));
    tw_safetensors *file = opened();
    assert_int_equal(4, tw_safetensors_count(file));
    for (size_t i = 0; i < 4; i++) {
        const tw_array *found = tw_safetensors_find(file, arrays[i].name);
        assert_non_null(found);
        assert_int_equal(arrays[i].dtype, found->dtype);
        assert_int_equal(arrays[i].rank, found->rank);
        assert_memory_equal(arrays[i].shape, found->shape, sizeof found->shape);
        assert_int_equal(arrays[i].count, found->count);
        if (found->count > 0)
            assert_memory_equal(arrays[i].data, found->data,
                                found->count * tw_dtype_size(found->dtype));
    }
    const float *view = NULL;
    assert_int_equal(0, tw_array_view_f32(file, tw_safetensors_find(file, arrays[0].name), &view));
    assert_non_null(view);
    assert_int_equal(0, (uintptr_t)view % 64);
    tw_safetensors_close(file);

    size_t size = 0;
    char *bytes = tw_read_file(path, 1 << 12, &size);
    assert_non_null(strstr(bytes + 8, "\"__metadata__\":{\"format\":\"pt\"}"));
    free(bytes);
}

/* A full disk leaves no file. */
static void reports_a_failed_write(void **state)
{
    (void)state;
    tw_array array = {"a", TW_F32, 1, {1}, 1, &(float){1}};
    assert_int_equal(-1, tw_safetensors_write("/tmp/no-such-folder/x", &array, 1));
    assert_non_null(strstr(tw_error(), "/tmp/no-such-folder/x: No such file"));
    if (access("/dev/full", W_OK) == 0) {
        unlink(path);
        assert_int_equal(0, symlink("/dev/full", path));
        assert_int_equal(-1, tw_safetensors_write(path, &array, 1));
        assert_non_null(strstr(tw_error(), "No space left"));
        assert_int_equal(-1, access(path, F_OK));
    }
    assert_int_equal(0, tw_safetensors_write(path, &array, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_lying_lengths),
        cmocka_unit_test(refuses_hostile_headers),
        cmocka_unit_test(refuses_truncation_anywhere),
        cmocka_unit_test(opens_what_is_sound),
        cmocka_unit_test(widens_f16),
        cmocka_unit_test(widens_bf16),
        cmocka_unit_test(refuses_nan_and_infinity),
        cmocka_unit_test(reads_back_what_it_wrote),
        cmocka_unit_test(reports_a_failed_write),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
