/* storage/src/members.c - the goroutines of a group or set in a window, in an order.
 *
 * What a goroutine waited or ran inside the window is known from its totals where all of its life
 * lies inside; else its slices there are added up.  Where that would be too many slices, the rest
 * is ordered by what it can have been at most: its total, and the stretch that it lived inside. */
#include "storage/src/sets_impl.h"
#include "storage/src/sums.h"

enum { MEMBERS_MAX = 5000, SLICES_MAX = 4 << 20 /* that are looked at to find an order */ };

struct member {
    int64_t key, g, start_ns, end_ns, total_ns, n_slices;
};

struct members { /* those that live in the window */
    struct store *s;
    const struct store_member_query *q;
    struct member *rows;
    uint32_t n, cap;
    bool failed;
};

static int member_order(const void *a, const void *b) {
    const struct member *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return (x->g > y->g) - (x->g < y->g);
}

static bool is_wanted(const struct store_member_query *q, const struct store_goroutine *g) {
    if (g->start_ns >= q->to_ns || g->end_ns <= q->from_ns) return false;
    if (q->of.kind == LANE_GROUP) return g->group == q->of.id;
    return store__is_in_set(q->sets, q->of, g->g, g->start_ns);
}

static int add_member(void *arg, const int64_t *v) {
    struct members *m = arg;
    struct store_goroutine g;
    store__fill_goroutine(m->s, v, &g);
    if (!is_wanted(m->q, &g)) return 0;
    if (m->n == m->cap) {
        uint32_t cap = m->cap ? m->cap * 2 : 256;
        struct member *grown = realloc(m->rows, cap * sizeof *grown);
        if (!grown) {
            m->failed = true;
            return 1;
        }
        m->rows = grown;
        m->cap = cap;
    }
    m->rows[m->n++] = (struct member){
        .key = m->q->order == MEMBERS_BY_START ? g.start_ns : g.g,
        .g = g.g,
        .start_ns = g.start_ns,
        .end_ns = g.end_ns,
        .total_ns = g.state_ns[m->q->order == MEMBERS_BY_RUNNING ? GO_RUNNING : GO_WAITING],
        .n_slices = g.n_slices};
    return 0;
}

/* ---- inside the window ---- */

struct inside {
    struct store *s;
    int64_t from_ns, to_ns;
    int64_t state_ns[6];
};

static int add_slice(void *arg, const struct seq_row *row) {
    struct inside *in = arg;
    struct slice_class c = slices_class(in->s, (uint32_t)row->v[0]);
    int64_t start = row->start_ns > in->from_ns ? row->start_ns : in->from_ns;
    int64_t end = row->start_ns + row->dur_ns < in->to_ns ? row->start_ns + row->dur_ns : in->to_ns;
    if (end <= start || c.state >= 6) return 0;
    in->state_ns[c.state] += waited_ns(store__is_forever(in->s, &c), end - start);
    return 0;
}

static int add_inside(struct members *m, int64_t g, struct inside *out, struct fault *f) {
    struct seq *slices;
    TRY(store__slices(m->s, &slices, f));
    *out = (struct inside){.s = m->s, .from_ns = m->q->from_ns, .to_ns = m->q->to_ns};
    struct seq_window w = {m->q->from_ns, m->q->to_ns, g, g, SLICE_CLASS};
    return seq_rows(slices, &w, add_slice, out, f);
}

static int find_keys(struct members *m, struct fault *f) {
    const struct store_member_query *q = m->q;
    int64_t left = SLICES_MAX;
    unsigned state = q->order == MEMBERS_BY_RUNNING ? GO_RUNNING : GO_WAITING;
    for (uint32_t i = 0; i < m->n; i++) {
        struct member *r = &m->rows[i];
        int64_t start = r->start_ns > q->from_ns ? r->start_ns : q->from_ns;
        int64_t end = r->end_ns < q->to_ns ? r->end_ns : q->to_ns;
        r->key = -(r->total_ns < end - start ? r->total_ns : end - start);
        if ((r->start_ns >= q->from_ns && r->end_ns <= q->to_ns) || r->n_slices > left) continue;
        TRY(store__look_up(q->cancel, f));
        struct inside in;
        TRY(add_inside(m, r->g, &in, f));
        r->key = -in.state_ns[state];
        left -= r->n_slices;
    }
    return 0;
}

/* ---- the rows of a page ---- */

static int fill_window(struct members *m, struct store_goroutine *g, struct fault *f) {
    struct store *s = m->s;
    struct inside in;
    TRY(add_inside(m, g->g, &in, f));
    g->run_window_ns = in.state_ns[GO_RUNNING];
    struct store_wait_query q = {.from_ns = m->q->from_ns,
                                 .to_ns = m->q->to_ns,
                                 .one_g = true,
                                 .g = g->g,
                                 .by = WAIT_BY_REFINED};
    struct store_waits w;
    TRY(store_waits(s, &q, &w, f));
    g->wait_window_ns = w.total_ns;
    if (!w.n) return 0;
    for (uint32_t i = 0; i < s->n_tags; i++)
        if (s->tags[i].refined.n == w.rows[0].refined.n &&
            s->tags[i].refined.data == w.rows[0].refined.data)
            g->wait_window_tag = (uint16_t)i;
    return 0;
}

static int fill_page(struct members *m, uint32_t offset, uint32_t limit,
                     const struct store_goroutine **out, uint32_t *n, struct fault *f) {
    struct store *s = m->s;
    struct store_goroutine *rows = realloc(s->members, (limit + 1) * sizeof *rows);
    if (!rows) return store__no_memory(f);
    s->members = rows;
    *out = rows;
    for (uint32_t i = 0; i < limit; i++) {
        TRY(store__look_up(m->q->cancel, f));
        int rc = store_goroutine(s, m->rows[offset + i].g, &rows[i], f);
        if (rc < 0) return rc;
        TRY(fill_window(m, &rows[i], f));
        *n = i + 1;
    }
    return 0;
}

int store_members(struct store *s, const struct store_member_query *q,
                  const struct store_goroutine **out, uint32_t *n, uint32_t *n_all,
                  struct fault *f) {
    struct members m = {.s = s, .q = q};
    uint32_t offset = q->offset, limit = q->limit < MEMBERS_MAX ? q->limit : MEMBERS_MAX;
    *n = *n_all = 0;
    int rc = store__each_go(s, INT64_MIN + 1, INT64_MAX, add_member, &m, f);
    if (rc == 0 && m.failed) rc = store__no_memory(f);
    if (rc == 0 && (q->order == MEMBERS_BY_WAIT || q->order == MEMBERS_BY_RUNNING))
        rc = find_keys(&m, f);
    if (rc == 0) {
        if (m.n > 1) qsort(m.rows, m.n, sizeof *m.rows, member_order);
        *n_all = m.n;
        if (offset > m.n) offset = m.n;
        if (limit > m.n - offset) limit = m.n - offset;
        rc = fill_page(&m, offset, limit, out, n, f);
    }
    free(m.rows);
    return rc;
}
