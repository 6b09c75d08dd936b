/* storage/src/column.c - a column of numbers as bytes: constant, bits (bits.h), or zstd of varints.
 *
 * Layout      mode byte; CONSTANT: varint value.  PLAIN, BITS: varint size, bytes.
 *             ZSTD: varint raw size, varint packed size, packed bytes.  UNITS: the two sizes for
 *             each UNIT_ROWS values, then the packed bytes of one unit after the other.
 * Why two     zstd behind varints more than halves what repeats (classes, processors, wakers);
 *             durations hardly shrink by it, and as bits they are read four times as fast.
 *             At level -1 zstd leaves literals as they are: a quarter of the time less than 1.
 * Why units   a goroutine's history wants a sixth of a page. */
#include "storage/src/column.h"

#include <zstd.h>

#include "storage/src/bits.h"
#include "storage/src/varint.h"

enum mode { MODE_CONSTANT, MODE_PLAIN, MODE_ZSTD, MODE_BITS, MODE_UNITS };
/* A table of 8 KB finds what there is to find in a page's few thousand bytes; the usual one has to
 * be cleared at each call, and drives out of the cache what comes next. */
enum {
    SKIP_AFTER_FAILURE = 63,
    MIN_FOR_ZSTD = 48,
    ZSTD_LEVEL = -1,
    ZSTD_HASH_LOG = 11,
    SURELY_ZSTD = 6, /* so much smaller than varints it is less than half of the bits, too */
    UNIT_ROWS = 512,
    MAX_UNITS = COLUMN_MAX / UNIT_ROWS,
    SMALL_WHOLE = 64 /* bytes of a whole page in which units would be mostly headers */
};

_Static_assert(COLUMN_MAX <= BITS_BLOCK * BITS_MAX_BLOCKS, "a column has a plan");

struct column_codec {
    ZSTD_CCtx *pack; /* both are made when they are needed first */
    ZSTD_DCtx *unpack;
    struct buffer raw, packed;
};

struct column_codec *column_codec_new(void) {
    return calloc(1, sizeof(struct column_codec));
}

void column_codec_free(struct column_codec *c) {
    if (!c) return;
    ZSTD_freeCCtx(c->pack);
    ZSTD_freeDCtx(c->unpack);
    buffer_free(&c->raw);
    buffer_free(&c->packed);
    free(c);
}

static void put_plain(struct buffer *out, const uint8_t *data, size_t n) {
    if (!buffer_reserve(out, 11 + n)) return;
    out->data[out->n++] = MODE_PLAIN;
    buffer_varint(out, n);
    buffer_bytes(out, data, n);
}

static bool pack_context(struct column_codec *c) {
    if (c->pack) return true;
    c->pack = ZSTD_createCCtx();
    if (!c->pack) return false;
    ZSTD_CCtx_setParameter(c->pack, ZSTD_c_compressionLevel, ZSTD_LEVEL);
    ZSTD_CCtx_setParameter(c->pack, ZSTD_c_hashLog, ZSTD_HASH_LOG);
    return true;
}

/* Packs n bytes behind what c->packed has; 0 where that failed. */
static size_t pack(struct column_codec *c, struct buffer *out, const uint8_t *data, size_t n) {
    size_t bound = ZSTD_compressBound(n);
    if (!pack_context(c) || !buffer_reserve(&c->packed, bound)) {
        out->bad = true;
        return 0;
    }
    size_t size = ZSTD_compress2(c->pack, c->packed.data + c->packed.n, bound, data, n);
    if (ZSTD_isError(size)) return 0;
    c->packed.n += size;
    return size;
}

/* Values as varints, and those packed. */
struct packing {
    uint32_t n; /* units */
    size_t raw[MAX_UNITS], packed[MAX_UNITS];
};

static void put_packing(struct column_codec *c, struct buffer *out, const struct packing *p) {
    if (!buffer_reserve(out, 1 + p->n * (size_t)20 + c->packed.n)) return;
    out->data[out->n++] = p->n > 1 ? MODE_UNITS : MODE_ZSTD;
    for (uint32_t i = 0; i < p->n; i++) {
        buffer_varint(out, p->raw[i]);
        buffer_varint(out, p->packed[i]);
    }
    buffer_bytes(out, c->packed.data, c->packed.n);
}

static void put_bits(struct buffer *out, const uint64_t *values, uint32_t n,
                     const struct bits_plan *plan) {
    if (!buffer_reserve(out, 11 + plan->bytes + BITS_SLACK)) return;
    out->data[out->n++] = MODE_BITS;
    buffer_varint(out, plan->bytes);
    bits_put(out->data + out->n, values, n, plan);
    out->n += plan->bytes;
}

