/* storage/src/names.c - numbering classes, tags, groups and places while a trace is imported.
 *
 * A class is mostly found by its stack: `by_stack` remembers the class that each stack had last, so
 * that the common case is one array look-up and two comparisons. */
#include "storage/src/names.h"

#include <string.h>

#include "storage/src/buffer.h"
#include "storage/src/db.h"

struct class_row {
    struct slice_class c;
    bool forever;
    uint32_t next; /* class with the same hash key, MAP_NONE = last */
};
struct tag_row {
    uint8_t state, family;
    uint32_t reason;
    char refined[96];
};
struct group_row {
    uint32_t func;
    enum go_kind kind;
};
struct place_row {
    int64_t p, m;
    uint32_t next;
};

/* An array that grows, and how much of it stands in the database. */
struct table {
    void *rows;
    uint32_t n, cap, written;
};

enum { RECENT_PLACES = 64 };

struct names {
    sqlite3 *db;
    const struct dict *dict;
    struct table classes, tags, groups, places;
    struct map class_map, group_map, place_map;
    uint32_t *by_stack;
    uint32_t n_by_stack;
    uint32_t plain[8]; /* classes without reason and stack, by state */
    uint32_t strings_seen, stacks_seen, strings_written, stacks_written; /* counts */
    sqlite3_stmt *put_class, *put_tag, *put_group, *put_place, *put_string, *put_stack;
    uint32_t recent_place[RECENT_PLACES]; /* by a mix of p and m */
};

static const struct {
    uint8_t state, family;
    const char *refined;
} FIXED_TAGS[] = {{GO_RUNNING, FAMILY_RUNNING, "running"},
                  {GO_RUNNING, FAMILY_GC, "running (GC worker)"},
                  {GO_RUNNING, FAMILY_SYS, "running (runtime)"}};

static void *table_add(struct table *t, size_t size) {
    if (t->n == t->cap) {
        uint32_t cap = t->cap ? t->cap * 2 : 64;
        void *rows = realloc(t->rows, cap * size);
        if (!rows) return NULL;
        t->rows = rows;
        t->cap = cap;
    }
    return (char *)t->rows + t->n++ * size;
}

int names_create(sqlite3 *db, struct fault *f) {
    return db_exec(db,
                   "CREATE TABLE classes(id INTEGER PRIMARY KEY, state INTEGER, family INTEGER,"
                   " tag INTEGER, reason INTEGER, stack INTEGER, user_func INTEGER);"
                   "CREATE TABLE tags(id INTEGER PRIMARY KEY, state INTEGER, family INTEGER,"
                   " reason INTEGER, refined TEXT);"
                   "CREATE TABLE groups(id INTEGER PRIMARY KEY, func INTEGER, kind INTEGER);"
                   "CREATE TABLE places(id INTEGER PRIMARY KEY, p INTEGER, m INTEGER);"
                   "CREATE TABLE strings(id INTEGER PRIMARY KEY, text BLOB);"
                   "CREATE TABLE stack_frames(id INTEGER PRIMARY KEY, frames BLOB)",
                   f);
}

static int prepare(struct names *n, struct fault *f) {
    TRY(db_prepare(n->db, "INSERT INTO classes VALUES(?1,?2,?3,?4,?5,?6,?7)", &n->put_class, f));
    TRY(db_prepare(n->db, "INSERT INTO tags VALUES(?1,?2,?3,?4,?5)", &n->put_tag, f));
    TRY(db_prepare(n->db, "INSERT INTO groups VALUES(?1,?2,?3)", &n->put_group, f));
    TRY(db_prepare(n->db, "INSERT INTO places VALUES(?1,?2,?3)", &n->put_place, f));
    TRY(db_prepare(n->db, "INSERT INTO strings VALUES(?1,?2)", &n->put_string, f));
    return db_prepare(n->db, "INSERT INTO stack_frames VALUES(?1,?2)", &n->put_stack, f);
}

