/* storage/src/go_v1_events.c - what the reader knows of each event of Go 1.11 to 1.21.
 *
 * Made from go_v1_events.def.
 * Source      go1.26 src/internal/trace/internal/tracev1/parser.go, order.go */
#include "storage/src/go_v1_events.h"

/* On whom an event of each order waits: on args[0] where that is a goroutine. */
#define WAITS_FREE          V1_NOTHING
#define WAITS_CREATE        V1_NAMED
#define WAITS_WAITING       V1_NAMED
#define WAITS_START         V1_NAMED
#define WAITS_START_LOCAL   V1_NAMED
#define WAITS_BLOCK         V1_RUNS
#define WAITS_YIELD         V1_RUNS
#define WAITS_UNBLOCK       V1_NAMED
#define WAITS_UNBLOCK_LOCAL V1_NAMED
#define WAITS_GC            V1_CYCLES
/* Who runs after it. */
#define NEXT(code, order)                                                                          \
    ((order) == V1_START || (order) == V1_START_LOCAL ? V1_NAMED                                   \
     : (order) == V1_BLOCK || (order) == V1_YIELD     ? V1_NOBODY                                  \
     : (code) == V1_GO_END || (code) == V1_GO_STOP    ? V1_NOBODY                                  \
                                                      : V1_RUNS)
/* To whom it belongs. */
#define OWNER(code, order)                                                                         \
    (NEXT(code, order) == V1_NAMED || (order) == V1_WAITING || (code) == V1_GO_SYS_EXIT ? V1_NAMED \
                                                                                        : V1_RUNS)
/* The type without "...Local". */
#define PLAIN_TYPE(code)                                                                           \
    ((code) == V1_GO_START_LOCAL      ? V1_GO_START                                                \
     : (code) == V1_GO_UNBLOCK_LOCAL  ? V1_GO_UNBLOCK                                              \
     : (code) == V1_GO_SYS_EXIT_LOCAL ? V1_GO_SYS_EXIT                                             \
                                      : (code))

#define MASK(yes) ((yes) ? UINT64_MAX : 0)

const struct v1_spec v1_specs[64] = {
#define X(code, ident, title, from, n, has_stack, args, by)                                        \
    [code] = {                                                                                     \
        .name = title,                                                                             \
        .since = from,                                                                             \
        .n_args = n,                                                                               \
        .stack = has_stack,                                                                        \
        .order = V1_##by,                                                                          \
        .owner = OWNER(code, V1_##by),                                                             \
        .next = NEXT(code, V1_##by),                                                               \
        .waits = WAITS_##by,                                                                       \
        .names = MASK(WAITS_##by == V1_NAMED),                                                     \
        .first_stack = (uint32_t)MASK(n == 2 && has_stack),                                        \
        .second_stack = (uint32_t)MASK(n == 3 && has_stack),                                       \
        .kind = {{{.type = PLAIN_TYPE(code), .order = V1_##by}}, {{.type = PLAIN_TYPE(code)}}}},
#include "storage/src/go_v1_events.def"
#undef X
};