/* any: all values or-ed together.  Returns the size. */
static size_t put_varints(uint8_t *out, const uint64_t *values, uint32_t n, uint64_t any) {
    uint8_t *p = out;
    if (any < 0x80) {
        for (uint32_t i = 0; i < n; i++) p[i] = (uint8_t)values[i];
        return n;
    }
    if (any < 1u << 14)
        for (uint32_t i = 0; i < n; i++) p = uvarint_put_two(p, values[i]);
    else if (any < 1u << 28)
        for (uint32_t i = 0; i < n; i++) p = uvarint_put_four(p, values[i]);
    else if (any >> 56)
        for (uint32_t i = 0; i < n; i++) p = varint_put(p, values[i]);
    else
        for (uint32_t i = 0; i < n; i++) p = uvarint_put_fast(p, values[i]);
    return (size_t)(p - out);
}

/* Into c->packed, in units of so many rows; false where that failed. */
static bool pack_values(struct column_codec *c, struct buffer *out, const uint64_t *values,
                        uint32_t n, uint64_t any, uint32_t unit, struct packing *p) {
    p->n = 0;
    c->raw.n = c->packed.n = 0;
    if (!buffer_reserve(&c->raw, (size_t)n * 10 + UVARINT_SLACK)) {
        out->bad = true;
        return false;
    }
    for (uint32_t i = 0; i < n; i += unit, p->n++) {
        uint8_t *raw = c->raw.data + c->raw.n;
        c->raw.n += p->raw[p->n] = put_varints(raw, values + i, n - i < unit ? n - i : unit, any);
        p->packed[p->n] = pack(c, out, raw, p->raw[p->n]);
        if (!p->packed[p->n]) return false;
    }
    return true;
}

void column_put(struct column_codec *c, struct buffer *out, const uint64_t *values, uint32_t n,
                enum column_aim aim, struct column_past *past) {
    uint64_t differ = 0, any = 0;
    for (uint32_t i = 0; i < n; i++) {
        differ |= values[i] ^ values[0];
        any |= values[i];
    }
    if (!differ) {
        if (!buffer_reserve(out, 11)) return;
        out->data[out->n++] = MODE_CONSTANT;
        buffer_varint(out, n ? values[0] : 0);
        return;
    }
    struct bits_plan plan = {0};
    if (past->skip == 0 && n >= MIN_FOR_ZSTD) {
        struct packing p;
        uint32_t unit = aim == COLUMN_SMALL && !past->whole ? UNIT_ROWS : COLUMN_MAX;
        bool packed = pack_values(c, out, values, n, any, unit, &p);
        if (out->bad) return;
        bool little = packed && c->packed.n < c->raw.n / (aim == COLUMN_SMALL ? 2 : SURELY_ZSTD);
        if (!little) bits_plan(values, n, &plan);
        size_t worth = aim == COLUMN_SMALL ? plan.bytes - plan.bytes / 8 : plan.bytes / 2;
        if (little || (packed && c->packed.n < worth)) {
            past->whole = c->packed.n < p.n * (size_t)SMALL_WHOLE / 2 + SMALL_WHOLE / 2;
            put_packing(c, out, &p);
            return;
        }
        past->skip = SKIP_AFTER_FAILURE;
    } else {
        if (past->skip) --past->skip;
        bits_plan(values, n, &plan);
    }
    put_bits(out, values, n, &plan);
}

/* The next `packed` bytes unpacked, which are raw bytes then. */
static int unpack(struct column_codec *c, struct cursor *in, uint64_t n, uint64_t packed,
                  struct cursor *raw) {
    const uint8_t *p = in->bad ? NULL : cursor_bytes(in, packed);
    if (!p) return PV_ECORRUPT;
    c->raw.n = 0;
    if (!c->unpack) c->unpack = ZSTD_createDCtx();
    if (!c->unpack || !buffer_reserve(&c->raw, n)) return PV_ENOMEM;
    size_t got = ZSTD_decompressDCtx(c->unpack, c->raw.data, n, p, packed);
    if (ZSTD_isError(got) || got != n) return PV_ECORRUPT;
    *raw = (struct cursor){c->raw.data, c->raw.data + n, false};
    return 0;
}

static int get_raw(struct column_codec *c, struct cursor *in, size_t max, struct cursor *raw) {
    const uint8_t *mode = cursor_bytes(in, 1);
    if (!mode || (*mode != MODE_PLAIN && *mode != MODE_ZSTD)) return PV_ECORRUPT;
    uint64_t n = cursor_varint(in);
    if (in->bad || n > max) return PV_ECORRUPT;
    if (*mode == MODE_ZSTD) return unpack(c, in, n, cursor_varint(in), raw);
    const uint8_t *p = cursor_bytes(in, n);
    if (!p) return PV_ECORRUPT;
    *raw = (struct cursor){p, p + n, false};
    return 0;
}

