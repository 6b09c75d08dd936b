/* storage/src/store_names.c - a store's dictionaries, read back: strings, stacks, tags, groups,
 * and the index of goroutines. */
#include <string.h>

#include "storage/src/buffer.h"
#include "storage/src/db.h"
#include "storage/src/store_impl.h"

enum { MAX_NAMES = 1 << 26, MAX_FRAMES = 1 << 12 };

/* ---- loading: whole tables, again when a growing store has more ---- */

typedef void (*row_fn)(struct store *s, uint32_t i, sqlite3_stmt *row);

/* Rows id = n, n+1, … of a table into an array; rows must come without holes. */
static int load_table(struct store *s, const char *sql, void *array, size_t size, uint32_t *n,
                      row_fn fill, struct fault *f) {
    sqlite3_stmt *stmt;
    TRY(db_prepare(s->db, sql, &stmt, f));
    sqlite3_bind_int64(stmt, 1, *n);
    char **rows = array;
    uint32_t cap = *n;
    int rc, code = 0;
    while (code == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        if (sqlite3_column_int64(stmt, 0) != *n || *n == MAX_NAMES) {
            code = fault_set(f, PV_ECORRUPT, -1, "a dictionary of the store is damaged");
            break;
        }
        if (*n == cap) {
            cap = cap + cap / 2 + 64;
            char *grown = realloc(*rows, cap * size);
            if (!grown) {
                code = store__no_memory(f);
                break;
            }
            *rows = grown;
        }
        memset(*rows + *n * size, 0, size);
        fill(s, (*n)++, stmt);
    }
    if (code == 0 && rc != SQLITE_DONE) code = sql_fault(f, s->db, "reading the store");
    sqlite3_finalize(stmt);
    return code;
}

static void fill_class(struct store *s, uint32_t i, sqlite3_stmt *row) {
    s->classes[i] = (struct slice_class){.state = (uint8_t)sqlite3_column_int(row, 1),
                                         .family = (uint8_t)sqlite3_column_int(row, 2),
                                         .tag = (uint16_t)sqlite3_column_int(row, 3),
                                         .reason = (uint32_t)sqlite3_column_int64(row, 4),
                                         .stack = (uint32_t)sqlite3_column_int64(row, 5),
                                         .user_func = (uint32_t)sqlite3_column_int64(row, 6)};
    if (s->classes[i].state > GO_SYSCALL) s->classes[i].state = GO_UNDETERMINED;
    if (s->classes[i].family >= N_FAMILIES) s->classes[i].family = FAMILY_SYS;
}

static void fill_tag(struct store *s, uint32_t i, sqlite3_stmt *row) {
    const char *refined = (const char *)sqlite3_column_text(row, 4);
    char *copy = refined && *refined ? strdup(refined) : NULL;
    s->tags[i] =
        (struct store_tag){.state = (uint8_t)sqlite3_column_int(row, 1),
                           .family = (uint8_t)sqlite3_column_int(row, 2),
                           .reason = store_string(s, (uint32_t)sqlite3_column_int64(row, 3)),
                           .refined = {copy ? copy : "", copy ? strlen(copy) : 0}};
    if (s->tags[i].state > GO_SYSCALL) s->tags[i].state = GO_UNDETERMINED;
    if (s->tags[i].family >= N_FAMILIES) s->tags[i].family = FAMILY_SYS;
}

static void fill_group(struct store *s, uint32_t i, sqlite3_stmt *row) {
    uint32_t func = (uint32_t)sqlite3_column_int64(row, 1);
    int kind = sqlite3_column_int(row, 2);
    s->groups[i] = (struct store_group){
        .func = store_string(s, func),
        .kind = kind < 0 || kind > GO_KIND_RUNTIME ? GO_KIND_USER : (enum go_kind)kind};
    map_put(&s->group_of_func, func, i);
}

static void fill_place(struct store *s, uint32_t i, sqlite3_stmt *row) {
    s->places[i] = (struct place){sqlite3_column_int64(row, 1), sqlite3_column_int64(row, 2)};
}

/* Classes are read before tags, so that those of a growing store have theirs. */
static int check_tags(const struct store *s, struct fault *f) {
    for (uint32_t i = 0; i < s->n_classes; i++)
        if (s->classes[i].tag >= s->n_tags)
            return fault_set(f, PV_ECORRUPT, -1, "class %u of the store has a tag that is missing",
                             (unsigned)i);
    return 0;
}

