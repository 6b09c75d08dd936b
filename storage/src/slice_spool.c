/* storage/src/slice_spool.c - slices put into groups, so that SQLite need not sort them.
 *
 * GROUP BY reason over a virtual table makes SQLite sort all rows: 500 ns each.  It asks first
 * whether the table can deliver equal keys side by side.  A spool does: one pass over the slices
 * appends each to its group, a few bytes for the columns that the query uses.
 *
 * Layout      group -> pages of rows, in the order in which they came.  A row is, for each kept
 *             field, the LEB128 of its zigzag; starts are differences to the start before.
 * Invariants  1. A field is kept where a used column needs it and the keys do not fix it; all
 *                else comes from the group's first slice.
 *             2. Classes whose key columns read the same belong to one group, whatever their
 *                numbers are: keys are compared as SQL would compare them.
 *             3. Within a group rows keep the order of the scan: for one goroutine that is time. */
#include "storage/src/slice_spool.h"

#include <stdlib.h>
#include <string.h>

enum field { START, DUR, G, CLASS, P, M, WAKER_G, WAKER_P, WAKER_M, WAKER_STACK, OPEN, N_FIELDS };
enum { ROW_MAX = N_FIELDS * 10, FIRST_PAGE = 128, LAST_PAGE = 65536, MAX_NUMBERS = SPOOL_MAX_KEYS };

struct page {
    struct page *next;
    uint32_t n, size;
    uint8_t data[];
};

struct group {
    struct slice first;
    int64_t key[MAX_NUMBERS];
    struct page *head, *tail;
    int64_t last_start;
};

struct spool {
    struct query *q;
    struct slice_names *names;
    struct spool_key keys[SPOOL_MAX_KEYS];
    uint32_t n_keys;
    uint8_t number_keys[MAX_NUMBERS]; /* key columns that do not follow from the class */
    uint32_t n_numbers;               /* key numbers: class group first, where there is one */
    uint32_t *class_group;            /* NULL where no key follows from the class */
    uint8_t fields[N_FIELDS];
    uint32_t n_fields;
    bool sorted, distinct;
    struct group *groups;
    size_t n_groups, capacity;
    uint32_t *slots; /* hash table of group numbers + 1, a power of two */
    size_t n_slots, last;
    const struct page *page; /* reading */
    uint32_t at;
    size_t group;
    uint32_t *order;
};

/* ---- what a column needs ------------------------------------------------------------------- */

static bool of_class(int column) {
    return column == SQLCOL_SLICES_STATE || column == SQLCOL_SLICES_REASON ||
           column == SQLCOL_SLICES_REFINED || column == SQLCOL_SLICES_FAMILY ||
           column == SQLCOL_SLICES_USER_FUNC || column == SQLCOL_SLICES_STACK;
}

bool spool_can_group(int column) {
    return of_class(column) || column == SQLCOL_SLICES_G || column == SQLCOL_SLICES_START_FUNC ||
           column == SQLCOL_SLICES_P || column == SQLCOL_SLICES_M ||
           column == SQLCOL_SLICES_WAKER_G || column == SQLCOL_SLICES_WAKER_FUNC ||
           column == SQLCOL_SLICES_WAKER_P || column == SQLCOL_SLICES_WAKER_M ||
           column == SQLCOL_SLICES_WAKER_STACK || column == SQLCOL_SLICES_OPEN;
}

static uint32_t fields_of(int column) {
    if (of_class(column)) return 1u << CLASS;
    switch (column) {
    case SQLCOL_SLICES_START:
        return 1u << START;
    case SQLCOL_SLICES_DUR:
        return 1u << DUR;
    case SQLCOL_SLICES_END:
        return 1u << START | 1u << DUR;
    case SQLCOL_SLICES_G:
    case SQLCOL_SLICES_START_FUNC:
        return 1u << G;
    case SQLCOL_SLICES_P:
        return 1u << P;
    case SQLCOL_SLICES_M:
        return 1u << M;
    case SQLCOL_SLICES_WAKER_G:
        return 1u << WAKER_G;
    case SQLCOL_SLICES_WAKER_FUNC:
        return 1u << WAKER_G | 1u << START | 1u << DUR;
    case SQLCOL_SLICES_WAKER_P:
        return 1u << WAKER_P;
    case SQLCOL_SLICES_WAKER_M:
        return 1u << WAKER_M;
    case SQLCOL_SLICES_WAKER_STACK:
        return 1u << WAKER_STACK;
    case SQLCOL_SLICES_OPEN:
        return 1u << OPEN;
    default:
        return 0;
    }
}

