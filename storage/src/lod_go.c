/* storage/src/lod_go.c - a chunk's slices climb the levels of goroutines, one goroutine at a time.
 *
 * Invariant   what a goroutine has in a dense level is what it has in the slices of the chunks
 * where it is dense, its first LOD_G_RAW_SLICES included; those do not climb to LOD_FIRST_G. */
#include "storage/src/lod_go.h"

#include <stdlib.h>

#include "storage/src/seq_fill.h"
#include "storage/src/sums.h"

enum { N_DENSE = (LOD_FIRST_G - LOD_DENSE_FIRST) / LOD_STEP, CHUNK_ROWS = 16384 };

struct rung { /* a level, while one goroutine climbs; the last is LOD_FIRST_G: the cascade goes on
               */
    struct lod_go *of;
    uint32_t hint;
    struct reducer reducer;
    struct lod_sink sink;
};
struct lod_go {
    struct lod_writer *levels;
    struct rung rungs[N_DENSE + 1];
    bool raw_only; /* slices that stop below LOD_FIRST_G */
};

/* A row of a dense level goes on to the next one. */
static int climb_on(void *arg, const struct seq_row *row, struct fault *f) {
    struct rung *rung = arg, *next = rung + 1;
    if (!next->sink.then && rung->of->raw_only) return 0;
    return reduce_row(&next->reducer, &next->sink, row, f);
}

struct lod_go *lod_go_new(sqlite3 *db) {
    struct lod_go *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    bool ok = (w->levels = lod_writer_new(db, SEQ_LOD_G)) != NULL;
    for (int i = 0; i <= N_DENSE; i++) {
        struct rung *r = &w->rungs[i];
        int level = LOD_DENSE_FIRST + i * LOD_STEP;
        r->of = w;
        r->sink = (struct lod_sink){.hint = &r->hint, .level = level};
        if (i == N_DENSE) break;
        r->sink.then = climb_on;
        r->sink.arg = r;
        r->sink.writer =
            seq_writer_new(db, seq_series(SEQ_LOD_G, level), LOD_COLS, CHUNK_ROWS, NULL, NULL);
        ok = ok && r->sink.writer;
    }
    if (ok) w->rungs[N_DENSE].sink.writer = lod_first(w->levels);
    if (ok) return w;
    lod_go_free(w);
    return NULL;
}

void lod_go_free(struct lod_go *w) {
    if (!w) return;
    for (int i = 0; i < N_DENSE; i++) seq_writer_free(w->rungs[i].sink.writer);
    lod_writer_free(w->levels);
    free(w);
}

static int flush(struct lod_go *w, int first, struct fault *f) {
    for (int i = first; i <= N_DENSE; i++)
        TRY(reduce_flush(&w->rungs[i].reducer, &w->rungs[i].sink, f));
    return 0;
}

/* Slices row0 … end-1 of one goroutine, from the first level in which it is dense. */
static int climb(struct lod_go *w, const struct seq_chunk_view *view, uint32_t row0, uint32_t end,
                 int first, struct fault *f) {
    struct rung *rung = &w->rungs[first];
    for (uint32_t i = row0; i < end; i++) {
        const struct seq_row *row = seq_view_row(view, i);
        bool raw_only = (row->note & NOTE_RAW_ONLY) != 0;
        if (raw_only && first == N_DENSE) continue;
        if (raw_only != w->raw_only) TRY(flush(w, first, f));
        w->raw_only = raw_only;
        uint32_t tag = (uint32_t)row->note & 0xffff;
        if (reduce_within(&rung->reducer, rung->sink.level, row->start_ns, row->dur_ns, tag))
            continue;
        TRY(reduce_stretch(&rung->reducer, &rung->sink, row->start_ns, row->dur_ns, tag,
                           (int64_t)(row->note >> 16 & 0xffff) - 1, f));
    }
    return flush(w, first, f);
}

int lod_go_chunk(struct lod_go *w, const struct seq_chunk_view *view, struct fault *f) {
    uint32_t row0 = 0;
    for (uint32_t k = 0; k < view->n_slots; k++) {
        uint32_t n = view->slots[k].n;
        int first = 0;
        while (first < N_DENSE &&
               !lod_is_dense(n, view->t0, view->t1, LOD_DENSE_FIRST + first * LOD_STEP))
            first++;
        uint32_t end = row0 + n;
        for (int i = first; i <= N_DENSE; i++) w->rungs[i].sink.key = view->slots[k].key;
        /* Raw ones come first: where the last is, none of them climbs. */
        if (first < N_DENSE || !(view->rows[view->order[end - 1]].note & NOTE_RAW_ONLY))
            TRY(climb(w, view, row0, end, first, f));
        row0 = end;
    }
    return 0;
}

int lod_go_seal(struct lod_go *w, struct fault *f) {
    for (int i = 0; i < N_DENSE; i++) TRY(seq_seal(w->rungs[i].sink.writer, f));
    return lod_seal(w->levels, f);
}