struct names *names_new(sqlite3 *db, const struct dict *d) {
    struct names *n = calloc(1, sizeof *n);
    if (!n) return NULL;
    n->db = db;
    n->dict = d;
    n->strings_seen = n->stacks_seen = 1;
    memset(n->plain, 0xff, sizeof n->plain);
    struct fault f;
    bool ok = prepare(n, &f) == 0;
    for (size_t i = 0; ok && i < sizeof FIXED_TAGS / sizeof *FIXED_TAGS; i++) {
        struct tag_row *t = table_add(&n->tags, sizeof *t);
        ok = t != NULL;
        if (!ok) break;
        *t = (struct tag_row){.state = FIXED_TAGS[i].state, .family = FIXED_TAGS[i].family};
        strcpy(t->refined, FIXED_TAGS[i].refined);
    }
    ok = ok && names_group(n, 0) == 0 && names_place(n, NO_ID, NO_ID) == 0;
    if (ok) return n;
    names_free(n);
    return NULL;
}

void names_free(struct names *n) {
    if (!n) return;
    sqlite3_stmt *all[] = {n->put_class, n->put_tag,    n->put_group,
                           n->put_place, n->put_string, n->put_stack};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) sqlite3_finalize(all[i]);
    free(n->classes.rows);
    free(n->tags.rows);
    free(n->groups.rows);
    free(n->places.rows);
    map_free(&n->class_map);
    map_free(&n->group_map);
    map_free(&n->place_map);
    free(n->by_stack);
    free(n);
}

void names_see_string(struct names *n, uint32_t id) {
    if (id >= n->strings_seen) n->strings_seen = id + 1;
}
void names_see_stack(struct names *n, uint32_t id) {
    if (id >= n->stacks_seen) n->stacks_seen = id + 1;
}

static struct slice_class *class_at(const struct names *n, uint32_t i) {
    return &((struct class_row *)n->classes.rows)[i].c;
}

static uint32_t tag_for(struct names *n, uint8_t state, uint8_t family, uint32_t reason,
                        const char *refined) {
    struct tag_row *tags = n->tags.rows;
    for (uint32_t i = TAG_FIRST_OTHER; i < n->tags.n; i++)
        if (tags[i].state == state && tags[i].reason == reason && !strcmp(tags[i].refined, refined))
            return i;
    if (n->tags.n > UINT16_MAX) return 0; /* hostile: more reasons than any runtime has */
    struct tag_row *t = table_add(&n->tags, sizeof *t);
    if (!t) return MAP_NONE;
    *t = (struct tag_row){.state = state, .family = family, .reason = reason};
    strncpy(t->refined, refined, sizeof t->refined - 1);
    return n->tags.n - 1;
}

/* Where a stretch of a state began says little unless the state is waiting or a system call; but
 * preemption and Gosched tell why a goroutine became runnable. */
static bool fill_class(struct names *n, struct slice_class *c) {
    struct refined r = {.name = "unknown"};
    uint32_t tag;
    refine_wait(n->dict, c->reason, c->stack, &r);
    c->user_func = r.user_func;
    switch (c->state) {
    case GO_WAITING:
        c->family = (uint8_t)r.family;
        tag = tag_for(n, c->state, c->family, c->reason, r.name);
        break;
    case GO_RUNNABLE:
        c->family = FAMILY_RUNNABLE;
        tag = tag_for(n, c->state, c->family, 0, "runnable");
        break;
    case GO_SYSCALL:
        c->family = FAMILY_SYSCALL;
        tag = tag_for(n, c->state, c->family, 0, "syscall");
        break;
    default:
        c->family = FAMILY_RUNNING;
        tag = TAG_RUNNING;
    }
    c->tag = (uint16_t)tag;
    names_see_string(n, c->user_func);
    return tag != MAP_NONE;
}

