/* tests/fuzz/store_fuzz.c - a store whose bytes were changed, and everything that may be asked of
 * it.
 *
 * Input: patches of 5 bytes, u32 where (modulo the size) and u8 what, laid over a sound store.  An
 * input that begins like an SQLite file is taken as the store itself. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/area.h"
#include "storage/query.h"
#include "storage/sets.h"
#include "tests/fuzz/base_store.h"
#include "tests/fuzz/promise.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MAX_PATCHES = 64, CUT_SHARE = 4 /* one input of so many is cut instead */ };

static struct {
    const char *path;
    uint8_t *bytes;
    size_t n;
} base;

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    base.path = base_store_make();
    FILE *f = fopen(base.path, "rb");
    struct stat st;
    if (!f || fstat(fileno(f), &st) != 0) exit(2);
    base.n = (size_t)st.st_size;
    base.bytes = malloc(base.n);
    if (!base.bytes || fread(base.bytes, 1, base.n, f) != base.n) exit(2);
    fclose(f);
    return 0;
}

static void write_store(const uint8_t *bytes, size_t n) {
    int fd = open(base.path, O_WRONLY | O_TRUNC | O_CREAT, 0600);
    PROMISE(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
    close(fd);
}

static void ask_for_lane(struct store *s, struct lane lane, int64_t duration) {
    struct fault fault = {0};
    struct tile tile;
    for (int level = 0; level <= TILE_MAX_LEVEL; level += 6) {
        if (store_tile(s, lane, level, (duration / 2) >> level >> 10, &tile, &fault) < 0) continue;
        for (uint32_t i = 0; i < tile.n_parts; i++) PROMISE(tile.parts[i].bucket < TILE_BUCKETS);
        for (uint32_t i = 0; i < tile.n_parts; i++) PROMISE(tile.parts[i].tag < store_n_tags(s));
        for (uint32_t i = 0; i < tile.n_solids; i++) PROMISE(tile.solids[i].tag < store_n_tags(s));
    }
    struct store_slice slice, next;
    if (store_slice_at(s, lane, duration / 3, &slice, &fault) == 1) {
        PROMISE(slice.tag < store_n_tags(s));
        store_slice_step(s, &slice, 1, &next, &fault);
        store_slice_step(s, &slice, -1, &next, &fault);
        store_stack(s, slice.stack);
        store_stack(s, slice.waker_stack);
        store_string(s, slice.user_func);
    }
}

static void ask_for_waits(struct store *s, int64_t from, int64_t to) {
    struct fault fault = {0};
    for (int by = WAIT_BY_REASON; by <= WAIT_BY_STACK; by++) {
        struct store_wait_query q = {.from_ns = from, .to_ns = to, .by = (enum wait_key)by};
        struct store_waits w;
        if (store_waits(s, &q, &w, &fault) < 0) continue;
        for (uint32_t i = 0; i < w.n; i++) PROMISE(w.rows[i].key.n == 0 || w.rows[i].key.data);
    }
}

static void ask_for_area(struct store *s, struct lane lane, int64_t from, int64_t to) {
    struct fault fault = {0};
    struct store_area area = {.from_ns = from, .to_ns = to, .lanes = &lane, .n_lanes = 1};
    for (int by = FIGURE_BY_REASON; by <= FIGURE_BY_STATE; by++) {
        struct store_figures figures;
        if (store_figures(s, &area, (enum figure_key)by, &figures, &fault) == 0)
            for (uint32_t i = 0; i < figures.n; i++) {
                const struct store_figure *row = &figures.rows[i];
                PROMISE(row->tag < store_n_tags(s) && row->p50_ns <= row->p99_ns);
                PROMISE(row->p99_ns <= row->p999_ns && row->p999_ns <= row->max_ns);
            }
        store_figures_free(&figures);
    }
    struct store_matches matches;
    if (store_matches(s, &area, MATCHES_LONGEST, 10, 100, &matches, &fault) == 0)
        for (uint32_t i = 0; i < matches.n; i++) PROMISE(matches.rows[i].tag < store_n_tags(s));
    store_matches_free(&matches);
}

/* One question an input: they are slow. */
static void ask_in_sql(struct store *s, size_t which) {
    static const char *const questions[] = {
        "SELECT count(*), sum(duration_ns) FROM slices",
        "SELECT * FROM waits LIMIT 300",
        "SELECT * FROM goroutines LIMIT 300",
        "SELECT * FROM tasks LIMIT 300",
        "SELECT count(*) FROM ranges",
        "SELECT count(*) FROM metrics",
        "SELECT * FROM frames LIMIT 300",
    };
    struct query_limits limits = {.time_ns = 30000000, .n_rows = 300, .bytes = 64 << 20};
    struct query_output nowhere = {0};
    struct query_result result;
    struct fault fault = {0};
    which %= sizeof questions / sizeof *questions;
    query_run(s, questions[which], &limits, &nowhere, NULL, &result, &fault);
}

static void ask_for_sets(struct store *s, enum sets_by by, int64_t duration) {
    struct fault fault = {0};
    struct store_sets *sets;
    if (store_sets_new(s, by, NULL, &sets, &fault) < 0) return;
    for (uint32_t i = 0; i < store_n_sets(sets) && i < 8; i++)
        for (int level = 10; level < 36; level += 4) {
            struct lane lane = store_set(sets, i)->lane;
            int64_t first = duration / 2 / ((int64_t)TILE_BUCKETS << level);
            struct tile_query q = {&lane, 1, level, first, first + 1, 1 << 16, sets};
            struct tiles *tiles;
            struct tile tile;
            if (duration < 0 || store_tiles(s, &q, &tiles, &fault) < 0) continue;
            tiles_get(tiles, 0, first, &tile, &fault);
            tiles_free(tiles);
        }
    store_sets_free(sets);
}

static void ask_everything(struct store *s, size_t which) {
    const struct store_info *info = store_info(s);
    int64_t duration = info->duration_ns;
    struct fault fault = {0};
    for (uint32_t i = 0; i < store_n_tags(s); i++) PROMISE(store_tag(s, i).family < N_FAMILIES);
    const struct store_goroutine *members;
    uint32_t n, n_all;
    int64_t g = 1;
    for (uint32_t i = 0; i < store_n_groups(s) && i < 50; i++) {
        store_group(s, i);
        struct store_member_query q = {
            .of = {LANE_GROUP, i}, .to_ns = duration, .order = MEMBERS_BY_WAIT, .limit = 10};
        if (store_members(s, &q, &members, &n, &n_all, &fault) == 0 && n > 0) g = members[0].g;
    }
    struct lane lanes[] = {{LANE_P, 0}, {LANE_G, g}, {LANE_M, 1}, {LANE_GROUP, 1}, {LANE_ALL, 0}};
    for (size_t i = 0; i < sizeof lanes / sizeof *lanes; i++) ask_for_lane(s, lanes[i], duration);
    ask_for_sets(s, (enum sets_by)(which % N_SETS_BY), duration);
    const struct store_range *ranges;
    store_ranges(s, 0, duration, true, 100, &ranges, &n, &n_all, &fault);
    const struct store_point *points;
    store_counter(s, "/sched/gomaxprocs:threads", 0, duration, 50, &points, &n, &fault);
    ask_for_waits(s, 0, duration);
    ask_for_waits(s, duration / 3, duration / 2);
    ask_for_area(s, lanes[which % (sizeof lanes / sizeof *lanes)], duration / 3, duration / 2);
    ask_in_sql(s, which);
}

/* A window as a store of its own, which is sound whatever its source is. */
static void cut(struct store *s) {
    struct fault fault = {0};
    struct store *part = NULL;
    char path[4096];
    int64_t duration = store_info(s)->duration_ns;
    snprintf(path, sizeof path, "%s.cut", base.path);
    if (store_cut(s, duration / 4, duration / 2, path, &fault) < 0) {
        PROMISE(fault.text[0]);
        return;
    }
    PROMISE(store_open(path, &part, &fault) == 0);
    ask_for_waits(part, 0, duration);
    store_close(part);
    unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (n >= 6 && memcmp(data, "SQLite", 6) == 0) {
        write_store(data, n);
    } else {
        if (n > 5 * MAX_PATCHES) return -1;
        uint8_t *bytes = malloc(base.n);
        if (!bytes) return 0;
        memcpy(bytes, base.bytes, base.n);
        for (size_t i = 0; i + 5 <= n; i += 5) {
            uint32_t at;
            memcpy(&at, data + i, 4);
            bytes[at % base.n] = data[i + 4];
        }
        write_store(bytes, base.n);
        free(bytes);
    }
    struct fault fault = {0};
    struct store *s = NULL;
    if (store_open(base.path, &s, &fault) == 0) {
        size_t which = n ? data[n - 1] : 0u;
        if (which % CUT_SHARE == 0)
            cut(s);
        else
            ask_everything(s, which);
        store_close(s);
    } else {
        PROMISE(fault.code < 0 && fault.text[0]);
    }
    return 0;
}
