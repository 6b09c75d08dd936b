/* storage/src/notes.c - what stands beside the slices of given lanes: regions, mark assists and
 * sweeps, logs, CPU samples.
 *
 * Notes shorter than a pixel that begin in the same pixel as the one before, of the same lane and
 * kind, are one note: so many of them.  The list is folded that way whenever it is full; where it
 * is still longer than what was asked for, a pixel is taken to be twice as wide, and so on. */
#include <string.h>

#include "storage/src/store_impl.h"

enum { FIRST_CAP = 4096, MAX_NOTE_LANES = 256, MAX_NOTES = 1 << 16, INSTANT = -1 };

struct notes {
    struct store *s;
    struct map lanes; /* kind and id -> index */
    int64_t from_ns, to_ns;
    double ns_per_px;
    struct store_note *rows;
    uint32_t n, cap;
    bool failed;
};

static uint64_t lane_key(int kind, int64_t id) {
    return (uint64_t)id << 2 | (uint64_t)kind;
}

static int note_order(const void *a, const void *b) {
    const struct store_note *x = a, *y = b;
    if (x->lane != y->lane) return x->lane < y->lane ? -1 : 1;
    if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
    if (x->start_ns != y->start_ns) return x->start_ns < y->start_ns ? -1 : 1;
    return (x->dur_ns < y->dur_ns) - (x->dur_ns > y->dur_ns);
}

static int64_t px_of(const struct notes *w, int64_t time_ns) {
    return (int64_t)((double)(time_ns - w->from_ns) / w->ns_per_px);
}

/* Sorts, and makes one of what stands in one pixel. */
static void fold(struct notes *w) {
    if (!w->n) return;
    qsort(w->rows, w->n, sizeof *w->rows, note_order);
    uint32_t n = 0;
    for (uint32_t i = 1; i < w->n; i++) {
        struct store_note *last = &w->rows[n], *r = &w->rows[i];
        bool brief = (double)r->dur_ns < w->ns_per_px && (double)last->dur_ns < w->ns_per_px;
        if (brief && last->lane == r->lane && last->kind == r->kind &&
            px_of(w, last->start_ns) == px_of(w, r->start_ns)) {
            int64_t end = r->start_ns + r->dur_ns;
            if (end > last->start_ns + last->dur_ns) last->dur_ns = end - last->start_ns;
            last->n += r->n;
        } else {
            w->rows[++n] = *r;
        }
    }
    w->n = n + 1;
}

static bool has_room(struct notes *w) {
    if (w->n < w->cap) return true;
    fold(w);
    /* What is wider than a pixel is not folded: pixels grow until half of the room is free. */
    while (w->cap >= MAX_NOTES && w->n > w->cap / 2) {
        w->ns_per_px *= 2;
        fold(w);
    }
    if (w->n < w->cap / 2 || w->cap >= MAX_NOTES) return true;
    uint32_t cap = w->cap ? w->cap * 2 : FIRST_CAP;
    struct store_note *grown = realloc(w->rows, cap * sizeof *grown);
    if (!grown) {
        w->failed = true;
        return false;
    }
    w->rows = grown;
    w->cap = cap;
    return true;
}

static void add(struct notes *w, int lane_kind, int64_t id, struct store_note note) {
    if (id == COLTAB_NULL || note.start_ns + note.dur_ns < w->from_ns || note.start_ns >= w->to_ns)
        return;
    uint32_t lane = map_get(&w->lanes, lane_key(lane_kind, id));
    if (lane == MAP_NONE || !has_room(w)) return;
    note.lane = lane;
    note.n = 1;
    w->rows[w->n++] = note;
}

/* ---- where they come from ---- */

typedef void (*row_fn)(struct notes *w, const int64_t *v);

static void add_region(struct notes *w, const int64_t *v) {
    struct store_note note = {.kind = NOTE_REGION,
                              .start_ns = v[COL_REGIONS_START],
                              .dur_ns = v[COL_REGIONS_DUR],
                              .text = store_string(w->s, (uint32_t)v[COL_REGIONS_TYPE])};
    add(w, NOTES_OF_G, v[COL_REGIONS_G], note);
    add(w, NOTES_OF_TASK, v[COL_REGIONS_TASK], note);
}

static bool begins(struct text t, const char *head) {
    size_t n = strlen(head);
    return t.n >= n && !memcmp(t.data, head, n);
}

