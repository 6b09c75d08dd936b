/* server/src/req_tiles.c - tiles: pictures of lanes, as typed arrays.
 * Not here    a tile's bytes (tile_record.c). */
#include <stdlib.h>
#include <string.h>

#include "server/src/json.h"
#include "server/src/requests.h"
#include "server/src/sets.h"
#include "server/src/shapes.h"
#include "server/src/tile_record.h"

enum {
    MAX_LANES = 1024,
    MAX_TILES = 64,           /* of each lane */
    MAX_BYTES = 32 << 20,     /* of one answer */
    BUDGET_BYTES = 240 << 10, /* of what is painted at once; leaves room for what is not counted */
    MESSAGE_HEADER = 8
};

struct picture { /* the message while it grows */
    struct message *message;
    size_t cap;
};

static unsigned char *reserve(struct picture *p, size_t n, struct fault *f) {
    size_t used = p->message ? p->message->n : 0;
    if (n > MAX_BYTES || used + n > MAX_BYTES) {
        fault_set(f, PV_ELIMIT, -1, "these tiles are more than %d MB; ask for fewer lanes",
                  MAX_BYTES >> 20);
        return NULL;
    }
    if (used + n > p->cap) {
        size_t cap = (used + n) * 2;
        struct message *grown = realloc(p->message, sizeof *grown + LWS_PRE + cap);
        if (!grown) {
            fault_set(f, PV_ENOMEM, -1, "out of memory");
            return NULL;
        }
        if (!p->message) *grown = (struct message){.binary = true};
        p->message = grown;
        p->cap = cap;
    }
    p->message->n += n;
    return message_data(p->message) + used;
}

int lane_parse(const char *text, struct lane *out) {
    static const struct {
        char letter;
        enum lane_kind kind;
    } kinds[] = {{'P', LANE_P}, {'G', LANE_G}, {'M', LANE_M}, {'F', LANE_GROUP}, {'S', LANE_SET}};
    if (strcmp(text, "ALL") == 0) {
        *out = (struct lane){LANE_ALL, 0};
        return 0;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (text[0] != kinds[i].letter) continue;
        char *end;
        if (text[1] != '-' && (text[1] < '0' || text[1] > '9')) return -1;
        *out = (struct lane){kinds[i].kind, strtoll(text + 1, &end, 10)};
        return *end ? -1 : 0;
    }
    return -1;
}

static int read_lane(const cJSON *item, struct lane *out, struct fault *f) {
    const char *text = cJSON_GetStringValue(item);
    if (text && lane_parse(text, out) == 0) return 0;
    return fault_set(f, PV_EUSAGE, -1, "a lane is P0, G17, M3059, F2, S7 or ALL");
}

static int read_lanes(const cJSON *request, struct lane **out, uint32_t *n, struct fault *f) {
    const cJSON *lanes = cJSON_GetObjectItemCaseSensitive(request, "lanes"), *item;
    if (!cJSON_IsArray(lanes)) return fault_set(f, PV_EUSAGE, -1, "'lanes' must be a list");
    if (cJSON_GetArraySize(lanes) > MAX_LANES)
        return fault_set(f, PV_ELIMIT, -1, "no more than %d lanes in a request", (int)MAX_LANES);
    struct lane *read = malloc(((size_t)cJSON_GetArraySize(lanes) + 1) * sizeof *read);
    if (!read) return fault_set(f, PV_ENOMEM, -1, "out of memory");
    *out = read;
    *n = 0;
    cJSON_ArrayForEach(item, lanes) TRY(read_lane(item, &read[(*n)++], f));
    return 0;
}

struct ask { /* what is painted at once */
    struct tile_query q;
    uint32_t i_lane; /* of the request: the first of these */
};

static int add_tiles(struct job *j, struct picture *p, const struct ask *a, struct fault *f) {
    const struct store_info *info = store_info(j->store);
    struct tiles *tiles;
    TRY(job_canceled(j, f));
    TRY(store_tiles(j->store, &a->q, &tiles, f));
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < a->q.n_lanes; i++)
        for (int64_t index = a->q.first; rc == 0 && index < a->q.end; index++) {
            struct tile t;
            int64_t end = (index + 1) << a->q.level; /* in tiles of level 0 */
            bool grows = !info->complete && end > info->duration_ns / TILE_BUCKETS;
            struct tile_record r = {a->i_lane + i, a->q.level, index, grows, {0}};
            rc = tiles_get(tiles, i, index, &t, f);
            unsigned char *at = rc == 0 ? reserve(p, tile_record_bytes(&t, &r), f) : NULL;
            if (at)
                tile_record_put(&t, &r, at);
            else
                rc = f->code;
        }
    tiles_free(tiles);
    return rc;
}

/* Records stand lane by lane, so more tiles of a lane than one painting has go by themselves. */
static int add_lanes(struct job *j, struct picture *p, const struct tile_query *q,
                     struct fault *f) {
    bool many = q->end - q->first > TILES_MAX;
    uint32_t step = many ? 1 : TILES_MAX_LANES;
    for (uint32_t i = 0; i < q->n_lanes; i += step) {
        uint32_t n = q->n_lanes - i < step ? q->n_lanes - i : step;
        for (int64_t first = q->first; first < q->end; first += TILES_MAX) {
            int64_t end = q->end - first < TILES_MAX ? q->end : first + TILES_MAX;
            struct ask a = {{q->lanes + i, n, q->level, first, end, BUDGET_BYTES, q->sets}, i};
            TRY(add_tiles(j, p, &a, f));
        }
    }
    return 0;
}

int req_tiles(struct job *j, struct answer *a, struct fault *f) {
    struct picture p = {0};
    struct lane *lanes = NULL;
    uint32_t n_lanes = 0;
    int64_t level, from, to;
    TRY(arg_int(j->request, "level", 0, TILE_MAX_LEVEL, &level, f));
    int64_t last = (INT64_C(1) << 52) >> level;
    TRY(arg_int(j->request, "from", 0, last, &from, f));
    TRY(arg_int(j->request, "to", from, from + MAX_TILES, &to, f));
    int rc = read_lanes(j->request, &lanes, &n_lanes, f);
    if (rc == 0 && !reserve(&p, MESSAGE_HEADER, f)) rc = f->code;
    struct store_sets *sets = NULL;
    if (rc == 0) rc = sets_take_for(j, lanes, n_lanes, &sets, f);
    struct tile_query q = {lanes, n_lanes, (int)level, from, to, 0, sets};
    if (rc == 0) rc = add_lanes(j, &p, &q, f);
    store_sets_free(sets);
    free(lanes);
    if (rc < 0) {
        free(p.message);
        return rc;
    }
    uint32_t header[] = {j->id, n_lanes * (uint32_t)(to - from)};
    memcpy(message_data(p.message), header, sizeof header);
    p.message->client = j->client;
    a->binary = p.message;
    return 0;
}
