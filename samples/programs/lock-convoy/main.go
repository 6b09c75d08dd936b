// lock-convoy: an HTTP server whose handlers share one mutex, and whose holder now and then sleeps
// while it holds it, as code does that logs, or asks another service, under a lock.  Eight clients
// keep it busy; all of them queue behind the one that sleeps.
package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/trace"
	"sync"
	"time"
)

// A counter per page, guarded by one mutex for all pages.
type hits struct {
	mu    sync.Mutex
	pages map[string]int
}

func (h *hits) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := h.count(r.URL.Path)
	fmt.Fprintf(w, "%s was seen %d times\n", r.URL.Path, n)
}

func (h *hits) count(page string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pages[page]++
	if h.pages[page]%40 == 0 {
		writeToAuditLog() // the mistake: everybody waits for this
	}
	return h.pages[page]
}

func writeToAuditLog() {
	time.Sleep(6 * time.Millisecond)
}

func client(url string, page int, until time.Time) {
	for i := 0; time.Now().Before(until); i++ {
		resp, err := http.Get(fmt.Sprintf("%s/page/%d", url, (page+i)%3))
		if err != nil {
			return
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		time.Sleep(700 * time.Microsecond) // a person reads
	}
}

func main() {
	runtime.GOMAXPROCS(4)
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = 16
	server := httptest.NewServer(&hits{pages: map[string]int{}})
	out, err := os.Create(os.Args[1])
	if err != nil {
		panic(err)
	}
	defer out.Close()
	if err := trace.Start(out); err != nil {
		panic(err)
	}
	defer trace.Stop()

	var clients sync.WaitGroup
	until := time.Now().Add(600 * time.Millisecond)
	for i := range 8 {
		clients.Go(func() { client(server.URL, i, until) })
	}
	clients.Wait()
	server.Close()
}
