/* storage/src/slices.c - slices of goroutines, one by one: scans, "what was it then", neighbours.
 *
 * A scan walks chunks.  In chunks that lie wholly behind the window only carried rows can reach
 * back into it, and those are found through the chunk's list without decoding the rest.  Of one
 * goroutine only the chunks of its time are looked at. */
#include "storage/src/slices.h"

#include "storage/src/db.h"
#include "storage/src/store_impl.h"

uint32_t slices_n_classes(struct store *s) {
    return s->n_classes;
}

struct slice_class slices_class(struct store *s, uint32_t class_id) {
    struct fault f;
    if (class_id >= s->n_classes && s->growing) store__load_names(s, &f);
    if (class_id < s->n_classes) return s->classes[class_id];
    return (struct slice_class){.state = GO_UNDETERMINED, .family = FAMILY_SYS};
}

static inline uint8_t state_of(struct store *s, uint64_t class_id) {
    return class_id < s->n_classes ? s->classes[class_id].state
                                   : slices_class(s, (uint32_t)class_id).state;
}

static inline struct place place_of(struct store *s, uint64_t i, struct fault *f) {
    if (i >= s->n_places && s->growing) store__load_names(s, f);
    return i < s->n_places ? s->places[i] : (struct place){NO_ID, NO_ID};
}

/* What the columns say; of the row others need not be there. */
static inline void to_slice(struct store *s, const struct seq_row *row, uint32_t columns,
                            struct slice *out, struct fault *f) {
    *out = (struct slice){.start_ns = row->start_ns,
                          .dur_ns = row->dur_ns,
                          .g = row->key,
                          .class_id = row->v[0],
                          .p = NO_ID,
                          .m = NO_ID,
                          .waker_g = NO_ID,
                          .waker_p = NO_ID,
                          .waker_m = NO_ID};
    if (columns & SLICE_PLACE) {
        struct place own = place_of(s, row->v[1], f);
        out->p = own.p;
        out->m = own.m;
    }
    if (columns & SLICE_WAKER) {
        struct place waker = place_of(s, row->v[2], f);
        if (state_of(s, row->v[0]) == GO_WAITING) out->waker_g = (int64_t)row->wide - 1;
        out->waker_p = waker.p;
        out->waker_m = waker.m;
        out->waker_stack = row->v[3];
    }
    if (columns & SLICE_OPEN) out->open = row->v[4] & 1;
}

void store__slice(struct store *s, const struct seq_row *row, struct slice *out, struct fault *f) {
    to_slice(s, row, SLICE_ALL, out, f);
}

struct sqlite3 *store__db(struct store *s) {
    return s->db;
}

uint32_t store__n_stacks(struct store *s) {
    sqlite3_stmt *stmt;
    uint32_t n = 1;
    struct fault f;
    if (db_prepare(s->db, "SELECT max(id) + 1 FROM stack_frames", &stmt, &f) < 0) return n;
    if (sqlite3_step(stmt) == SQLITE_ROW) n = (uint32_t)sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return n;
}

/* ---- scans ---- */

struct slice_scan {
    struct store *s;
    struct seq *seq;
    struct slice_filter filter;
    uint32_t columns;
    uint32_t chunk;    /* the one being walked, or the next to enter */
    bool inside, late; /* late: only carried rows */
    uint32_t row, end; /* rows of the chunk; or carried rows */
    uint32_t first;    /* row at first */
    uint32_t page;     /* decoded in `rows`, UINT32_MAX = none */
    uint32_t page_chunk;
    struct seq_page rows;
};

int slice_scan_open(struct store *s, const struct slice_filter *filter, struct slice_scan **out,
                    struct fault *f) {
    struct slice_scan *scan = calloc(1, sizeof *scan); /* columns that are not read stay 0 */
    if (!scan) return store__no_memory(f);
    scan->s = s;
    scan->filter = *filter;
    scan->inside = false;
    scan->page = UINT32_MAX;
    scan->columns = filter->columns ? filter->columns | SLICE_CLASS : SLICE_ALL;
    int64_t from = INT64_MIN, to = INT64_MAX;
    int rc = store__slices(s, &scan->seq, f);
    if (rc == 0 && filter->g_min == filter->g_max)
        rc = store__lives_of(s, filter->g_min, &from, &to, f);
    if (rc < 0) {
        free(scan);
        return rc;
    }
    /* One goroutine's slices stand only in the chunks of its time: others need no directory. */
    if (scan->filter.from_ns < from) scan->filter.from_ns = from;
    if (scan->filter.to_ns > to) scan->filter.to_ns = to;
    scan->chunk = seq_first_chunk_after(scan->seq, scan->filter.from_ns);
    *out = scan;
    return 0;
}

void slice_scan_close(struct slice_scan *scan) {
    free(scan);
}

