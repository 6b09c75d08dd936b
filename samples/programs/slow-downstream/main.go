// slow-downstream: a front server that asks a back server over TCP for each request, on at most two
// connections.  The back server stalls for a while twice a second.  What looks like a slow front is
// network wait, and behind it a queue for a connection.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"time"
)

var stalled atomic.Bool

func backend(w http.ResponseWriter, r *http.Request) {
	for stalled.Load() { // a lock on a table, a full disk, a long collection: seen from here, silence
		time.Sleep(time.Millisecond)
	}
	fmt.Fprintln(w, "forty-two")
}

// front answers with what the back server said, or with an error after 60 ms.
func front(pool *http.Client, back string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 60*time.Millisecond)
		defer cancel()
		request, _ := http.NewRequestWithContext(ctx, "GET", back, nil)
		resp, err := pool.Do(request)
		if err != nil {
			http.Error(w, "the back server did not answer", http.StatusGatewayTimeout)
			return
		}
		defer resp.Body.Close()
		io.Copy(w, resp.Body)
	}
}

func visitor(url string, until time.Time) {
	for time.Now().Before(until) {
		if resp, err := http.Get(url); err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		time.Sleep(6 * time.Millisecond)
	}
}

func main() {
	runtime.GOMAXPROCS(4)
	pool := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 2}}
	back := httptest.NewServer(http.HandlerFunc(backend))
	server := httptest.NewServer(front(pool, back.URL))
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = 16
	out, err := os.Create(os.Args[1])
	if err != nil {
		panic(err)
	}
	defer out.Close()
	if err := trace.Start(out); err != nil {
		panic(err)
	}
	defer trace.Stop()

	var visitors sync.WaitGroup
	until := time.Now().Add(time.Second)
	for range 6 {
		visitors.Go(func() { visitor(server.URL, until) })
	}
	for time.Now().Before(until) {
		time.Sleep(400 * time.Millisecond)
		stalled.Store(true)
		time.Sleep(45 * time.Millisecond)
		stalled.Store(false)
	}
	visitors.Wait()
}