static uint32_t find_class(struct names *n, uint8_t state, uint32_t reason, uint32_t stack) {
    uint64_t key = ((uint64_t)stack << 32 | reason) * 8 + state;
    uint32_t first = map_get(&n->class_map, key);
    for (uint32_t i = first; i != MAP_NONE; i = ((struct class_row *)n->classes.rows)[i].next) {
        struct slice_class *c = class_at(n, i);
        if (c->state == state && c->reason == reason && c->stack == stack) return i;
    }
    struct class_row *row = table_add(&n->classes, sizeof *row);
    if (!row) return MAP_NONE;
    struct text t = dict_string(n->dict, reason);
    *row = (struct class_row){.c = {.state = state, .reason = reason, .stack = stack},
                              .forever =
                                  state == GO_WAITING && t.n == 7 && !memcmp(t.data, "forever", 7),
                              .next = first};
    names_see_string(n, reason);
    names_see_stack(n, stack);
    if (!fill_class(n, &row->c) || !map_put(&n->class_map, key, n->classes.n - 1)) return MAP_NONE;
    return n->classes.n - 1;
}

uint32_t names_class(struct names *n, uint8_t state, uint32_t reason, uint32_t stack) {
    if (!reason && !stack && n->plain[state & 7] != MAP_NONE) return n->plain[state & 7];
    if (stack >= n->n_by_stack) {
        uint32_t want = stack + stack / 2 + 256;
        uint32_t *by_stack = realloc(n->by_stack, want * sizeof *by_stack);
        if (!by_stack) return MAP_NONE;
        for (uint32_t i = n->n_by_stack; i < want; i++) by_stack[i] = MAP_NONE;
        n->by_stack = by_stack;
        n->n_by_stack = want;
    }
    uint32_t guess = n->by_stack[stack];
    if (guess != MAP_NONE) {
        const struct slice_class *c = class_at(n, guess);
        if (c->state == state && c->reason == reason && c->stack == stack) return guess;
    }
    uint32_t found = n->by_stack[stack] = find_class(n, state, reason, stack);
    if (!reason && !stack) n->plain[state & 7] = found;
    return found;
}

bool names_is_forever(const struct names *n, uint32_t class_id) {
    return ((struct class_row *)n->classes.rows)[class_id].forever;
}

struct slice_class names_class_of(const struct names *n, uint32_t class_id) {
    return *class_at(n, class_id);
}

/* Apart, so that the common way stays short. */
static __attribute__((noinline)) uint32_t find_place(struct names *n, int64_t p, int64_t m) {
    const struct place_row *rows = n->places.rows;
    uint64_t key = (uint64_t)m << 16 ^ (uint64_t)p;
    uint32_t first = map_get(&n->place_map, key);
    for (uint32_t i = first; i != MAP_NONE; i = rows[i].next)
        if (rows[i].p == p && rows[i].m == m) return i;
    struct place_row *row = table_add(&n->places, sizeof *row);
    if (!row || !map_put(&n->place_map, key, n->places.n - 1)) return MAP_NONE;
    *row = (struct place_row){p, m, first};
    return n->places.n - 1;
}

uint32_t names_place(struct names *n, int64_t p, int64_t m) {
    const struct place_row *rows = n->places.rows;
    uint32_t mix = ((uint64_t)p * 8 + (uint64_t)m) % RECENT_PLACES, recent = n->recent_place[mix];
    if (n->places.n && rows[recent].p == p && rows[recent].m == m) return recent;
    uint32_t found = find_place(n, p, m);
    if (found != MAP_NONE) n->recent_place[mix] = found;
    return found;
}

uint32_t names_group(struct names *n, uint32_t func) {
    uint32_t found = map_get(&n->group_map, func);
    if (found != MAP_NONE) return found;
    struct group_row *g = table_add(&n->groups, sizeof *g);
    if (!g || !map_put(&n->group_map, func, n->groups.n - 1)) return MAP_NONE;
    *g = (struct group_row){func, func ? refine_start_function(dict_string(n->dict, func))
                                       : GO_KIND_USER};
    names_see_string(n, func);
    return n->groups.n - 1;
}