/* Rows of the chunk that may match: by key, or the carried ones. 1 = entered, 0 = skip it. */
static int enter_chunk(struct slice_scan *scan, struct fault *f) {
    const struct slice_filter *w = &scan->filter;
    if (seq_chunk_bounds(scan->seq, scan->chunk)->min_start_ns >= w->to_ns) return 0;
    scan->late = seq_chunk_bounds(scan->seq, scan->chunk)->t0 >= w->to_ns;
    const struct seq_chunk *c =
        scan->late ? seq_carried(scan->seq, scan->chunk, f) : seq_chunk(scan->seq, scan->chunk, f);
    if (!c) return f->code;
    scan->row = 0;
    scan->end = c->n_carried;
    if (!scan->late) {
        uint32_t a, b;
        TRY(seq_find_key(scan->seq, c, w->g_min, &a, f));
        int last = seq_find_key(scan->seq, c, w->g_max, &b, f);
        if (last < 0) return last;
        b += (uint32_t)last;
        if (a >= b) return 0;
        const struct seq_key *from = seq_key(scan->seq, c, a, f);
        const struct seq_key *to = from ? seq_key(scan->seq, c, b - 1, f) : NULL;
        if (!to) return f->code;
        scan->row = scan->first = from->row0;
        scan->end = to->row0 + to->n_rows;
    }
    scan->inside = true;
    return 1;
}

/* The page's rows that the scan may still want: of one goroutine they are few.  Carried ones lie
 * anywhere, so of them the whole page. */
static int load_page(struct slice_scan *scan, uint32_t page, struct fault *f) {
    if (scan->page == page && scan->page_chunk == scan->chunk) return 0;
    uint32_t row0 = page * SEQ_PAGE_ROWS, first = 0, n = SEQ_PAGE_ROWS;
    if (!scan->late) {
        first = scan->first > row0 ? scan->first - row0 : 0;
        if (scan->end - row0 < n) n = scan->end - row0;
        n -= first;
    }
    TRY(seq_read_rows(scan->seq, scan->chunk, page, first, n, scan->columns, &scan->rows, f));
    scan->page = page;
    scan->page_chunk = scan->chunk;
    return 0;
}

static inline bool matches(struct slice_scan *scan, int64_t g, int64_t start, int64_t dur,
                           uint64_t class_id) {
    const struct slice_filter *w = &scan->filter;
    if (start >= w->to_ns || start + dur <= w->from_ns || dur < w->dur_min_ns) return false;
    if (g < w->g_min || g > w->g_max) return false;
    return !w->states || w->states >> state_of(scan->s, class_id) & 1;
}

/* The row of the chunk at `row` as a slice. */
static int give(struct slice_scan *scan, uint32_t row, struct slice *out, struct fault *f) {
    TRY(load_page(scan, row / SEQ_PAGE_ROWS, f));
    const struct seq_page *p = &scan->rows;
    uint32_t i = row - p->row0;
    struct seq_row r = {.key = p->key[i], .start_ns = p->start_ns[i], .dur_ns = p->dur_ns[i]};
    r.v[0] = (uint32_t)p->v[0][i];
    if (scan->columns & ~SLICE_CLASS) {
        for (int c = 1; c < SEQ_MAX_COLS; c++) r.v[c] = (uint32_t)p->v[c][i];
        r.wide = p->wide[i];
    }
    to_slice(scan->s, &r, scan->columns, out, f);
    return 1;
}

static int next_carried(struct slice_scan *scan, struct slice *out, struct fault *f) {
    const struct seq_chunk *c = seq_carried(scan->seq, scan->chunk, f);
    while (scan->row < scan->end) {
        const struct seq_carried *r = &c->carried[scan->row++];
        if (!matches(scan, r->key, r->start_ns, r->dur_ns, r->v0)) continue;
        if (!seq_chunk(scan->seq, scan->chunk, f)) return f->code;
        uint32_t k;
        int found = seq_find_key(scan->seq, c, r->key, &k, f);
        if (found < 0) return found;
        if (!found) continue;
        const struct seq_key *key = seq_key(scan->seq, c, k, f);
        return key ? give(scan, key->row0, out, f) : f->code;
    }
    return 0;
}

static int next_row(struct slice_scan *scan, struct slice *out, struct fault *f) {
    while (scan->row < scan->end) {
        uint32_t row = scan->row++;
        TRY(load_page(scan, row / SEQ_PAGE_ROWS, f));
        const struct seq_page *p = &scan->rows;
        uint32_t i = row - p->row0;
        if (matches(scan, p->key[i], p->start_ns[i], p->dur_ns[i], p->v[0][i]))
            return give(scan, row, out, f);
    }
    return 0;
}

