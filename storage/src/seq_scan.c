/* storage/src/seq_scan.c - going through a series: some keys, some time, each page once.
 *
 * Of a chunk that lies in the window, the directory says which rows are wanted; of a chunk behind
 * it, only rows that began before its end, which the slices list apart.  A page of which little is
 * wanted is decoded from the first wanted row to the last; others are kept, decoded, for the next
 * question.  A chunk never changes, so what was decoded stays true. */
#include <stdlib.h>
#include <string.h>

#include "storage/src/lod_go.h"
#include "storage/src/seq_impl.h"

enum { KEEP_SHARE = 4, KEEP_CHUNKS = 2 };

struct seq_cache *seq_cache_new(void) {
    struct seq_cache *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->codec = column_codec_new();
    c->page = malloc(sizeof *c->page);
    if (c->codec && c->page) return c;
    seq_cache_free(c);
    return NULL;
}

void seq_cache_free(struct seq_cache *c) {
    if (!c) return;
    for (int i = 0; i < CACHED_PAGES; i++) free(c->pages[i]);
    column_codec_free(c->codec);
    buffer_free(&c->scratch);
    buffer_free(&c->bytes);
    free(c->page);
    free(c->wanted);
    free(c);
}

static int cached_page(struct seq *s, uint32_t chunk, uint32_t page, uint32_t columns,
                       const struct seq_page **out, struct fault *f) {
    struct seq_cache *c = s->cache;
    int oldest = 0;
    for (int i = 0; i < CACHED_PAGES; i++) {
        if (c->tags[i].owner == s && c->tags[i].chunk == chunk && c->tags[i].page == page &&
            (columns & ~c->tags[i].columns) == 0) {
            c->tags[i].used = ++c->clock;
            *out = c->pages[i];
            return 0;
        }
        if (c->tags[i].used < c->tags[oldest].used) oldest = i;
    }
    if (!c->pages[oldest]) c->pages[oldest] = malloc(sizeof(struct seq_page));
    if (!c->pages[oldest]) return fault_set(f, PV_ENOMEM, -1, "out of memory");
    c->tags[oldest].owner = NULL;
    TRY(seq_read_page(s, chunk, page, columns, c->pages[oldest], f));
    c->tags[oldest].owner = s;
    c->tags[oldest].chunk = chunk;
    c->tags[oldest].page = page;
    c->tags[oldest].columns = columns;
    c->tags[oldest].used = ++c->clock;
    *out = c->pages[oldest];
    return 0;
}

/* ---- which rows of a chunk ---- */

/* A key's rows by whole pages: a page's first start says whether it can touch the window. */
static struct seq_rows_of trim(const struct seq *s, const struct seq_chunk *c,
                               const struct seq_key *key, const struct seq_sweep *w) {
    struct seq_rows_of r = {key->row0, key->row0 + key->n_rows};
    uint32_t first = r.a / SEQ_PAGE_ROWS, last = (r.b - 1) / SEQ_PAGE_ROWS;
    while (last > first && c->pages[last].start_ns >= w->to_ns) r.b = last-- * SEQ_PAGE_ROWS;
    while (first < last && c->pages[first + 1].start_ns + s->bucket_ns <= w->from_ns)
        r.a = ++first * SEQ_PAGE_ROWS;
    return r;
}

static int add_wanted(struct seq_cache *c, uint32_t n, struct seq_rows_of r, struct fault *f) {
    if (n == c->cap_wanted) {
        uint32_t cap = n ? n * 2 : 256;
        struct seq_rows_of *grown = realloc(c->wanted, cap * sizeof *grown);
        if (!grown) return fault_set(f, PV_ENOMEM, -1, "out of memory while reading the store");
        c->wanted = grown;
        c->cap_wanted = cap;
    }
    c->wanted[n] = r;
    return 0;
}