enum go_kind names_group_kind(const struct names *n, uint32_t group) {
    return ((struct group_row *)n->groups.rows)[group].kind;
}

uint32_t names_group_func(const struct names *n, uint32_t group) {
    return ((struct group_row *)n->groups.rows)[group].func;
}

void names_place_of(const struct names *n, uint32_t place, int64_t *p, int64_t *m) {
    const struct place_row *row = &((struct place_row *)n->places.rows)[place];
    *p = row->p;
    *m = row->m;
}

/* One row of numbers into a prepared INSERT. */
static int put(struct names *n, sqlite3_stmt *s, const int64_t *values, int n_values,
               struct fault *f) {
    for (int i = 0; i < n_values; i++) sqlite3_bind_int64(s, i + 1, values[i]);
    return db_run(n->db, s, f);
}

static int write_stack(struct names *n, uint32_t id, struct fault *f) {
    struct stack st = dict_stack(n->dict, id);
    struct buffer b = {0};
    buffer_varint(&b, st.n);
    for (uint32_t i = 0; i < st.n; i++) {
        buffer_varint(&b, st.frames[i].pc);
        buffer_varint(&b, st.frames[i].func);
        buffer_varint(&b, st.frames[i].file);
        buffer_varint(&b, st.frames[i].line);
        names_see_string(n, st.frames[i].func);
        names_see_string(n, st.frames[i].file);
    }
    sqlite3_bind_int64(n->put_stack, 1, id);
    sqlite3_bind_blob64(n->put_stack, 2, b.data, b.n, SQLITE_STATIC);
    int rc = b.bad ? fault_set(f, PV_ENOMEM, -1, "out of memory while writing stacks")
                   : db_run(n->db, n->put_stack, f);
    buffer_free(&b);
    return rc;
}

static int write_strings(struct names *n, struct fault *f) {
    for (; n->strings_written < n->strings_seen; n->strings_written++) {
        struct text t = dict_string(n->dict, n->strings_written);
        sqlite3_bind_int64(n->put_string, 1, n->strings_written);
        sqlite3_bind_blob64(n->put_string, 2, t.n ? t.data : "", t.n, SQLITE_STATIC);
        TRY(db_run(n->db, n->put_string, f));
    }
    return 0;
}

int names_write(struct names *n, struct fault *f) {
    for (; n->stacks_written < n->stacks_seen; n->stacks_written++)
        TRY(write_stack(n, n->stacks_written, f));
    for (; n->classes.written < n->classes.n; n->classes.written++) {
        const struct slice_class *c = class_at(n, n->classes.written);
        TRY(put(n, n->put_class,
                (int64_t[]){n->classes.written, c->state, c->family, c->tag, c->reason, c->stack,
                            c->user_func},
                7, f));
    }
    for (; n->tags.written < n->tags.n; n->tags.written++) {
        const struct tag_row *t = &((struct tag_row *)n->tags.rows)[n->tags.written];
        names_see_string(n, t->reason);
        sqlite3_bind_text(n->put_tag, 5, t->refined, -1, SQLITE_STATIC);
        TRY(put(n, n->put_tag, (int64_t[]){n->tags.written, t->state, t->family, t->reason}, 4, f));
    }
    for (; n->groups.written < n->groups.n; n->groups.written++) {
        const struct group_row *g = &((struct group_row *)n->groups.rows)[n->groups.written];
        TRY(put(n, n->put_group, (int64_t[]){n->groups.written, g->func, g->kind}, 3, f));
    }
    for (; n->places.written < n->places.n; n->places.written++) {
        const struct place_row *p = &((struct place_row *)n->places.rows)[n->places.written];
        TRY(put(n, n->put_place, (int64_t[]){n->places.written, p->p, p->m}, 3, f));
    }
    return write_strings(n, f);
}
