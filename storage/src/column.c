/* storage/src/column.c - a column of numbers as bytes: constant, bits (bits.h), codes (palette.h).
 *
 * Layout      mode byte; CONSTANT: varint value.  BITS, PALETTE: varint size, bytes.  A group of
 *             columns: PALETTE, or APART and one column after the other.
 *             Of bytes: PLAIN: varint size, bytes; ZSTD: varint raw size, varint packed size,
 *             packed bytes.
 * Why         zstd behind varints made classes, places and wakers somewhat smaller still, but a few
 *             rows cost the unpacking of 512, and packing was a tenth of an import.
 *             At level -1 zstd leaves literals as they are: a quarter of the time less than 1. */
#include "storage/src/column.h"

#include <zstd.h>

#include "storage/src/bits.h"
#include "storage/src/varint.h"

enum mode { MODE_CONSTANT, MODE_PLAIN, MODE_ZSTD, MODE_BITS, MODE_PALETTE, MODE_APART };
/* A table of 8 KB finds what there is to find in a few thousand bytes; the usual one has to be
 * cleared at each call, and drives out of the cache what comes next. */
enum { SURE_FOR = 31, MIN_FOR_ZSTD = 48, ZSTD_LEVEL = -1, ZSTD_HASH_LOG = 11 };

_Static_assert(COLUMN_MAX <= BITS_BLOCK * BITS_MAX_BLOCKS, "a column is one run of bits");