/* Fills the cache's list of wanted rows of a chunk. */
static int find_rows(struct seq *s, const struct seq_chunk *c, const struct seq_sweep *w,
                     uint32_t *n, struct fault *f) {
    bool late = c->t0 >= w->to_ns;
    *n = 0;
    for (uint32_t r = 0; r < w->n_ranges; r++) {
        const struct seq_range *range = &w->ranges[r];
        uint32_t k;
        TRY(seq_find_key(s, c, range->min, &k, f));
        for (; k < c->n_keys; k++) {
            const struct seq_key *key = seq_key(s, c, k, f);
            if (!key) return f->code;
            if (key->key > range->max) break;
            if (key->first_start_ns >= w->to_ns) continue;
            if (w->sparse_level && lod_is_dense(key->n_rows, c->t0, c->t1, w->sparse_level))
                continue;
            struct seq_rows_of rows = trim(s, c, key, w);
            if (late && !s->bucket_ns) rows = (struct seq_rows_of){key->row0, key->row0 + 1};
            TRY(add_wanted(s->cache, (*n)++, rows, f));
        }
    }
    return 0;
}

/* ---- chunks ---- */

struct sweep {
    const struct seq_sweep *w;
    seq_span_fn visit;
    void *arg;
    bool keep; /* whole pages */
};

/* The part [i, end) of one key's rows of a page that touches the window, or nearly. */
static int give_span(const struct sweep *v, const struct seq_page *p, uint32_t i, uint32_t end) {
    const int64_t *start = p->start_ns;
    uint32_t low = i, high = end;
    while (low < high) { /* the first that starts behind the window */
        uint32_t mid = low + (high - low) / 2;
        if (start[mid] < v->w->to_ns)
            low = mid + 1;
        else
            high = mid;
    }
    end = low;
    for (low = i, high = end; low < high;) { /* the first that ends in it: ends ascend, too */
        uint32_t mid = low + (high - low) / 2;
        if (start[mid] + p->dur_ns[mid] <= v->w->from_ns)
            low = mid + 1;
        else
            high = mid;
    }
    return low < end ? v->visit(v->arg, p, low, end) : 0;
}

/* The wanted rows wanted[0 … n) of one page, decoded as far as it needs. */
static int sweep_page(struct seq *s, uint32_t chunk, uint32_t page,
                      const struct seq_rows_of *wanted, uint32_t n, const struct sweep *v,
                      struct fault *f) {
    uint32_t row0 = page * SEQ_PAGE_ROWS, end = row0 + SEQ_PAGE_ROWS;
    uint32_t a = wanted[0].a > row0 ? wanted[0].a : row0;
    uint32_t b = wanted[n - 1].b < end ? wanted[n - 1].b : end;
    const struct seq_page *p = s->cache->page;
    if (v->keep && b - a >= SEQ_PAGE_ROWS / KEEP_SHARE)
        TRY(cached_page(s, chunk, page, v->w->columns, &p, f));
    else
        TRY(seq_read_rows(s, chunk, page, a - row0, b - a, v->w->columns, s->cache->page, f));
    for (uint32_t k = 0; k < n; k++) {
        uint32_t i = wanted[k].a > p->row0 ? wanted[k].a - p->row0 : 0;
        uint32_t stop = wanted[k].b - p->row0 < p->n ? wanted[k].b - p->row0 : p->n;
        int rc = give_span(v, p, i, stop);
        if (rc) return rc;
    }
    return 0;
}

static int sweep_chunk(struct seq *s, uint32_t chunk, const struct sweep *v, struct fault *f) {
    uint32_t n;
    TRY(find_rows(s, &s->chunks[chunk], v->w, &n, f));
    for (uint32_t k = 0, page = 0; k < n;) {
        const struct seq_rows_of *wanted = s->cache->wanted;
        if (page < wanted[k].a / SEQ_PAGE_ROWS) page = wanted[k].a / SEQ_PAGE_ROWS;
        uint32_t end = (page + 1) * SEQ_PAGE_ROWS, last = k;
        while (last + 1 < n && wanted[last + 1].a < end) last++;
        int rc = sweep_page(s, chunk, page, wanted + k, last - k + 1, v, f);
        if (rc) return rc;
        while (k <= last && wanted[k].b <= end) k++;
        page++;
    }
    return 0;
}

static bool wants_key(const struct seq_sweep *w, int64_t key) {
    uint32_t low = 0, high = w->n_ranges;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (w->ranges[mid].max < key)
            low = mid + 1;
        else
            high = mid;
    }
    return low < w->n_ranges && w->ranges[low].min <= key;
}

