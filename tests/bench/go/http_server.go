// tests/bench/go/http_server.go - what samples/http-server.c serves, in Go: go run http_server.go
package main

import (
	"fmt"
	"net"
	"net/http"
	"sync"
)

var (
	lock   sync.Mutex
	visits int64
	lines  = make(chan int64, 1)
)

func answer(w http.ResponseWriter, _ *http.Request) {
	lock.Lock()
	visits++
	n := visits
	lock.Unlock()
	if n%64 == 0 {
		lines <- n
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprint(w, "hello, world!\n")
}

func main() {
	go func() {
		for range lines {
		}
	}()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("http://%s/\n", listener.Addr())
	panic(http.Serve(listener, http.HandlerFunc(answer)))
}