int slice_scan_next(struct slice_scan *scan, struct slice *out, struct fault *f) {
    for (;;) {
        if (scan->inside) {
            int rc = scan->late ? next_carried(scan, out, f) : next_row(scan, out, f);
            if (rc) return rc;
            scan->inside = false;
            scan->chunk++;
        }
        if (scan->chunk >= seq_n_chunks(scan->seq)) return 0;
        int rc = enter_chunk(scan, f);
        if (rc < 0) return rc;
        if (rc == 0) scan->chunk++;
    }
}

/* ---- one slice ---- */

static void fill(struct store *s, const struct seq_row *row, struct store_slice *out) {
    struct fault f;
    struct slice sl;
    store__slice(s, row, &sl, &f);
    struct slice_class c = slices_class(s, sl.class_id);
    *out = (struct store_slice){.start_ns = sl.start_ns,
                                .dur_ns = sl.dur_ns,
                                .g = sl.g,
                                .group = store__group_of(s, sl.g, sl.start_ns),
                                .tag = (uint16_t)store__tag_of(s, sl.class_id, sl.g, sl.start_ns),
                                .state = c.state,
                                .open = sl.open,
                                .p = sl.p,
                                .m = sl.m,
                                .stack = c.stack,
                                .waker_g = sl.waker_g,
                                .waker_p = sl.waker_p,
                                .waker_m = sl.waker_m,
                                .waker_stack = sl.waker_stack,
                                .user_func = c.user_func};
}

struct find {
    struct store *s;
    struct lane lane;
    int64_t at_ns;
    bool found, last; /* last: the last row counts, not the first */
    struct seq_row row;
};

static int take(void *arg, const struct seq_row *row) {
    struct find *want = arg;
    if (want->lane.kind == LANE_P || want->lane.kind == LANE_M) {
        struct fault f;
        uint8_t state = slices_class(want->s, (uint32_t)row->v[0]).state;
        struct place where = place_of(want->s, row->v[1], &f);
        if (state != GO_RUNNING && state != GO_SYSCALL) return 0;
        if ((want->lane.kind == LANE_P ? where.p : where.m) != want->lane.id) return 0;
        if (want->lane.kind == LANE_P && state == GO_SYSCALL &&
            want->at_ns >= row->start_ns + slice_kept_ns(row->dur_ns, row->wide))
            return 0;
    }
    want->row = *row;
    want->found = true;
    return !want->last;
}

int store_slice_at(struct store *s, struct lane lane, int64_t at_ns, struct store_slice *out,
                   struct fault *f) {
    if (lane.kind >= LANE_GROUP) return 0; /* a sum */
    struct seq *seq;
    TRY(store__slices(s, &seq, f));
    struct find want = {.s = s, .lane = lane, .at_ns = at_ns};
    struct seq_window w = {at_ns, at_ns + 1, INT64_MIN, INT64_MAX, SLICE_ALL};
    if (lane.kind == LANE_G) w.key_min = w.key_max = lane.id;
    TRY(seq_rows(seq, &w, take, &want, f));
    if (want.found) fill(s, &want.row, out);
    return want.found;
}

/* The last slice of g that ended at or before `end`, looking back chunk by chunk. */
static int step_back(struct seq *seq, int64_t g, int64_t end, struct find *want, struct fault *f) {
    uint32_t n = seq_n_chunks(seq), i = seq_first_chunk_after(seq, end - 1);
    if (i >= n && n) i = n - 1;
    for (; n && i != UINT32_MAX; i--) {
        const struct seq_chunk *c = seq_chunk(seq, i, f);
        if (!c) return f->code;
        uint32_t k;
        int found = seq_find_key(seq, c, g, &k, f);
        if (found < 0) return found;
        if (!found) continue;
        int64_t from = c->t0 > end ? end - 1 : c->t0;
        for (int64_t back = 1 << 16;; back *= 16) { /* mostly it is the slice just before */
            int64_t low = end - back > from ? end - back : from;
            struct seq_window w = {low - 1, end, g, g, SLICE_ALL};
            want->last = true;
            TRY(seq_rows(seq, &w, take, want, f));
            if (want->found || low == from) break;
        }
        if (want->found) return 0;
    }
    return 0;
}

int store_slice_step(struct store *s, const struct store_slice *from, int step,
                     struct store_slice *out, struct fault *f) {
    struct seq *seq;
    TRY(store__slices(s, &seq, f));
    struct find want = {.s = s, .lane = {LANE_G, from->g}};
    if (step < 0) {
        if (from->start_ns > 0) TRY(step_back(seq, from->g, from->start_ns, &want, f));
    } else {
        int64_t end = from->start_ns + from->dur_ns;
        struct seq_window w = {end, INT64_MAX, from->g, from->g, SLICE_ALL};
        TRY(seq_rows(seq, &w, take, &want, f));
    }
    if (want.found) fill(s, &want.row, out);
    return want.found;
}
