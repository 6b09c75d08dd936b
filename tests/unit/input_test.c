/* tests/unit/input_test.c - the same bytes come out however they were packed; damage is a fault. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "storage/src/go_bytes.h"
#include "storage/src/input.h"
#include "storage/src/reader.h"
#include "tests/unit/check.h"

enum { N_PLAIN = 700001, ROOM = 2 * N_PLAIN };

static uint8_t plain[N_PLAIN], packed[ROOM], out[ROOM];

static void make_plain(void) {
    uint32_t x = 2463534242;
    for (size_t i = 0; i < N_PLAIN; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        plain[i] = (uint8_t)(i % 7 ? x >> 24 : i >> 10);
    }
    memcpy(plain, "go 1.26 trace\0\0", 16); /* so that nothing takes it for a packed file */
}

static size_t pack_gzip(uint8_t *to, const uint8_t *from, size_t n) {
    z_stream z = {0};
    CHECK(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    z.next_in = (Bytef *)(uintptr_t)from;
    z.avail_in = (uInt)n;
    z.next_out = to;
    z.avail_out = ROOM / 2 + 1000;
    CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    size_t size = z.total_out;
    deflateEnd(&z);
    return size;
}

static size_t pack_zstd(uint8_t *to, const uint8_t *from, size_t n) {
    ZSTD_CCtx *z = ZSTD_createCCtx();
    CHECK(z && !ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1)));
    size_t size = ZSTD_compress2(z, to, ROOM / 2 + 1000, from, n);
    CHECK(!ZSTD_isError(size));
    ZSTD_freeCCtx(z);
    return size;
}

/* Reads all in pieces of step bytes.  Returns the last result: 0, or a code. */
static int64_t drain(struct input *in, size_t step, size_t *n) {
    int64_t got = 0;
    *n = 0;
    do {
        size_t room = ROOM - *n < step ? ROOM - *n : step;
        got = input_read(in, out + *n, room, &fault);
        if (got > 0) *n += (size_t)got;
    } while (got > 0 && *n < ROOM);
    return got;
}

static int64_t read_memory(const uint8_t *data, size_t size, size_t step, size_t *n) {
    struct input *in;
    CHECK(input_open_memory(data, size, &in, &fault) == 0);
    int64_t rc = drain(in, step, n);
    if (rc < 0) CHECK(input_read(in, out, 1, &fault) == rc); /* sticky */
    input_close(in);
    return rc;
}

static void check_same(const uint8_t *data, size_t size) {
    static const size_t steps[] = {1 << 20, 65536, 4097, 16};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        size_t n;
        CHECK(read_memory(data, size, steps[i], &n) == 0);
        CHECK(n == N_PLAIN && memcmp(out, plain, n) == 0);
    }
}

typedef size_t pack(uint8_t *to, const uint8_t *from, size_t n);

static void test_packing(pack *pack_it, enum input_packing kind) {
    size_t half = N_PLAIN / 2, n;
    check_same(packed, pack_it(packed, plain, N_PLAIN));
    size_t first = pack_it(packed, plain, half); /* two members or frames, one file */
    size_t size = first + pack_it(packed + first, plain + half, N_PLAIN - half);
    check_same(packed, size);

    struct input *in;
    CHECK(input_open_memory(packed, size, &in, &fault) == 0);
    CHECK(input_packing(in) == kind);
    input_close(in);

    CHECK(read_memory(packed, size - 5, 65536, &n) == PV_ECORRUPT);
    CHECK(strstr(fault.text, "cut off"));
    CHECK(n <= N_PLAIN && memcmp(out, plain, n) == 0);
    CHECK(read_memory(packed, first - 1, 65536, &n) == PV_ECORRUPT);
    packed[first / 2] ^= 0x55;
    packed[first / 2 + 1] ^= 0x55;
    int64_t rc = read_memory(packed, size, 65536, &n);
    CHECK(rc == PV_ECORRUPT); /* both formats carry checks, or the bits make no sense */
}