/* The carried rows of a chunk as they stand in its list: nothing is decoded. */
static int sweep_carried(struct seq *s, const struct seq_chunk *c, const struct sweep *v) {
    struct seq_page *p = s->cache->page;
    p->n = 1;
    for (uint32_t i = 0; i < c->n_carried; i++) {
        const struct seq_carried *r = &c->carried[i];
        if (r->start_ns >= v->w->to_ns || r->start_ns + r->dur_ns <= v->w->from_ns ||
            !wants_key(v->w, r->key))
            continue;
        p->key[0] = r->key;
        p->start_ns[0] = r->start_ns;
        p->dur_ns[0] = r->dur_ns;
        p->wide[0] = r->wide;
        p->v[0][0] = r->v0;
        p->v[1][0] = r->v1;
        int rc = v->visit(v->arg, p, 0, 1);
        if (rc) return rc;
    }
    return 0;
}

int seq_spans(struct seq *s, const struct seq_sweep *w, seq_span_fn visit, void *arg,
              struct fault *f) {
    const uint32_t listed = 1 | 2 | SEQ_WIDE; /* columns that the carried rows have */
    uint32_t first = seq_first_chunk_after(s, w->from_ns), n = s->n_chunks - first;
    bool few = n <= KEEP_CHUNKS || s->chunks[first + KEEP_CHUNKS].t0 >= w->to_ns;
    struct sweep v = {w, visit, arg, few};
    for (uint32_t i = first; i < s->n_chunks; i++) {
        if (s->chunks[i].min_start_ns >= w->to_ns) continue;
        const struct seq_chunk *c = &s->chunks[i];
        bool list =
            c->t0 >= w->to_ns && !s->bucket_ns && !w->sparse_level && !(w->columns & ~listed);
        c = list ? seq_carried(s, i, f) : seq_chunk(s, i, f);
        if (!c) return f->code;
        int rc = list ? sweep_carried(s, c, &v) : sweep_chunk(s, i, &v, f);
        if (rc) return rc < 0 ? rc : 0;
    }
    return 0;
}

int seq_count(struct seq *s, const struct seq_sweep *w, uint64_t *n, struct fault *f) {
    *n = 0;
    for (uint32_t i = seq_first_chunk_after(s, w->from_ns); i < s->n_chunks; i++) {
        if (s->chunks[i].t0 >= w->to_ns) break;
        const struct seq_chunk *c = seq_chunk(s, i, f);
        uint32_t keys;
        if (!c) return f->code;
        TRY(find_rows(s, c, w, &keys, f));
        uint64_t rows = 0;
        for (uint32_t k = 0; k < keys; k++) rows += s->cache->wanted[k].b - s->cache->wanted[k].a;
        double from = (double)(c->t0 > w->from_ns ? c->t0 : w->from_ns);
        double to = (double)(c->t1 < w->to_ns ? c->t1 : w->to_ns);
        double span = (double)c->t1 - (double)c->t0;
        if (span > 0 && from < to) rows = (uint64_t)((double)rows * (to - from) / span);
        *n += rows;
    }
    return 0;
}

/* ---- row by row ---- */

struct visit {
    const struct seq_window *w;
    seq_visit_fn fn;
    void *arg;
    uint32_t n_cols;
};

static int visit_span(void *arg, const struct seq_page *p, uint32_t i, uint32_t end) {
    const struct visit *v = arg;
    for (; i < end; i++) {
        if (p->start_ns[i] >= v->w->to_ns || p->start_ns[i] + p->dur_ns[i] <= v->w->from_ns)
            continue;
        struct seq_row row = {.key = p->key[i], .start_ns = p->start_ns[i], .dur_ns = p->dur_ns[i]};
        for (uint32_t k = 0; k < v->n_cols; k++)
            if (v->w->columns >> k & 1) row.v[k] = (uint32_t)p->v[k][i];
        if (v->w->columns & SEQ_WIDE) row.wide = p->wide[i];
        if (v->fn(v->arg, &row)) return 1;
    }
    return 0;
}

int seq_rows(struct seq *s, const struct seq_window *w, seq_visit_fn visit, void *arg,
             struct fault *f) {
    struct visit v = {w, visit, arg, s->n_cols};
    struct seq_range range = {w->key_min, w->key_max};
    return seq_spans(s, &(struct seq_sweep){w->from_ns, w->to_ns, &range, 1, w->columns, 0},
                     visit_span, &v, f);
}
