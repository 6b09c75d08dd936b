/* storage/src/go_sort.c - sorting by time, unstable in exactly Go's way.
 *
 * Go's reader sorts the Ms' next events with slices.SortFunc, and what equal times look like
 * afterwards decides who comes first.  So the same algorithm stands here: pattern-defeating
 * quicksort, with the same thresholds, the same choice of pivots and the same (seeded by length)
 * shuffling.
 * Source      go1.26 src/slices/zsortanyfunc.go; pdqsort: arxiv.org/abs/2106.05123 */
#include "storage/src/go_v2_impl.h"

enum { INSERTION_MAX = 12, NINTHER_MIN = 50, SHIFT_MIN = 50, MAX_SHIFTS = 5, MEDIAN_SWAPS = 12 };
enum pattern { UNKNOWN, INCREASING, DECREASING };

static bool less(const struct go_timed *a, int64_t i, int64_t j) {
    return a[i].time_ns < a[j].time_ns;
}

static void swap(struct go_timed *a, int64_t i, int64_t j) {
    struct go_timed t = a[i];
    a[i] = a[j];
    a[j] = t;
}

static void insertion_sort(struct go_timed *a, int64_t lo, int64_t hi) {
    for (int64_t i = lo + 1; i < hi; i++)
        for (int64_t j = i; j > lo && less(a, j, j - 1); j--) swap(a, j, j - 1);
}

static void sift_down(struct go_timed *a, int64_t root, int64_t n) {
    for (;;) {
        int64_t child = 2 * root + 1;
        if (child >= n) return;
        if (child + 1 < n && less(a, child, child + 1)) child++;
        if (!less(a, root, child)) return;
        swap(a, root, child);
        root = child;
    }
}

static void heap_sort(struct go_timed *a, int64_t n) {
    for (int64_t i = (n - 1) / 2; i >= 0; i--) sift_down(a, i, n);
    for (int64_t i = n - 1; i >= 0; i--) {
        swap(a, 0, i);
        sift_down(a, 0, i);
    }
}

/* The element smaller than the pivot left of it, all others right of it; returns its place. */
static int64_t partition(struct go_timed *a, int64_t lo, int64_t hi, int64_t pivot,
                         bool *was_partitioned) {
    swap(a, lo, pivot);
    int64_t i = lo + 1, j = hi - 1;
    *was_partitioned = true;
    for (;;) {
        while (i <= j && less(a, i, lo)) i++;
        while (i <= j && !less(a, j, lo)) j--;
        if (i > j) break;
        *was_partitioned = false;
        swap(a, i++, j--);
    }
    swap(a, j, lo);
    return j;
}

/* Those equal to the pivot first (none is smaller); returns where the greater ones begin. */
static int64_t partition_equal(struct go_timed *a, int64_t lo, int64_t hi, int64_t pivot) {
    swap(a, lo, pivot);
    int64_t i = lo + 1, j = hi - 1;
    for (;;) {
        while (i <= j && !less(a, lo, i)) i++;
        while (i <= j && less(a, lo, j)) j--;
        if (i > j) return i;
        swap(a, i++, j--);
    }
}

/* A few misplaced elements are put right; true when the whole is sorted then. */
static bool mend(struct go_timed *a, int64_t lo, int64_t hi) {
    int64_t i = lo + 1;
    for (int step = 0; step < MAX_SHIFTS; step++) {
        while (i < hi && !less(a, i, i - 1)) i++;
        if (i == hi) return true;
        if (hi - lo < SHIFT_MIN) return false;
        swap(a, i, i - 1);
        if (i - lo >= 2)
            for (int64_t j = i - 1; j >= 1 && less(a, j, j - 1); j--) swap(a, j, j - 1);
        if (hi - i >= 2)
            for (int64_t j = i + 1; j < hi && less(a, j, j - 1); j++) swap(a, j, j - 1);
    }
    return false;
}

static void break_patterns(struct go_timed *a, int64_t lo, int64_t hi) {
    int64_t n = hi - lo;
    if (n < 8) return;
    uint64_t random = (uint64_t)n;
    uint64_t modulus = (uint64_t)1 << (64 - __builtin_clzll((uint64_t)n));
    int64_t middle = lo + n / 4 * 2;
    for (int64_t i = middle - 1; i <= middle + 1; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        int64_t other = (int64_t)(random & (modulus - 1));
        if (other >= n) other -= n;
        swap(a, i, lo + other);
    }
}

static void order2(const struct go_timed *a, int64_t *i, int64_t *j, int *swaps) {
    if (!less(a, *j, *i)) return;
    int64_t t = *i;
    *i = *j;
    *j = t;
    (*swaps)++;
}

static int64_t median(const struct go_timed *a, int64_t i, int64_t j, int64_t k, int *swaps) {
    order2(a, &i, &j, swaps);
    order2(a, &j, &k, swaps);
    order2(a, &i, &j, swaps);
    return j;
}

static int64_t choose_pivot(const struct go_timed *a, int64_t lo, int64_t hi, enum pattern *hint) {
    int64_t n = hi - lo;
    int64_t i = lo + n / 4, j = lo + n / 4 * 2, k = lo + n / 4 * 3;
    int swaps = 0;
    if (n >= 8) {
        if (n >= NINTHER_MIN) {
            i = median(a, i - 1, i, i + 1, &swaps);
            j = median(a, j - 1, j, j + 1, &swaps);
            k = median(a, k - 1, k, k + 1, &swaps);
        }
        j = median(a, i, j, k, &swaps);
    }
    *hint = swaps == 0 ? INCREASING : swaps == MEDIAN_SWAPS ? DECREASING : UNKNOWN;
    return j;
}

static void reverse(struct go_timed *a, int64_t lo, int64_t hi) {
    for (int64_t i = lo, j = hi - 1; i < j; i++, j--) swap(a, i, j);
}

/* Recursion goes into the smaller half only, so it is at most log2(n) deep. */
static void quick_sort(struct go_timed *a, int64_t lo, int64_t hi, int limit) {
    bool balanced = true, partitioned = true;
    while (hi - lo > INSERTION_MAX) {
        int64_t n = hi - lo;
        if (limit == 0) {
            heap_sort(a + lo, n);
            return;
        }
        if (!balanced) {
            break_patterns(a, lo, hi);
            limit--;
        }
        enum pattern hint;
        int64_t pivot = choose_pivot(a, lo, hi, &hint);
        if (hint == DECREASING) {
            reverse(a, lo, hi);
            pivot = (hi - 1) - (pivot - lo);
            hint = INCREASING;
        }
        if (balanced && partitioned && hint == INCREASING && mend(a, lo, hi)) return;
        if (lo > 0 && !less(a, lo - 1, pivot)) {
            lo = partition_equal(a, lo, hi, pivot);
            continue;
        }
        int64_t middle = partition(a, lo, hi, pivot, &partitioned);
        int64_t n_left = middle - lo, n_right = hi - middle;
        if (n_left < n_right) {
            balanced = n_left >= n / 8;
            quick_sort(a, lo, middle, limit);
            lo = middle + 1;
        } else {
            balanced = n_right >= n / 8;
            quick_sort(a, middle + 1, hi, limit);
            hi = middle;
        }
    }
    insertion_sort(a, lo, hi);
}

void go_sort(struct go_timed *a, uint32_t n) {
    int limit = n ? 32 - __builtin_clz(n) : 0;
    quick_sort(a, 0, (int64_t)n, limit);
}