int store__load_names(struct store *s, struct fault *f) {
    if (!s->get_string) {
        TRY(db_prepare(s->db, "SELECT text FROM strings WHERE id=?1", &s->get_string, f));
        TRY(db_prepare(s->db, "SELECT frames FROM stack_frames WHERE id=?1", &s->get_stack, f));
    }
    TRY(load_table(s, "SELECT * FROM classes WHERE id>=?1 ORDER BY id", &s->classes,
                   sizeof *s->classes, &s->n_classes, fill_class, f));
    TRY(load_table(s, "SELECT * FROM tags WHERE id>=?1 ORDER BY id", &s->tags, sizeof *s->tags,
                   &s->n_tags, fill_tag, f));
    TRY(check_tags(s, f));
    TRY(load_table(s, "SELECT * FROM groups WHERE id>=?1 ORDER BY id", &s->groups,
                   sizeof *s->groups, &s->n_groups, fill_group, f));
    TRY(load_table(s, "SELECT * FROM places WHERE id>=?1 ORDER BY id", &s->places,
                   sizeof *s->places, &s->n_places, fill_place, f));
    if (s->n_tags >= TAG_FIRST_OTHER && s->n_groups && s->n_places) return 0;
    return s->growing ? 0 : fault_set(f, PV_ECORRUPT, -1, "the store's dictionaries are missing");
}

void store__free_names(struct store *s) {
    sqlite3_finalize(s->get_string);
    sqlite3_finalize(s->get_stack);
    for (uint32_t i = 0; i < s->n_strings; i++) free((char *)s->strings[i].data);
    for (uint32_t i = 0; i < s->n_stacks; i++) free((struct frame *)s->stacks[i].frames);
    for (uint32_t i = 0; i < s->n_tags; i++)
        if (s->tags[i].refined.n) free((char *)s->tags[i].refined.data);
    free(s->strings);
    free(s->stacks);
    free(s->classes);
    free(s->tags);
    free(s->groups);
    free(s->places);
    map_free(&s->group_of_func);
}

/* ---- strings and stacks, one by one and kept ----
 *
 * Room is made for what is there only: the id may be what a damaged row says. */

static bool make_room(void *array, size_t size, uint32_t *n, uint32_t id) {
    if (id < *n) return true;
    if (id >= MAX_NAMES) return false;
    char **rows = array;
    uint32_t want = id + id / 2 + 64;
    char *grown = realloc(*rows, want * size);
    if (!grown) return false;
    memset(grown + *n * size, 0, (want - *n) * size);
    *rows = grown;
    *n = want;
    return true;
}

static int read_blob(sqlite3_stmt *stmt, uint32_t id, const uint8_t **data, size_t *n) {
    sqlite3_bind_int64(stmt, 1, id);
    if (sqlite3_step(stmt) != SQLITE_ROW) return 0;
    const void *blob = sqlite3_column_blob(stmt, 0); /* NULL where it is empty */
    *data = blob ? blob : (const uint8_t *)"";
    *n = (size_t)sqlite3_column_bytes(stmt, 0);
    return 1;
}

struct text store_string(struct store *s, uint32_t id) {
    struct text found = {"", 0};
    if (!id) return found;
    if (id < s->n_strings && s->strings[id].data) return s->strings[id];
    const uint8_t *data = NULL;
    size_t n = 0;
    if (read_blob(s->get_string, id, &data, &n) &&
        make_room(&s->strings, sizeof *s->strings, &s->n_strings, id)) {
        char *copy = malloc(n + 1);
        if (copy) {
            if (n) memcpy(copy, data, n);
            copy[n] = 0;
            found = s->strings[id] = (struct text){copy, n};
        }
    }
    sqlite3_reset(s->get_string);
    return found;
}

static struct frame *parse_frames(const uint8_t *data, size_t n, uint32_t *n_frames) {
    struct cursor in = {data, data + n, false};
    uint64_t count = cursor_varint(&in);
    if (in.bad || count > MAX_FRAMES) return NULL;
    struct frame *frames = calloc(count ? count : 1, sizeof *frames);
    for (uint64_t i = 0; frames && i < count; i++) {
        frames[i].pc = cursor_varint(&in);
        frames[i].func = (uint32_t)cursor_varint(&in);
        frames[i].file = (uint32_t)cursor_varint(&in);
        frames[i].line = cursor_varint(&in);
    }
    *n_frames = (uint32_t)count;
    return frames;
}

struct stack store_stack(struct store *s, uint32_t id) {
    struct stack found = {NULL, 0};
    if (!id) return found;
    if (id < s->n_stacks && s->stacks[id].frames) return s->stacks[id];
    const uint8_t *data = NULL;
    size_t n = 0;
    if (read_blob(s->get_stack, id, &data, &n) &&
        make_room(&s->stacks, sizeof *s->stacks, &s->n_stacks, id)) {
        uint32_t count = 0;
        struct frame *frames = parse_frames(data, n, &count);
        found = s->stacks[id] = (struct stack){frames, frames ? count : 0};
    }
    sqlite3_reset(s->get_stack);
    return found;
}

uint32_t store_n_tags(struct store *s) {
    return s->n_tags;
}

struct store_tag store_tag(struct store *s, uint32_t tag) {
    static const struct store_tag none = {
        .family = FAMILY_SYS, .reason = {"", 0}, .refined = {"unknown", 7}};
    return tag < s->n_tags ? s->tags[tag] : none;
}
