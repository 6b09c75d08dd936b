/* tests/unit/refine_test.c - stacks as Go 1.11 to 1.26 write them, and hostile ones, each with the
 * refined reason, the colour and the user's own function that must come out. */
#include <stdio.h>
#include <string.h>

#include "storage/src/refine.h"

static int n_failed;

static void fail(const char *what, const char *got, const char *expected) {
    printf("failed: %s: got \"%s\", expected \"%s\"\n", what, got, expected);
    n_failed++;
}

static const char *const family_names[] = {
#define X(name, token, legend) #name,
#include "storage/src/families.def"
#undef X
};

static const struct wait_case {
    const char *reason, *stack; /* frames leaf first, "|" between */
    const char *name, *family, *user;
} cases[] = {
    /* sync: which lock, or none of the program's at all */
    {"sync", "sync.(*Mutex).Lock|main.f", "sync.(*Mutex).Lock", "SYNC", "main.f"},
    {"sync",
     "internal/sync.(*Mutex).lockSlow|internal/sync.(*Mutex).Lock|sync.(*Mutex).Lock|main.f",
     "sync.(*Mutex).Lock", "SYNC", "main.f"},
    {"sync", "sync.(*Mutex).lockSlow|sync.(*Mutex).Lock|main.f", "sync.(*Mutex).Lock", "SYNC",
     "main.f"},
    {"sync", "sync.(*RWMutex).RLock|main.f", "sync.(*RWMutex).RLock", "SYNC", "main.f"},
    {"sync", "sync.(*RWMutex).RLock|sync.(*rlocker).Lock|main.f", "sync.(*RWMutex).RLock", "SYNC",
     "main.f"},
    {"sync", "sync.(*Mutex).Lock|sync.(*RWMutex).Lock|main.f", "sync.(*RWMutex).Lock", "SYNC",
     "main.f"},
    {"sync", "sync.(*WaitGroup).Wait|main.f", "sync.(*WaitGroup).Wait", "SYNC", "main.f"},
    {"sync", "sync.(*WaitGroup).Wait|golang.org/x/sync/errgroup.(*Group).Wait|main.f",
     "sync.(*WaitGroup).Wait", "SYNC", "golang.org/x/sync/errgroup.(*Group).Wait"},
    {"sync", "sync.(*Mutex).Lock|sync.(*Once).doSlow|sync.(*Once).Do|net/http.f|main.f",
     "sync.(*Once).Do", "SYNC", "main.f"},
    {"sync", "sync.(*Mutex).Lock|main.inside|sync.(*Once).doSlow|sync.(*Once).Do|main.f",
     "sync.(*Mutex).Lock", "SYNC", "main.inside"},
    {"sync",
     "sync.(*Mutex).Lock|sync.(*Pool).pinSlow|sync.(*Pool).pin|sync.(*Pool).Get|fmt.f|main.f",
     "sync.(*Pool).Get", "SYNC", "main.f"},
    {"sync", "sync.(*Mutex).Lock|sync.(*Cond).Wait|main.f", "sync.(*Mutex).Lock", "SYNC", "main.f"},
    {"sync.(*Cond).Wait", "sync.(*Cond).Wait|main.f", "sync.(*Cond).Wait", "SYNC", "main.f"},
    {"sync", "runtime.gcMarkDone|runtime.gcAssistAlloc|runtime.mallocgc|main.f",
     "GC mark termination", "GC", "main.f"},
    {"sync", "runtime.gcMarkDone|runtime.gcBgMarkWorker", "GC mark termination", "GC", ""},
    {"sync", "runtime.gcStart|runtime.mallocgc|main.f", "GC start", "GC", "main.f"},
    {"sync", "runtime.semacquire|runtime.gcStart|runtime.GC|main.f", "GC start", "GC", "main.f"},
    {"sync", "runtime.stopTheWorldGC|runtime.GOMAXPROCS|main.f", "stop the world", "GC", "main.f"},
    {"sync", "runtime.traceAdvance|runtime.(*traceAdvancerState).start.func1", "tracer", "SYS", ""},
    {"sync", "", "sync", "SYNC", ""},
    /* channels */
    {"chan receive", "runtime.chanrecv1|main.f", "chan receive", "CHAN", "main.f"},
    {"chan receive", "runtime.chanrecv2|main.f", "chan receive", "CHAN", "main.f"},
    {"chan receive", "runtime.chanrecv1|runtime.gcBgMarkStartWorkers|runtime.gcStart|main.f",
     "GC start", "GC", "main.f"},
    {"chan receive",
     "runtime.chanrecv1|runtime.(*wakeableSleep).sleep|runtime.traceStartReadCPU.func1",
     "tracer pause", "SYS", ""},
    {"chan receive", "runtime.chanrecv1|runtime.unique_runtime_registerUniqueMapCleanup.func1",
     "unique map cleaner idle", "SYS", ""},
    {"chan send", "runtime.chansend1|main.f", "chan send", "CHAN", "main.f"},
    {"chan send", "", "chan send", "CHAN", ""},
    {"select", "runtime.selectgo|main.f", "select", "SELECT", "main.f"},
    {"select", "runtime.selectgo|reflect.rselect|reflect.Select|main.f", "select", "SELECT",
     "main.f"},
    {"forever", "runtime.block|main.f", "select (no cases)", "SELECT", "main.f"},
    {"forever", "runtime.chanrecv1|main.f", "chan receive (nil chan)", "CHAN", "main.f"},
    {"forever", "runtime.chansend1|main.f", "chan send (nil chan)", "CHAN", "main.f"},
    {"forever", "", "forever", "SYS", ""},
    /* network and files */
    {"network", "internal/poll.(*FD).Read|net.(*netFD).Read|net.(*conn).Read|main.f", "net read",
     "NET", "main.f"},
    {"network", "internal/poll.(*FD).Write|net.(*netFD).Write|net.(*conn).Write|main.f",
     "net write", "NET", "main.f"},
    {"network", "internal/poll.(*FD).ReadFromInet4|net.(*UDPConn).readFrom|main.f", "net read",
     "NET", "main.f"},
    {"network", "internal/poll.(*FD).Accept|net.(*netFD).accept|net/http.(*Server).Serve",
     "net accept", "NET", ""},
    {"network", "internal/poll.(*FD).WaitWrite|net.(*netFD).connect|net.(*netFD).dial|main.f",
     "net connect", "NET", "main.f"},
    {"network", "internal/poll.(*FD).Read|os.(*File).read|os.(*File).Read|io.Copy|main.f",
     "file read", "SYS", "main.f"},
    {"network",
     "runtime.netpollblock|internal/poll.runtime_pollWait|internal/poll.(*pollDesc).wait|"
     "internal/poll.(*pollDesc).waitRead|internal/poll.(*FD).Read|net.(*netFD).Read|main.f",
     "net read", "NET", "main.f"},
    {"network", "internal/poll.(*pollDesc).waitWrite|internal/poll.SendFile|net.sendFile|main.f",
     "net write", "NET", "main.f"},
    {"sync",
     "internal/poll.(*fdMutex).rwlock|internal/poll.(*FD).readLock|internal/poll.(*FD).Read|"
     "net.(*netFD).Read|main.f",
     "net read lock", "SYNC", "main.f"},
    {"sync", "internal/poll.runtime_Semacquire|internal/poll.(*FD).Close|net.(*netFD).Close|main.f",
     "net close", "NET", "main.f"},
    {"network", "", "network", "NET", ""},
    /* time */
    {"sleep", "time.Sleep|main.f", "time.Sleep", "SLEEP", "main.f"},
    {"sleep", "runtime.(*scavengerState).sleep|runtime.bgscavenge", "scavenger pause", "SYS", ""},
    /* the collector and the runtime's own goroutines */
    {"GC mark assist wait for work", "runtime.gcParkAssist|runtime.gcAssistAlloc|main.f",
     "GC mark assist", "GC", "main.f"},
    {"GC background sweeper wait", "runtime.goparkunlock|runtime.bgsweep", "GC sweeper idle", "SYS",
     ""},
    {"system goroutine wait", "runtime.gopark|runtime.gcBgMarkWorker", "GC worker idle", "SYS", ""},
    {"system goroutine wait", "runtime.(*scavengerState).park|runtime.bgscavenge", "scavenger idle",
     "SYS", ""},
    {"system goroutine wait", "runtime/trace.Start.func1", "trace reader idle", "SYS", ""},
    {"system goroutine wait",
     "runtime.goparkunlock|runtime.(*cleanupQueue).dequeue|runtime.runCleanups", "cleanup idle",
     "SYS", ""},
    {"wait until GC ends", "runtime.goparkunlock|runtime.gcWaitOnMark|runtime.GC|main.f",
     "runtime.GC", "GC", "main.f"},
    {"preempted", "runtime.selectgo|main.f", "preempted", "SYS", "main.f"},
    /* no reason recorded: only the stack can tell */
    {"", "", "unknown", "SYS", ""},
    {"", "main.f", "unknown", "SYS", "main.f"},
    {"", "runtime.gopark|runtime.chanrecv|runtime.chanrecv1|main.f", "chan receive", "CHAN",
     "main.f"},
    {"", "runtime.gopark|runtime.goparkunlock|runtime.forcegchelper", "forced GC helper idle",
     "SYS", ""},
    {"", "iter.Pull[...]|main.f", "coroutine switch", "SYS", "main.f"},
    {"synctest", "internal/synctest.Wait|testing/synctest.Wait|main.f", "synctest.Wait", "SYNC",
     "main.f"},
    /* reasons that this table does not know, printable or not */
    {"sync.(*Kond).Wait", "", "sync.(*Kond).Wait", "SYS", ""},
    {"a\x01"
     "b\xff"
     "c",
     "",
     "a\xef\xbf\xbd"
     "b\xef\xbf\xbd"
     "c",
     "SYS", ""},
    {"\xed\xa0\x80", "", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "SYS", ""}, /* a surrogate */
    {"\xe4\xbd\xa0\xe5\xa5\xbd", "", "\xe4\xbd\xa0\xe5\xa5\xbd", "SYS", ""},
};