static int compare_text(struct text a, struct text b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.data, b.data, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static int64_t number_of(const struct spool *s, const struct slice *slice, int column) {
    switch (column) {
    case SQLCOL_SLICES_G:
        return slice->g;
    case SQLCOL_SLICES_START_FUNC:
        return slice_names_group(s->names, slice->g, slice->start_ns);
    case SQLCOL_SLICES_P:
        return slice->p;
    case SQLCOL_SLICES_M:
        return slice->m;
    case SQLCOL_SLICES_WAKER_G:
        return slice->waker_g;
    case SQLCOL_SLICES_WAKER_FUNC:
        return slice_names_group(s->names, slice->waker_g, slice->start_ns + slice->dur_ns);
    case SQLCOL_SLICES_WAKER_P:
        return slice->waker_p;
    case SQLCOL_SLICES_WAKER_M:
        return slice->waker_m;
    case SQLCOL_SLICES_WAKER_STACK:
        return slice->waker_stack;
    case SQLCOL_SLICES_OPEN:
        return slice->open;
    default:
        return s->names->classes[slice->class_id].stack;
    }
}

/* ---- order of keys ------------------------------------------------------------------------- */

/* SQL puts null first: ids of -1, functions and stacks of 0 are the smallest numbers anyway. */
static int compare_column(const struct spool *s, const struct slice *a, const struct slice *b,
                          int column) {
    if (of_class(column) && column != SQLCOL_SLICES_STACK)
        return compare_text(slice_names_class(&s->names->classes[a->class_id], column),
                            slice_names_class(&s->names->classes[b->class_id], column));
    int64_t x = number_of(s, a, column), y = number_of(s, b, column);
    if ((column == SQLCOL_SLICES_START_FUNC || column == SQLCOL_SLICES_WAKER_FUNC) && x != y)
        return compare_text(slice_names_start(s->names, (uint32_t)x),
                            slice_names_start(s->names, (uint32_t)y));
    return (x > y) - (x < y);
}

static int compare_slices(const struct spool *s, const struct slice *a, const struct slice *b,
                          bool only_class) {
    for (uint32_t i = 0; i < s->n_keys; i++) {
        if (only_class && !of_class(s->keys[i].column)) continue;
        int order = compare_column(s, a, b, s->keys[i].column);
        if (order) return s->keys[i].descending ? -order : order;
    }
    return 0;
}

static int by_class_keys(const void *a, const void *b, void *arg) {
    struct slice x = {.class_id = *(const uint32_t *)a}, y = {.class_id = *(const uint32_t *)b};
    return compare_slices(arg, &x, &y, true);
}

static int by_keys(const void *a, const void *b, void *arg) {
    const struct spool *s = arg;
    return compare_slices(s, &s->groups[*(const uint32_t *)a].first,
                          &s->groups[*(const uint32_t *)b].first, false);
}

/* group_classes - sorts the classes by their key columns and numbers what reads alike (2.). */
static int group_classes(struct spool *s) {
    uint32_t n = s->names->n_classes, number = 0;
    uint32_t *order = malloc(((size_t)n + 1) * sizeof *order);
    s->class_group = malloc(((size_t)n + 1) * sizeof *s->class_group);
    if (!order || !s->class_group) {
        free(order);
        return SQLITE_NOMEM;
    }
    for (uint32_t i = 0; i < n; i++) order[i] = i;
    qsort_r(order, n, sizeof *order, by_class_keys, s);
    for (uint32_t i = 0; i < n; i++) {
        if (i && by_class_keys(&order[i - 1], &order[i], s)) number++;
        s->class_group[order[i]] = number;
    }
    free(order);
    return SQLITE_OK;
}

/* ---- filling ------------------------------------------------------------------------------- */

int spool_new(struct query *q, struct slice_names *names, const struct spool_key *keys,
              uint32_t n_keys, uint64_t used, bool sorted, bool distinct, struct spool **out) {
    struct spool *s = calloc(1, sizeof *s);
    *out = s;
    if (!s) return SQLITE_NOMEM;
    *s = (struct spool){.q = q, .names = names, .n_keys = n_keys, .sorted = sorted};
    uint64_t key_columns = 0;
    bool any_class = false;
    for (uint32_t i = 0; i < n_keys; i++) {
        s->keys[i] = keys[i];
        key_columns |= 1ull << keys[i].column;
        any_class |= of_class(keys[i].column);
        if (!of_class(keys[i].column)) s->number_keys[s->n_numbers++] = keys[i].column;
    }
    s->distinct = distinct && !(used & ~key_columns);
    uint32_t fields = 0;
    for (int c = 0; c < SQL_MAX_COLS; c++)
        if (used & ~key_columns & 1ull << c) fields |= fields_of(c);
    for (uint8_t i = 0; i < N_FIELDS; i++)
        if (fields & 1u << i) s->fields[s->n_fields++] = i;
    s->n_slots = 256;
    s->slots = calloc(s->n_slots, sizeof *s->slots);
    if (!s->slots) return SQLITE_NOMEM;
    return any_class ? group_classes(s) : SQLITE_OK;
}

static size_t hash_key(const int64_t *key, uint32_t n) {
    uint64_t h = 0x9e3779b97f4a7c15u;
    for (uint32_t i = 0; i < n; i++) h = (h ^ (uint64_t)key[i]) * 0xff51afd7ed558ccdu, h ^= h >> 32;
    return (size_t)h;
}

static size_t find_slot(const struct spool *s, const int64_t *key, uint32_t n) {
    size_t i = hash_key(key, n) & (s->n_slots - 1);
    while (s->slots[i] && memcmp(s->groups[s->slots[i] - 1].key, key, n * sizeof *key) != 0)
        i = (i + 1) & (s->n_slots - 1);
    return i;
}

static int grow_slots(struct spool *s, uint32_t n) {
    uint32_t *old = s->slots;
    uint32_t *slots = calloc(2 * s->n_slots, sizeof *slots);
    if (!slots) return SQLITE_NOMEM;
    s->slots = slots;
    s->n_slots *= 2;
    free(old);
    for (size_t i = 0; i < s->n_groups; i++)
        s->slots[find_slot(s, s->groups[i].key, n)] = (uint32_t)i + 1;
    return SQLITE_OK;
}

static int add_group(struct spool *s, const int64_t *key, uint32_t n, const struct slice *slice,
                     size_t *out) {
    if (s->n_groups == s->capacity) {
        size_t more = s->capacity ? 2 * s->capacity : 64;
        struct group *groups = realloc(s->groups, more * sizeof *groups);
        if (!groups) return SQLITE_NOMEM;
        query__spend(s->q, (int64_t)((more - s->capacity) * sizeof *groups));
        s->groups = groups;
        s->capacity = more;
    }
    if (2 * s->n_groups >= s->n_slots) {
        int rc = grow_slots(s, n);
        if (rc != SQLITE_OK) return rc;
    }
    struct group *g = &s->groups[s->n_groups];
    *g = (struct group){.first = *slice};
    memcpy(g->key, key, n * sizeof *key);
    *out = s->n_groups++;
    s->slots[find_slot(s, key, n)] = (uint32_t)s->n_groups;
    return SQLITE_OK;
}

static int group_of(struct spool *s, const struct slice *slice, size_t *out, bool *is_new) {
    int64_t key[MAX_NUMBERS];
    uint32_t n = 0;
    *is_new = false;
    if (s->class_group) key[n++] = s->class_group[slice->class_id];
    for (uint32_t i = 0; i < s->n_numbers; i++) key[n++] = number_of(s, slice, s->number_keys[i]);
    if (s->n_groups && memcmp(s->groups[s->last].key, key, n * sizeof *key) == 0) {
        *out = s->last;
        return SQLITE_OK;
    }
    size_t slot = find_slot(s, key, n);
    if (s->slots[slot]) {
        *out = s->last = s->slots[slot] - 1;
        return SQLITE_OK;
    }
    *is_new = true;
    int rc = add_group(s, key, n, slice, out);
    s->last = *out;
    return rc;
}

static int add_page(struct spool *s, struct group *g) {
    uint32_t size = g->tail ? 2 * g->tail->size : FIRST_PAGE;
    if (size > LAST_PAGE) size = LAST_PAGE;
    struct page *p = malloc(sizeof *p + size);
    if (!p) return SQLITE_NOMEM;
    query__spend(s->q, (int64_t)(sizeof *p + size));
    *p = (struct page){.size = size};
    if (g->tail)
        g->tail->next = p;
    else
        g->head = p;
    g->tail = p;
    return SQLITE_OK;
}

static int64_t get_field(const struct slice *s, enum field f) {
    switch (f) {
    case START:
        return s->start_ns;
    case DUR:
        return s->dur_ns;
    case G:
        return s->g;
    case CLASS:
        return s->class_id;
    case P:
        return s->p;
    case M:
        return s->m;
    case WAKER_G:
        return s->waker_g;
    case WAKER_P:
        return s->waker_p;
    case WAKER_M:
        return s->waker_m;
    case WAKER_STACK:
        return s->waker_stack;
    default:
        return s->open;
    }
}

static void set_field(struct slice *s, enum field f, int64_t v) {
    switch (f) {
    case START:
        s->start_ns = v;
        break;
    case DUR:
        s->dur_ns = v;
        break;
    case G:
        s->g = v;
        break;
    case CLASS:
        s->class_id = (uint32_t)v;
        break;
    case P:
        s->p = v;
        break;
    case M:
        s->m = v;
        break;
    case WAKER_G:
        s->waker_g = v;
        break;
    case WAKER_P:
        s->waker_p = v;
        break;
    case WAKER_M:
        s->waker_m = v;
        break;
    case WAKER_STACK:
        s->waker_stack = (uint32_t)v;
        break;
    default:
        s->open = v != 0;
        break;
    }
}

int spool_add(struct spool *s, const struct slice *slice) {
    size_t i = 0;
    bool is_new;
    int rc = group_of(s, slice, &i, &is_new);
    if (rc != SQLITE_OK || (s->distinct && !is_new)) return rc;
    struct group *g = &s->groups[i];
    /* Rows without fields still need a byte to be counted. */
    if (!g->tail || g->tail->size - g->tail->n < ROW_MAX) rc = add_page(s, g);
    if (rc != SQLITE_OK) return rc;
    uint8_t *p = g->tail->data + g->tail->n;
    if (s->n_fields == 0) *p++ = 0;
    for (uint32_t k = 0; k < s->n_fields; k++) {
        uint64_t v = (uint64_t)get_field(slice, s->fields[k]);
        if (s->fields[k] == START) v -= (uint64_t)g->last_start;
        uint64_t u = (v << 1) ^ (0 - (v >> 63));
        for (; u >= 0x80; u >>= 7) *p++ = (uint8_t)(u | 0x80);
        *p++ = (uint8_t)u;
    }
    g->last_start = slice->start_ns;
    g->tail->n = (uint32_t)(p - g->tail->data);
    return SQLITE_OK;
}

/* ---- reading ------------------------------------------------------------------------------- */

static void enter_group(struct spool *s) {
    s->page = NULL;
    if (s->group >= s->n_groups) return;
    struct group *g = &s->groups[s->order[s->group]];
    g->last_start = 0;
    s->page = g->head;
    s->at = 0;
}

int spool_seal(struct spool *s) {
    s->order = malloc((s->n_groups + 1) * sizeof *s->order);
    if (!s->order) return SQLITE_NOMEM;
    for (size_t i = 0; i < s->n_groups; i++) s->order[i] = (uint32_t)i;
    if (s->sorted) qsort_r(s->order, s->n_groups, sizeof *s->order, by_keys, s);
    enter_group(s);
    return SQLITE_OK;
}

bool spool_next(struct spool *s, struct slice *out) {
    while (!s->page || s->at == s->page->n) {
        if (s->page && s->page->next) {
            s->page = s->page->next;
            s->at = 0;
            continue;
        }
        if (++s->group >= s->n_groups) {
            s->page = NULL;
            return false;
        }
        enter_group(s);
    }
    struct group *g = &s->groups[s->order[s->group]];
    const uint8_t *p = s->page->data + s->at;
    *out = g->first;
    if (s->n_fields == 0) p++;
    for (uint32_t k = 0; k < s->n_fields; k++) {
        uint64_t u = 0;
        for (unsigned shift = 0;; shift += 7) {
            u |= (uint64_t)(*p & 0x7f) << shift;
            if (*p++ < 0x80) break;
        }
        int64_t v = (int64_t)((u >> 1) ^ (0 - (u & 1)));
        if (s->fields[k] == START)
            v = g->last_start = (int64_t)((uint64_t)v + (uint64_t)g->last_start);
        set_field(out, s->fields[k], v);
    }
    s->at = (uint32_t)(p - s->page->data);
    return true;
}

void spool_free(struct spool *s) {
    if (!s) return;
    int64_t bytes = (int64_t)(s->capacity * sizeof *s->groups);
    for (size_t i = 0; i < s->n_groups; i++)
        for (struct page *p = s->groups[i].head, *next; p; p = next) {
            next = p->next;
            bytes += (int64_t)(sizeof *p + p->size);
            free(p);
        }
    query__spend(s->q, -bytes);
    free(s->order);
    free(s->groups);
    free(s->slots);
    free(s->class_group);
    free(s);
}
