/* server/src/tile_record.c - one tile as bytes: solids, runs of equal buckets, rows of codes.
 *
 * Layout      PROTOCOL.md, "Tiles"; little-endian, which is the order of every machine that this
 *             is built for.
 * Why codes   256 KB for 64 lanes are two bytes a pixel: a bucket of a dense lane has one byte for
 *             each tag.  The byte is the root of the cover, so that a thousandth is still seen, and
 *             what rounding takes from a bucket the next one gets, so that sums stay true. */
#include "server/src/tile_record.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tiles are copied as they are");

enum {
    HEADER = 48,
    BYTES_OF_LONG = 30,
    BYTES_OF_RUN = 10,
    BYTES_OF_ROW = 10,
    MAX_CODE = 255,
    EXACT_LEVEL = 22,
    ROOT_BITS = 9,              /* of a share's mantissa that choose its code */
    ROOT_DROP = 23 - ROOT_BITS, /* the others */
    ROOT_OCTAVES = 15,          /* what is below 2^-15 has code 1 */
    ROOT_ENTRIES = (ROOT_OCTAVES << ROOT_BITS) + 1,
};

/* Parts first … end-1 of one tag: as runs, or as a row of `span` buckets. */
struct stretch {
    uint32_t first, end, span;
    bool row;
};

/* The next stretch from part i on.  A part joins a row where its code and the gap before it take
 * fewer bytes than a run. */
static struct stretch next_stretch(const struct tile *t, uint32_t i) {
    const struct tile_part *p = t->parts;
    struct stretch s = {i, i + 1, p[i].n, false};
    if (p[i].n >= BYTES_OF_RUN) return s;
    for (uint32_t k = i + 1; k < t->n_parts; k++) {
        uint32_t grown = (uint32_t)p[k].bucket + p[k].n - p[i].bucket;
        if (p[k].tag != p[i].tag || grown - s.span > BYTES_OF_RUN) break;
        s.span = grown;
        s.end = k + 1;
    }
    s.row = BYTES_OF_ROW + s.span < (s.end - s.first) * BYTES_OF_RUN;
    return s;
}

/* The tile's edges, and what the solids within are measured in: 2^unit ns, so that 32 bits do. */
struct edges {
    int64_t from, to;
    int unit;
};

static struct edges edges_of(const struct tile_record *r) {
    int64_t span = (int64_t)TILE_BUCKETS << r->level;
    return (struct edges){r->index * span, (r->index + 1) * span,
                          r->level > EXACT_LEVEL ? r->level - EXACT_LEVEL : 0};
}

/* Solids that leave the tile, and those whose numbers need more bits, stand in full. */
static bool is_long(const struct tile_solid *s, const struct edges *f) {
    return s->start_ns < f->from || s->start_ns + s->dur_ns > f->to || s->who < -1 ||
           s->who >= UINT32_MAX || s->group > UINT16_MAX;
}

static struct tile_counts count(const struct tile *t, const struct edges *f) {
    struct tile_counts c = {.narrow = true};
    for (uint32_t i = 0; i < t->n_solids; i++) {
        const struct tile_solid *s = &t->solids[i];
        if (is_long(s, f)) {
            c.longs++;
            continue;
        }
        c.solids++;
        if (s->group || s->who >= UINT16_MAX) c.narrow = false;
    }
    for (uint32_t i = 0; i < t->n_parts;) {
        struct stretch s = next_stretch(t, i);
        if (s.row) {
            c.rows++;
            c.codes += s.span;
        } else {
            c.runs += s.end - s.first;
        }
        i = s.end;
    }
    return c;
}

static size_t bytes_of(struct tile_counts c) {
    size_t n = HEADER + (size_t)c.longs * BYTES_OF_LONG + (size_t)c.solids * (c.narrow ? 12 : 16) +
               (size_t)c.runs * BYTES_OF_RUN + (size_t)c.rows * BYTES_OF_ROW + c.codes;
    return (n + 7) & ~(size_t)7;
}

size_t tile_record_bytes(const struct tile *t, struct tile_record *r) {
    struct edges f = edges_of(r);
    r->counts = count(t, &f);
    return bytes_of(r->counts);
}

