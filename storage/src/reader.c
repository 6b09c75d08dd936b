/* storage/src/reader.c - looks at the first 16 bytes and hands the rest to the right reader.
 *
 * Layout      "go 1.N trace" and NULs, 16 bytes.  N: 11, 19, 21 go to go_v1.c; 22, 23, 25, 26 and
 *             what is newer to go_v2.c; all others are refused, as by Go 1.26.
 *             A ring file of tracer/ has a magic of 16 bytes, too: ring.c.
 * Source      go1.26 src/internal/trace/version/version.go, reader.go */
#include "storage/src/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/src/reader_impl.h"
#include "tracer/format.h"

enum { HEADER_BYTES = 16 };

struct reader {
    int version;
    struct dict *dict;
    struct go_v1 *v1; /* one of the three */
    struct go_v2 *v2;
    struct ring *ring;
    struct fault fault; /* of a format that has no resuming */
};

struct magic {
    const char *bytes;
    size_t n;
    const char *what;
};

static const char *what_is(const uint8_t *p, size_t n, enum input_packing packing) {
#define MAGIC(bytes, what)                                                                         \
    { bytes, sizeof bytes - 1, what }
    static const struct magic known[] = {
        MAGIC("\x7f"
              "ELF",
              "an ELF program or library"),
        MAGIC("SQLite format 3", "an SQLite database"),
        MAGIC("PK\x03\x04", "a zip archive"),
        MAGIC("BZh", "a bzip2 file"),
        MAGIC("\xfd"
              "7zXZ",
              "an xz file"),
        MAGIC("SCHED ", "a GODEBUG=schedtrace log"),
        MAGIC("gc 1 @", "a GODEBUG=gctrace log"),
        MAGIC("{", "JSON text"),
        MAGIC("<", "HTML or XML text"),
        MAGIC("go 1.", "a Go trace header that is cut off or damaged"),
    };
#undef MAGIC
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (n >= known[i].n && memcmp(p, known[i].bytes, known[i].n) == 0) return known[i].what;
    if (n == 0) return "an empty file";
    if (n >= 2 && p[0] == 0x0a && p[1] < 0x80)
        return packing == INPUT_GZIP ? "a gzip'd pprof profile" : "a pprof profile, perhaps";
    size_t zeros = 0, texts = 0;
    for (size_t i = 0; i < n; i++) {
        zeros += p[i] == 0;
        texts += (p[i] >= 0x20 && p[i] < 0x7f) || p[i] == '\n' || p[i] == '\r' || p[i] == '\t';
    }
    return zeros == n ? "zeros" : texts == n ? "text" : "bytes of another kind";
}

static int not_a_trace(const uint8_t *p, size_t n, struct input *in, struct fault *f) {
    char start[3 * HEADER_BYTES + 1] = "";
    for (size_t i = 0; i < n && i < 8; i++) snprintf(start + 3 * i, 4, "%02x ", p[i]);
    return fault_set(f, PV_EFORMAT, 0,
                     "bad file format: not a Go execution trace? Expected \"go 1.N trace\" at byte "
                     "0, found %s%s%s%s",
                     what_is(p, n, input_packing(in)), n ? " (" : "", start, n ? "...)" : "");
}

/* The N of "go 1.N trace", -1 if that is not what p holds. */
static int parse_version(const uint8_t p[HEADER_BYTES]) {
    static const char head[] = "go 1.", tail[] = " trace";
    if (memcmp(p, head, sizeof head - 1) != 0) return -1;
    size_t i = sizeof head - 1;
    int version = 0, n_digits = 0;
    for (; i < HEADER_BYTES && p[i] >= '0' && p[i] <= '9' && n_digits < 4; i++, n_digits++)
        version = version * 10 + (p[i] - '0');
    if (n_digits == 0 || HEADER_BYTES - i < sizeof tail - 1) return -1;
    if (memcmp(p + i, tail, sizeof tail - 1) != 0) return -1;
    for (i += sizeof tail - 1; i < HEADER_BYTES; i++)
        if (p[i] != 0) return -1;
    return version;
}