static uint32_t add(struct dict *d, const char *s) {
    return dict_add_string(d, s, strlen(s));
}

static uint32_t add_stack(struct dict *d, const char *text) {
    struct frame frames[16];
    uint32_t n = 0;
    memset(frames, 0, sizeof frames);
    while (*text) {
        size_t length = strcspn(text, "|");
        frames[n++].func = dict_add_string(d, text, length);
        text += length + (text[length] == '|');
    }
    return n ? dict_add_stack(d, frames, n) : 0;
}

static void test_cases(void) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct wait_case *c = &cases[i];
        struct dict *d = dict_new();
        struct refined r;
        refine_wait(d, add(d, c->reason), add_stack(d, c->stack), &r);
        char what[512], user[256];
        snprintf(what, sizeof what, "[%s] %s", c->reason, c->stack);
        struct text u = dict_string(d, r.user_func);
        snprintf(user, sizeof user, "%.*s", (int)u.n, u.data ? u.data : "");
        if (strcmp(r.name, c->name)) fail(what, r.name, c->name);
        if (strcmp(family_names[r.family], c->family))
            fail(what, family_names[r.family], c->family);
        if (strcmp(user, c->user)) fail(what, user, c->user);
        dict_free(d);
    }
}

/* A reason of any length ends inside the name, between two characters. */
static void test_long_reason(void) {
    struct dict *d = dict_new();
    char reason[300];
    for (size_t i = 0; i < sizeof reason; i += 3) memcpy(reason + i, "\xe2\x82\xac", 3);
    struct refined r;
    refine_wait(d, dict_add_string(d, reason, sizeof reason), 0, &r);
    size_t n = strlen(r.name);
    if (n % 3 || n < sizeof r.name - 4)
        fail("long reason", r.name, "whole characters, as many as fit");
    dict_free(d);
}

