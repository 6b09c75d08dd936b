/* storage/src/go_v1_events.c - what the reader knows of each event of Go 1.11 to 1.21.
 *
 * Made from go_v1_events.def.
 * Source      go1.26 src/internal/trace/internal/tracev1/parser.go, order.go */
#include "storage/src/go_v1_events.h"

/* What each order says about goroutines. */
#define ABOUT_FREE          0
#define ABOUT_CREATE        V1_NAMES
#define ABOUT_WAITING       (V1_NAMES | V1_OWNS)
#define ABOUT_START         (V1_NAMES | V1_OWNS | V1_BEGINS)
#define ABOUT_START_LOCAL   ABOUT_START
#define ABOUT_BLOCK         V1_LEAVES
#define ABOUT_YIELD         V1_LEAVES
#define ABOUT_UNBLOCK       V1_NAMES
#define ABOUT_UNBLOCK_LOCAL V1_NAMES
#define ABOUT_GC            0
/* And those events that their order does not tell apart. */
#define ABOUT_TYPE(code)                                                                           \
    ((code) == V1_GO_END || (code) == V1_GO_STOP ? V1_LEAVES                                       \
     : (code) == V1_GO_SYS_EXIT                  ? V1_OWNS                                         \
                                                 : 0)
/* On whose state each order waits, if not a goroutine's. */
#define FIXED_FREE          V1_SLOT_FREE
#define FIXED_CREATE        0
#define FIXED_WAITING       0
#define FIXED_START         0
#define FIXED_START_LOCAL   0
#define FIXED_BLOCK         0
#define FIXED_YIELD         0
#define FIXED_UNBLOCK       0
#define FIXED_UNBLOCK_LOCAL 0
#define FIXED_GC            V1_SLOT_GC
/* The type without "...Local". */
#define PLAIN_TYPE(code)                                                                           \
    ((code) == V1_GO_START_LOCAL      ? V1_GO_START                                                \
     : (code) == V1_GO_UNBLOCK_LOCAL  ? V1_GO_UNBLOCK                                              \
     : (code) == V1_GO_SYS_EXIT_LOCAL ? V1_GO_SYS_EXIT                                             \
                                      : (code))

#define MASK(yes)          ((yes) ? UINT64_MAX : 0)
#define ABOUT(code, order) (ABOUT_##order | ABOUT_TYPE(code))

const struct v1_spec v1_specs[64] = {
#define X(code, ident, title, from, n, has_stack, args, by)                                        \
    [code] = {                                                                                     \
        .name = title,                                                                             \
        .since = from,                                                                             \
        .n_args = n,                                                                               \
        .stack = has_stack,                                                                        \
        .order = V1_##by,                                                                          \
        .about = ABOUT(code, by),                                                                  \
        .plain = PLAIN_TYPE(code),                                                                 \
        .fixed = FIXED_##by,                                                                       \
        .by_slot = (uint32_t)MASK(FIXED_##by == 0),                                                \
        .has_first = MASK(n > 1),                                                                  \
        .has_second = MASK(n > 2),                                                                 \
        .first_stack = (uint32_t)MASK(n == 2 && has_stack),                                        \
        .second_stack = (uint32_t)MASK(n == 3 && has_stack),                                       \
        .names = MASK(ABOUT(code, by) & V1_NAMES),                                                 \
        .owns = MASK(ABOUT(code, by) & V1_NAMES && ABOUT(code, by) & V1_OWNS),                     \
        .begins = MASK(ABOUT(code, by) & V1_BEGINS),                                               \
        .kind = {{{.type = PLAIN_TYPE(code), .order = V1_##by}}, {{.type = PLAIN_TYPE(code)}}},    \
        .stays = MASK((ABOUT(code, by) & (V1_BEGINS | V1_LEAVES)) == 0)},
#include "storage/src/go_v1_events.def"
#undef X
};