static void test_files(void) {
    struct input *in;
    char dir[] = "/tmp/pv-input-XXXXXX", path[64];
    CHECK(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/trace", dir);
    CHECK(input_open(dir, &in, &fault) == PV_EIO && strstr(fault.text, "is a directory"));
    CHECK(input_open(path, &in, &fault) == PV_EIO && strstr(fault.text, "No such file"));
    FILE *f = fopen(path, "wb");
    CHECK(f && fwrite(plain, 1, N_PLAIN, f) == N_PLAIN && fclose(f) == 0);
    CHECK(input_open(path, &in, &fault) == 0);
    size_t n;
    uint64_t done, total;
    CHECK(drain(in, 65536, &n) == 0 && n == N_PLAIN && memcmp(out, plain, n) == 0);
    input_progress(in, &done, &total);
    CHECK(done == N_PLAIN && total == N_PLAIN);
    input_cancel(in);
    CHECK(input_read(in, out, 1, &fault) == PV_ECANCELED);
    input_close(in);
    if (geteuid() != 0) { /* root may read everything */
        CHECK(chmod(path, 0) == 0);
        CHECK(input_open(path, &in, &fault) == PV_EIO && strstr(fault.text, "Permission denied"));
    }
    unlink(path);
    rmdir(dir);
}

/* What is no trace is refused with what it is. */
static void test_not_traces(void) {
    static const struct {
        const char *bytes;
        size_t n;
        int code;
        const char *says;
    } cases[] = {
        {"", 0, PV_EFORMAT, "an empty file"},
        {"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 18, PV_EFORMAT, "zeros"},
        {"\x7f"
         "ELF\2\1\1\0\0\0\0\0\0\0\0\0",
         16, PV_EFORMAT, "ELF"},
        {"go 1.26 tra", 11, PV_EFORMAT, "cut off"},
        {"go 1.5 trace\0\0\0\0", 16, PV_EVERSION, "unknown or unsupported trace version go 1.5"},
        {"go 1.24 trace\0\0\0", 16, PV_EVERSION, "unknown or unsupported trace version go 1.24"},
        {"go 1.99 trace\0\0\0", 16, PV_EVERSION, "unknown or unsupported trace version go 1.99"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct input *in;
        struct reader *r;
        CHECK(input_open_memory(cases[i].bytes, cases[i].n, &in, &fault) == 0);
        CHECK(reader_open(in, NULL, &r, &fault) == cases[i].code && !r);
        CHECK(strstr(fault.text, cases[i].says));
        input_close(in);
    }
}

/* Everything from byte 16 on, backwards in uneven pieces, and not a byte beyond the end. */
static void check_anywhere(struct input *in) {
    struct go_bytes b;
    CHECK(input_read(in, out, 16, &fault) == 16);
    CHECK(go_bytes_open(&b, in, 16, &fault) == 0);
    CHECK(go_bytes_need(&b, 16, 1, &fault) == 0 && b.n > 16 && !b.at_end);
    CHECK(go_bytes_need(&b, 16, N_PLAIN, &fault) == 0 && b.n == N_PLAIN && b.at_end);
    for (size_t end = N_PLAIN, n = 1; end > 16; end -= n, n = n * 3 % 70001) {
        if (n > end - 16) n = end - 16;
        CHECK(go_bytes_get(&b, end - n, out, n, &fault) == 0);
        CHECK(memcmp(out, plain + end - n, n) == 0);
    }
    CHECK(go_bytes_get(&b, N_PLAIN - 3, out, 4, &fault) == PV_EIO);
    go_bytes_done(&b, N_PLAIN / 2);
    CHECK(go_bytes_get(&b, N_PLAIN / 2, out, 1000, &fault) == 0);
    CHECK(memcmp(out, plain + N_PLAIN / 2, 1000) == 0);
    go_bytes_close(&b);
    input_close(in);
}

static void test_anywhere(void) {
    struct input *in;
    CHECK(input_open_memory(plain, N_PLAIN, &in, &fault) == 0);
    check_anywhere(in);
    CHECK(input_open_memory(packed, pack_gzip(packed, plain, N_PLAIN), &in, &fault) == 0);
    check_anywhere(in);

    char path[] = "/tmp/parkview-input-XXXXXX";
    int fd = mkstemp(path);
    CHECK(fd >= 0 && write(fd, plain, N_PLAIN) == N_PLAIN);
    CHECK(input_open(path, &in, &fault) == 0);
    check_anywhere(in);

    struct go_bytes b; /* somebody cuts the file off between being told of bytes and getting them */
    CHECK(input_open(path, &in, &fault) == 0 && go_bytes_open(&b, in, 0, &fault) == 0);
    CHECK(go_bytes_need(&b, 0, N_PLAIN, &fault) == 0 && b.n == N_PLAIN);
    CHECK(ftruncate(fd, 1000) == 0);
    CHECK(go_bytes_get(&b, 900, out, 101, &fault) == PV_EIO && strstr(fault.text, "shorter"));
    go_bytes_close(&b);
    input_close(in);
    close(fd);
    unlink(path);
}

int main(void) {
    make_plain();
    check_same(plain, N_PLAIN);
    test_packing(pack_gzip, INPUT_GZIP);
    test_packing(pack_zstd, INPUT_ZSTD);
    test_files();
    test_anywhere();
    test_not_traces();
    printf("input_test: ok\n");
    return 0;
}
