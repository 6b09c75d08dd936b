// gc-assist: a program that allocates faster than the collector's own workers can mark.  The runtime
// makes the allocating goroutines help (mark assist), so that requests become slow exactly while a
// collection runs.  A task is opened for each request, regions show its two halves.
package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/trace"
	"sync"
	"time"
)

type node struct {
	left, right *node
	payload     [400]byte
}

// Something that stays: the collector has to walk all of it in every cycle.
func grow(depth int) *node {
	if depth == 0 {
		return &node{}
	}
	return &node{left: grow(depth - 1), right: grow(depth - 1)}
}

func (n *node) sum() int {
	if n == nil {
		return 0
	}
	return int(n.payload[0]) + n.left.sum() + n.right.sum()
}

func request(ctx context.Context, number int) int {
	ctx, task := trace.NewTask(ctx, "request")
	defer task.End()
	trace.Logf(ctx, "number", "%d", number)
	var tree *node
	trace.WithRegion(ctx, "build", func() { tree = grow(8) })
	var sum int
	trace.WithRegion(ctx, "sum", func() { sum = tree.sum() })
	return sum
}

func main() {
	runtime.GOMAXPROCS(4)
	debug.SetGCPercent(30)
	live := grow(15) // about 27 MB that lives as long as the program
	out, err := os.Create(os.Args[1])
	if err != nil {
		panic(err)
	}
	defer out.Close()
	if err := trace.Start(out); err != nil {
		panic(err)
	}
	defer trace.Stop()

	var workers sync.WaitGroup
	until := time.Now().Add(300 * time.Millisecond)
	for w := range 8 {
		workers.Go(func() {
			for i := 0; time.Now().Before(until); i++ {
				request(context.Background(), w*1000+i)
				time.Sleep(1500 * time.Microsecond)
			}
		})
	}
	workers.Wait()
	runtime.KeepAlive(live)
}