static void put(unsigned char **at, const void *value, size_t n) {
    memcpy(*at, value, n);
    *at += n;
}

/* Where the columns of a record begin, and then, where each goes on. */
struct columns {
    unsigned char *start, *dur, *who; /* of long solids */
    unsigned char *long_group, *from, *length, *wide_who, *run_cover, *scale;
    unsigned char *long_tag, *tag, *group, *narrow_who;
    unsigned char *run_tag, *run_bucket, *run_n, *row_tag, *row_bucket, *row_n, *codes;
};

static struct columns columns_from(unsigned char *at, struct tile_counts c) {
    uint32_t wide = c.narrow ? 0 : c.solids;
    struct columns o;
    const struct {
        unsigned char **column;
        size_t bytes;
    } all[] = {{&o.start, 8 * (size_t)c.longs},
               {&o.dur, 8 * (size_t)c.longs},
               {&o.who, 8 * (size_t)c.longs},
               {&o.long_group, 4 * (size_t)c.longs},
               {&o.from, 4 * (size_t)c.solids},
               {&o.length, 4 * (size_t)c.solids},
               {&o.wide_who, 4 * (size_t)wide},
               {&o.run_cover, 4 * (size_t)c.runs},
               {&o.scale, 4 * (size_t)c.rows},
               {&o.long_tag, 2 * (size_t)c.longs},
               {&o.tag, 2 * (size_t)c.solids},
               {&o.group, 2 * (size_t)wide},
               {&o.narrow_who, 2 * (size_t)(c.solids - wide)},
               {&o.run_tag, 2 * (size_t)c.runs},
               {&o.run_bucket, 2 * (size_t)c.runs},
               {&o.run_n, 2 * (size_t)c.runs},
               {&o.row_tag, 2 * (size_t)c.rows},
               {&o.row_bucket, 2 * (size_t)c.rows},
               {&o.row_n, 2 * (size_t)c.rows},
               {&o.codes, c.codes}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        *all[i].column = at;
        at += all[i].bytes;
    }
    return o;
}

static void put_solid(struct columns *o, const struct tile_solid *s, const struct edges *f,
                      bool narrow) {
    if (is_long(s, f)) {
        const double numbers[] = {(double)s->start_ns, (double)s->dur_ns, (double)s->who};
        put(&o->start, &numbers[0], 8);
        put(&o->dur, &numbers[1], 8);
        put(&o->who, &numbers[2], 8);
        put(&o->long_group, &s->group, 4);
        put(&o->long_tag, &s->tag, 2);
        return;
    }
    uint32_t from = (uint32_t)((s->start_ns - f->from) >> f->unit);
    uint32_t length = (uint32_t)((s->start_ns + s->dur_ns - f->from) >> f->unit) - from;
    uint32_t who = (uint32_t)(s->who + 1);
    uint16_t group = (uint16_t)s->group, narrow_who = (uint16_t)who;
    put(&o->from, &from, 4);
    put(&o->length, &length, 4);
    put(&o->tag, &s->tag, 2);
    if (narrow) {
        put(&o->narrow_who, &narrow_who, 2);
        return;
    }
    put(&o->wide_who, &who, 4);
    put(&o->group, &group, 2);
}

static float most(const struct tile_part *p, const struct stretch *s) {
    float scale = 0;
    for (uint32_t k = s->first; k < s->end; k++)
        if (p[k].cover > scale) scale = p[k].cover;
    return scale;
}

/* ---- codes ---- */

static float share_of[MAX_CODE + 1];        /* by code */
static unsigned char code_of[ROOT_ENTRIES]; /* by the highest bits of a share in [2^-15, 1] */
static pthread_once_t roots_once = PTHREAD_ONCE_INIT;

static void make_roots(void) {
    for (int i = 0; i <= MAX_CODE; i++) share_of[i] = (float)(i * i) / (MAX_CODE * MAX_CODE);
    for (int i = 0; i < ROOT_ENTRIES; i++) {
        double middle = 1 + ((i & ((1 << ROOT_BITS) - 1)) + 0.5) / (1 << ROOT_BITS);
        double root = MAX_CODE * sqrt(ldexp(middle, (i >> ROOT_BITS) - ROOT_OCTAVES)) + 0.5;
        code_of[i] = (unsigned char)(root < 1 ? 1 : root > MAX_CODE ? MAX_CODE : root);
    }
}