struct column_codec {
    ZSTD_CCtx *pack; /* both are made when they are needed first */
    ZSTD_DCtx *unpack;
    struct buffer raw, packed;
    struct palette palette;
    uint64_t codes[COLUMN_MAX];
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

/* ---- numbers ---- */

/* Sizes come before what they count, in SIZE_BYTES bytes of a varint. */
enum { SIZE_BYTES = 3 };
_Static_assert(COLUMN_MAX * 20 < 1 << 7 * SIZE_BYTES, "a column's size has room");

static size_t begin_sized(struct buffer *out, enum mode mode) {
    if (!buffer_reserve(out, 1 + SIZE_BYTES)) return 0;
    out->data[out->n] = (uint8_t)mode;
    return out->n += 1 + SIZE_BYTES;
}

static void end_sized(struct buffer *out, size_t begin) {
    if (out->bad) return;
    size_t size = out->n - begin;
    for (int i = 0; i < SIZE_BYTES; i++)
        out->data[begin - SIZE_BYTES + i] =
            (uint8_t)(size >> 7 * i & 0x7f) | (i + 1 < SIZE_BYTES ? 0x80 : 0);
}

static void put_bits(struct buffer *out, const uint64_t *values, uint32_t n) {
    size_t begin = begin_sized(out, MODE_BITS);
    bits_put(out, values, n);
    end_sized(out, begin);
}

static bool put_palette(struct buffer *out, const struct palette *p, uint32_t n_columns,
                        const uint64_t *codes, uint32_t n) {
    size_t before = out->n, begin = begin_sized(out, MODE_PALETTE);
    bool good = palette_put(out, p, n_columns, codes, n);
    end_sized(out, begin);
    if (!good) out->n = before;
    return good;
}

/* The codes of all values; false where there are too many different ones to be worth it. */
static bool find_codes(struct column_codec *c, const uint64_t *values, uint32_t n) {
    palette_clear(&c->palette);
    for (uint32_t i = 0; i < n; i++) {
        c->codes[i] = palette_code(&c->palette, values[i], 0);
        if (c->palette.n > n / 4 || c->codes[i] == PALETTE_FULL) return false;
    }
    return true;
}

void column_put(struct column_codec *c, struct buffer *out, const uint64_t *values, uint32_t n,
                struct column_past *past) {
    uint64_t differ = 0;
    for (uint32_t i = 0; i < n; i++) differ |= values[i] ^ values[0];
    if (!differ) {
        if (!buffer_reserve(out, 11)) return;
        out->data[out->n++] = MODE_CONSTANT;
        buffer_varint(out, n ? values[0] : 0);
        return;
    }
    bool compare = !past->sure;
    past->sure = compare ? SURE_FOR : (uint8_t)(past->sure - 1);
    size_t before = out->n;
    bool coded = (compare || past->palette) && find_codes(c, values, n) &&
                 put_palette(out, &c->palette, 1, c->codes, n);
    if (coded && !compare) return;
    size_t bytes = out->n - before;
    put_bits(out, values, n);
    size_t bits = out->n - before - bytes;
    past->palette = coded && bytes < bits / 2;
    if (out->bad || !coded) return;
    if (!past->palette) memmove(out->data + before, out->data + before + bytes, bits);
    out->n = before + (past->palette ? bytes : bits);
}

bool column_put_rows(struct buffer *out, const struct palette *p, const uint64_t *codes,
                     uint32_t n) {
    return put_palette(out, p, PALETTE_COLUMNS, codes, n);
}

void column_put_apart(struct buffer *out) {
    if (buffer_reserve(out, 1)) out->data[out->n++] = MODE_APART;
}

/* What lies behind the mode byte of bits or a palette. */
static bool sized(struct cursor *in, struct cursor *out) {
    in->p++;
    uint64_t n = cursor_varint(in);
    const uint8_t *p = in->bad ? NULL : cursor_bytes(in, n);
    *out = (struct cursor){p, p ? p + n : NULL, false};
    return p;
}

int column_get_part(struct column_codec *c, struct cursor *in, uint64_t *out,
                    struct column_part part) {
    enum mode mode = in->p < in->end ? *in->p : MODE_APART;
    struct cursor bytes;
    if (mode == MODE_CONSTANT) {
        in->p++;
        uint64_t value = cursor_varint(in);
        for (uint32_t i = 0; out && i < part.n; i++) out[i] = value;
        return in->bad ? PV_ECORRUPT : 0;
    }
    if ((mode != MODE_BITS && mode != MODE_PALETTE) || !sized(in, &bytes)) return PV_ECORRUPT;
    if (!out) return 0;
    bool good = mode == MODE_PALETTE ? palette_get(bytes, &out, 1, c->codes, part)
                                     : bits_get(bytes.p, (size_t)(bytes.end - bytes.p), out,
                                                part.all, part.first, part.n);
    return good ? 0 : PV_ECORRUPT;
}

int column_get(struct column_codec *c, struct cursor *in, uint64_t *out, uint32_t n) {
    return column_get_part(c, in, out, (struct column_part){n, 0, n});
}

int column_get_rows(struct column_codec *c, struct cursor *in, uint64_t *const *out,
                    struct column_part part) {
    enum mode mode = in->p < in->end ? *in->p : MODE_CONSTANT;
    struct cursor bytes;
    if (mode == MODE_PALETTE)
        return sized(in, &bytes) && palette_get(bytes, out, PALETTE_COLUMNS, c->codes, part)
                   ? 0
                   : PV_ECORRUPT;
    if (mode != MODE_APART) return PV_ECORRUPT;
    in->p++;
    for (uint32_t k = 0; k < PALETTE_COLUMNS; k++) TRY(column_get_part(c, in, out[k], part));
    return 0;
}

/* ---- bytes ---- */

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

/* Packs n bytes into c->packed; 0 where that failed. */
static size_t pack(struct column_codec *c, const uint8_t *data, size_t n) {
    size_t bound = ZSTD_compressBound(n);
    c->packed.n = 0;
    if (!pack_context(c) || !buffer_reserve(&c->packed, bound)) return 0;
    size_t size = ZSTD_compress2(c->pack, c->packed.data, bound, data, n);
    return ZSTD_isError(size) ? 0 : size;
}

void bytes_put(struct column_codec *c, struct buffer *out, const struct buffer *in) {
    if (in->bad) out->bad = true;
    size_t packed = in->n >= MIN_FOR_ZSTD ? pack(c, in->data, in->n) : 0;
    if (!packed || packed + in->n / 3 >= in->n) {
        put_plain(out, in->data, in->n);
        return;
    }
    if (!buffer_reserve(out, 21 + packed)) return;
    out->data[out->n++] = MODE_ZSTD;
    buffer_varint(out, in->n);
    buffer_varint(out, packed);
    buffer_bytes(out, c->packed.data, packed);
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

int bytes_get(struct column_codec *c, struct cursor *in, struct buffer *out, size_t max) {
    struct cursor raw;
    TRY(get_raw(c, in, max, &raw));
    buffer_bytes(out, raw.p, (size_t)(raw.end - raw.p));
    return out->bad ? PV_ENOMEM : 0;
}