static void add_range(struct notes *w, const int64_t *v) {
    bool of_g = v[COL_RANGES_SCOPE] == SCOPE_GO, of_p = v[COL_RANGES_SCOPE] == SCOPE_PROC;
    struct text name = store_string(w->s, (uint32_t)v[COL_RANGES_NAME]);
    /* Who stopped the world is drawn over all lanes. */
    if ((!of_g && !of_p) || begins(name, "stop-the-world")) return;
    add(w, of_g ? NOTES_OF_G : NOTES_OF_P, v[COL_RANGES_SCOPE_ID],
        (struct store_note){.kind = of_g ? NOTE_ASSIST : NOTE_SWEEP,
                            .start_ns = v[COL_RANGES_START],
                            .dur_ns = v[COL_RANGES_DUR],
                            .text = name});
}

static void add_log(struct notes *w, const int64_t *v) {
    struct store_note note = {.kind = NOTE_LOG,
                              .start_ns = v[COL_LOGS_TIME],
                              .text = store_string(w->s, (uint32_t)v[COL_LOGS_CATEGORY]),
                              .more = store_string(w->s, (uint32_t)v[COL_LOGS_MESSAGE])};
    add(w, NOTES_OF_G, v[COL_LOGS_G], note);
    add(w, NOTES_OF_TASK, v[COL_LOGS_TASK], note);
}

static void add_sample(struct notes *w, const int64_t *v) {
    struct stack st = store_stack(w->s, (uint32_t)v[COL_SAMPLES_STACK]);
    struct store_note note = {.kind = NOTE_SAMPLE, .start_ns = v[COL_SAMPLES_TIME]};
    if (st.n) note.text = store_string(w->s, st.frames[0].func);
    add(w, NOTES_OF_G, v[COL_SAMPLES_G], note);
    add(w, NOTES_OF_P, v[COL_SAMPLES_P], note);
    add(w, NOTES_OF_M, v[COL_SAMPLES_M], note);
}

/* Rows of a table that touch the window, and some more.  Instants have no column of lengths. */
static int each_row(struct notes *w, enum coltab_table table, uint32_t start_col, int length_col,
                    row_fn visit, struct fault *f) {
    struct coltab *t;
    struct coltab_scan *scan;
    const int64_t *v;
    int rc;
    TRY(store__tab(w->s, table, &t, f));
    TRY(coltab_scan_open(t, &scan, f));
    bool instants = length_col == INSTANT;
    coltab_scan_bound(scan, start_col, instants ? w->from_ns : INT64_MIN + 1, w->to_ns - 1);
    if (!instants) coltab_scan_ends(scan, start_col, (uint32_t)length_col, w->from_ns);
    while ((rc = coltab_scan_next(scan, &v, f)) == 1 && !w->failed) visit(w, v);
    coltab_scan_close(scan);
    return rc < 0 ? rc : w->failed ? store__no_memory(f) : 0;
}

int store_notes(struct store *s, const struct note_lane *lanes, uint32_t n_lanes, int64_t from_ns,
                int64_t to_ns, uint32_t n_px, uint32_t n_most, const struct store_note **out,
                uint32_t *n, struct fault *f) {
    struct notes w = {.s = s, .from_ns = from_ns, .to_ns = to_ns};
    *n = 0;
    if (n_lanes > MAX_NOTE_LANES)
        return fault_set(f, PV_ELIMIT, -1, "no more than %d lanes at once", (int)MAX_NOTE_LANES);
    if (to_ns <= from_ns || !n_lanes) return 0;
    w.ns_per_px = (double)(to_ns - from_ns) / (n_px ? n_px : 1);
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < n_lanes; i++)
        if (!map_put(&w.lanes, lane_key((int)lanes[i].kind, lanes[i].id), i))
            rc = store__no_memory(f);
    if (rc == 0) rc = each_row(&w, TAB_REGIONS, COL_REGIONS_START, COL_REGIONS_DUR, add_region, f);
    if (rc == 0) rc = each_row(&w, TAB_RANGES, COL_RANGES_START, COL_RANGES_DUR, add_range, f);
    if (rc == 0) rc = each_row(&w, TAB_LOGS, COL_LOGS_TIME, INSTANT, add_log, f);
    if (rc == 0) rc = each_row(&w, TAB_SAMPLES, COL_SAMPLES_TIME, INSTANT, add_sample, f);
    fold(&w);
    const double widest = (double)(to_ns - from_ns) * 2;
    while (rc == 0 && w.n > n_most && w.ns_per_px < widest) {
        w.ns_per_px *= 2;
        fold(&w);
    }
    map_free(&w.lanes);
    free(s->notes);
    s->notes = w.rows;
    *out = w.rows;
    *n = rc == 0 ? w.n : 0;
    return rc;
}