/* A table instead of a square root: each bucket waits for what the one before left over. */
static inline unsigned code_for(float share) {
    const float least = 1.0f / (1 << ROOT_OCTAVES);
    uint32_t bits, base;
    share = share > least ? share : least;
    share = share < 1 ? share : 1;
    memcpy(&bits, &share, 4);
    memcpy(&base, &least, 4);
    return code_of[(bits - base) >> ROOT_DROP];
}

/* Parts first … end-1 of a row. */
struct quarter {
    const struct tile_part *p, *end;
    float rest;
};

static inline void put_code(unsigned char *at, struct quarter *q, float to_share) {
    const struct tile_part *p = q->p++;
    for (uint32_t b = p->bucket, end = b + p->n; b < end; b++) {
        float want = p->cover * to_share + q->rest;
        unsigned code = code_for(want);
        at[b] = (unsigned char)code;
        q->rest = want - share_of[code];
    }
}

/* Four quarters of a row at once, as each bucket waits for the one before it in its quarter. */
static void put_codes(unsigned char *at, const struct tile_part *p, const struct stretch *s,
                      float scale) {
    float to_share = scale > 0 ? 1 / scale : 0;
    memset(at, 0, s->span);
    at -= p[s->first].bucket;
    uint32_t n = (s->end - s->first) / 4;
    struct quarter q[4];
    for (uint32_t k = 0; k < 4; k++)
        q[k] = (struct quarter){p + s->first + k * n, p + (k < 3 ? s->first + (k + 1) * n : s->end),
                                0};
    while (q[0].p < q[0].end)
        for (uint32_t k = 0; k < 4; k++) put_code(at, &q[k], to_share);
    while (q[3].p < q[3].end) put_code(at, &q[3], to_share);
}

static void put_row(struct columns *o, const struct tile_part *p, const struct stretch *s) {
    uint16_t span = (uint16_t)s->span;
    float scale = most(p, s);
    put(&o->scale, &scale, 4);
    put(&o->row_tag, &p[s->first].tag, 2);
    put(&o->row_bucket, &p[s->first].bucket, 2);
    put(&o->row_n, &span, 2);
    put_codes(o->codes, p, s, scale);
    o->codes += s->span;
}

static void put_run(struct columns *o, const struct tile_part *p) {
    put(&o->run_cover, &p->cover, 4);
    put(&o->run_tag, &p->tag, 2);
    put(&o->run_bucket, &p->bucket, 2);
    put(&o->run_n, &p->n, 2);
}

void tile_record_put(const struct tile *t, const struct tile_record *r, unsigned char *at) {
    pthread_once(&roots_once, make_roots);
    struct edges f = edges_of(r);
    struct tile_counts c = r->counts;
    size_t n = bytes_of(c);
    unsigned char *end = at + n;
    double index = (double)r->index;
    const uint16_t size[] = {(uint16_t)r->level, t->shift};
    const uint32_t flags =
        (r->grows ? TILE_GROWS : 0) | (t->coarse ? TILE_COARSE : 0) | (c.narrow ? TILE_NARROW : 0);
    const uint32_t counts[] = {c.longs, c.solids, c.runs, c.rows, c.codes, flags, (uint32_t)n, 0};
    put(&at, &r->i_lane, 4);
    put(&at, size, sizeof size);
    put(&at, &index, 8);
    put(&at, counts, sizeof counts);
    struct columns o = columns_from(at, c);
    for (uint32_t i = 0; i < t->n_solids; i++) put_solid(&o, &t->solids[i], &f, c.narrow);
    for (uint32_t i = 0; i < t->n_parts;) {
        struct stretch s = next_stretch(t, i);
        if (s.row) put_row(&o, t->parts, &s);
        for (uint32_t k = s.first; !s.row && k < s.end; k++) put_run(&o, &t->parts[k]);
        i = s.end;
    }
    memset(o.codes, 0, (size_t)(end - o.codes));
}