static int refuse(int version, struct fault *f) {
    const char *why = version >= 5 && version <= 10
                          ? "Go 1.11 is the oldest whose traces are read; record it again with a "
                            "newer Go"
                          : "no Go release writes it";
    return fault_set(f, PV_EVERSION, 0, "unknown or unsupported trace version go 1.%d: %s", version,
                     why);
}

static int open_format(struct reader *r, struct input *in, const struct reader_options *o,
                       struct fault *f) {
    switch (r->version) {
    case FORMAT_RING:
        return ring_open(in, o, r->dict, &r->ring, f);
    case 11:
    case 19:
    case 21:
        return go_v1_open(in, r->version, o, r->dict, &r->v1, f);
    case 22:
    case 23:
    case 25:
        return go_v2_open(in, r->version, o, r->dict, &r->v2, f);
    default:
        if (r->version < 26) return refuse(r->version, f);
        return go_v2_open(in, r->version, o, r->dict, &r->v2, f);
    }
}

int reader_header(struct input *in, int *version, struct fault *f) {
    uint8_t header[HEADER_BYTES];
    size_t n = 0;
    struct fault why = {0};
    while (n < HEADER_BYTES) {
        int64_t got = input_read(in, header + n, HEADER_BYTES - n, &why);
        if (got == PV_ECORRUPT)
            return fault_set(f, PV_EFORMAT, why.offset,
                             "bad file format: not a Go execution trace? Expected \"go 1.N trace\" "
                             "at byte 0, found %s",
                             why.text);
        if (got < 0) return *f = why, (int)got;
        if (got == 0) break;
        n += (size_t)got;
    }
    *version = n == HEADER_BYTES ? parse_version(header) : -1;
    if (n == HEADER_BYTES && memcmp(header, PV_RING_MAGIC, n) == 0) *version = FORMAT_RING;
    return *version < 0 ? not_a_trace(header, n, in, f) : 0;
}

int reader_open(struct input *in, const struct reader_options *o, struct reader **out,
                struct fault *f) {
    static const struct reader_options defaults = {0};
    int version;
    *out = NULL;
    TRY(reader_header(in, &version, f));
    if (o && o->version) *o->version = version;
    struct reader *r = calloc(1, sizeof *r);
    if (r) r->dict = dict_new();
    int rc;
    if (!r || !r->dict) {
        rc = fault_set(f, PV_ENOMEM, -1, "out of memory");
    } else {
        r->version = version;
        rc = open_format(r, in, o ? o : &defaults, f);
    }
    if (rc < 0) {
        reader_close(r);
        return rc;
    }
    *out = r;
    return 0;
}

int reader_next(struct reader *r, struct ev_batch *b, struct fault *f) {
    struct fault ignored;
    if (!f) f = &ignored;
    if (r->v2) return go_v2_next(r->v2, b, f);
    if (r->ring) return ring_next(r->ring, b, f);
    int rc = go_v1_next(r->v1, b, f);
    if (rc < 0) r->fault = *f;
    return rc;
}

bool reader_ready(struct reader *r) {
    return r->v2 ? go_v2_ready(r->v2) : !r->v1 || go_v1_ready(r->v1);
}

int reader_version(const struct reader *r) {
    return r->version;
}

bool reader_is_newer(const struct reader *r) {
    return r->version > 26 && r->version != FORMAT_RING;
}

const struct fault *reader_first_fault(const struct reader *r) {
    if (r->ring) return ring_first_fault(r->ring);
    return r->v2 ? go_v2_first_fault(r->v2) : &r->fault;
}

struct dict *reader_dict(const struct reader *r) {
    return r->dict;
}

void reader_close(struct reader *r) {
    if (!r) return;
    go_v1_close(r->v1);
    go_v2_close(r->v2);
    ring_close(r->ring);
    dict_free(r->dict);
    free(r);
}