static uint32_t units_of(uint32_t rows) {
    return (rows + UNIT_ROWS - 1) / UNIT_ROWS;
}

static int skip_column(struct cursor *in, uint32_t rows) {
    const uint8_t *mode = cursor_bytes(in, 1);
    if (!mode) return PV_ECORRUPT;
    uint64_t n = cursor_varint(in);
    if (*mode == MODE_CONSTANT) return in->bad ? PV_ECORRUPT : 0;
    if (*mode == MODE_ZSTD || *mode == MODE_UNITS) n = cursor_varint(in);
    for (uint32_t i = 1; *mode == MODE_UNITS && i < units_of(rows); i++) {
        cursor_varint(in);
        uint64_t more = cursor_varint(in);
        if (__builtin_add_overflow(n, more, &n)) return PV_ECORRUPT;
    }
    if (in->bad || !cursor_bytes(in, n)) return PV_ECORRUPT;
    return 0;
}

/* Varints first … first+n-1. */
static int get_varints(struct cursor raw, uint64_t *out, uint32_t first, uint32_t n) {
    uint32_t i = 0;
    const uint8_t *p = uvarint_skip(raw.p, raw.end, first);
    while (i < n && p && raw.end - p >= UVARINT_SLACK) p = uvarint_fast(p, &out[i++]);
    if (!p) return PV_ECORRUPT;
    raw.p = p;
    for (; i < n; i++) out[i] = cursor_varint(&raw);
    return raw.bad ? PV_ECORRUPT : 0;
}

static int get_units(struct column_codec *c, struct cursor *in, uint64_t *out,
                     struct column_part part) {
    uint64_t raw[MAX_UNITS], packed[MAX_UNITS];
    uint32_t n = units_of(part.all), stop = part.first + part.n;
    if (n > MAX_UNITS) return PV_ECORRUPT;
    for (uint32_t i = 0; i < n; i++) {
        raw[i] = cursor_varint(in);
        packed[i] = cursor_varint(in);
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = i * UNIT_ROWS, from = part.first > row ? part.first : row;
        uint32_t to = stop < row + UNIT_ROWS ? stop : row + UNIT_ROWS;
        if (from >= to) {
            if (in->bad || !cursor_bytes(in, packed[i])) return PV_ECORRUPT;
            continue;
        }
        struct cursor values;
        if (raw[i] > UNIT_ROWS * 10) return PV_ECORRUPT;
        TRY(unpack(c, in, raw[i], packed[i], &values));
        TRY(get_varints(values, out + (from - part.first), from - row, to - from));
    }
    return 0;
}

int column_get_part(struct column_codec *c, struct cursor *in, uint64_t *out,
                    struct column_part part) {
    if (!out) return skip_column(in, part.all);
    enum mode mode = in->p < in->end ? *in->p : MODE_PLAIN;
    if (mode == MODE_CONSTANT) {
        in->p++;
        uint64_t value = cursor_varint(in);
        for (uint32_t i = 0; i < part.n; i++) out[i] = value;
        return in->bad ? PV_ECORRUPT : 0;
    }
    if (mode == MODE_BITS) {
        in->p++;
        uint64_t bytes = cursor_varint(in);
        const uint8_t *bits = in->bad ? NULL : cursor_bytes(in, bytes);
        return bits && bits_get(bits, bytes, out, part.all, part.first, part.n) ? 0 : PV_ECORRUPT;
    }
    if (mode == MODE_UNITS) {
        in->p++;
        return get_units(c, in, out, part);
    }
    struct cursor raw;
    TRY(get_raw(c, in, (size_t)part.all * 10, &raw));
    return get_varints(raw, out, part.first, part.n);
}

int column_get(struct column_codec *c, struct cursor *in, uint64_t *out, uint32_t n) {
    return column_get_part(c, in, out, (struct column_part){n, 0, n});
}

void bytes_put(struct column_codec *c, struct buffer *out, const struct buffer *in) {
    if (in->bad) out->bad = true;
    c->packed.n = 0;
    struct packing p = {1, {in->n}, {0}};
    if (in->n >= MIN_FOR_ZSTD) p.packed[0] = pack(c, out, in->data, in->n);
    if (p.packed[0] && c->packed.n + in->n / 3 < in->n)
        put_packing(c, out, &p);
    else
        put_plain(out, in->data, in->n);
}

int bytes_get(struct column_codec *c, struct cursor *in, struct buffer *out, size_t max) {
    struct cursor raw;
    TRY(get_raw(c, in, max, &raw));
    buffer_bytes(out, raw.p, (size_t)(raw.end - raw.p));
    return out->bad ? PV_ENOMEM : 0;
}