static void test_library(void) {
    static const struct {
        const char *name;
        int library;
    } names[] = {
        {"sync.(*Mutex).Lock", 1},
        {"net/http.(*conn).serve", 1},
        {"vendor/golang.org/x/net/http2/hpack.(*Decoder).Write", 1},
        {"slices.SortFunc[...]", 1},
        {"internal/sync.(*HashTrieMap[...]).All", 1},
        {"unique.addUniqueMap[go.shape.struct { main.x int }].func1", 1},
        {"runtime.goexit", 1},
        {"crosscall2", 1},
        {"", 1},
        {"type:.eq.main.T", 1},
        {"main.main", 0},
        {"main.Map[net/http.Header]", 0},
        {"main.(*Set[go.shape.int,time.Duration]).Add", 0},
        {"main.main.func1.2", 0},
        {"github.com/a/b/sync.(*Mutex).Lock", 0},
        {"gopkg.in/yaml%2ev3.Unmarshal", 0},
        {"golang.org/x/sync/errgroup.(*Group).Go.func1", 0},
        {"myapp/internal/store.(*DB).Get", 0},
        {"command-line-arguments.TestX", 0},
        {"net/http_test.BenchmarkServer", 0},
        {"plugin/unnamed-0123.Run", 0},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct text t = {names[i].name, strlen(names[i].name)};
        if (refine_is_library(t) != names[i].library)
            fail(names[i].name, names[i].library ? "own" : "library",
                 names[i].library ? "library" : "own");
    }
}

static void test_start_functions(void) {
    static const struct {
        const char *name;
        enum go_kind kind;
    } starts[] = {
        {"runtime.gcBgMarkWorker", GO_KIND_GC},
        {"runtime.bgsweep", GO_KIND_GC},
        {"runtime.bgscavenge", GO_KIND_GC},
        {"runtime.forcegchelper", GO_KIND_RUNTIME},
        {"runtime.(*traceAdvancerState).start.func1", GO_KIND_RUNTIME},
        {"runtime/trace.Start.func1", GO_KIND_RUNTIME},
        {"runtime.main", GO_KIND_USER},
        {"runtime.corostart", GO_KIND_USER},
        {"runtime.cgocallback", GO_KIND_USER},
        {"net/http.(*conn).serve", GO_KIND_USER},
        {"main.main.func1", GO_KIND_USER},
        {"", GO_KIND_USER},
    };
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        struct text t = {starts[i].name, strlen(starts[i].name)};
        if (refine_start_function(t) != starts[i].kind)
            fail(starts[i].name, "another kind", "its kind");
    }
}

int main(void) {
    test_cases();
    test_long_reason();
    test_library();
    test_start_functions();
    return n_failed != 0;
}
