// tests/bench/go/runtime_bench.go - what tests/bench/runtime_bench.c measures, in Go: the same arguments,
// the same line.  go run runtime_bench.go switch|pingpong|many ... [TRACE]
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/trace"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

func cpu() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func resident() int {
	b, _ := os.ReadFile("/proc/self/statm")
	n, _ := strconv.Atoi(strings.Fields(string(b))[1])
	return n * 4096
}

type stopwatch struct {
	wall time.Time
	cpu  time.Duration
}

func start() stopwatch { return stopwatch{time.Now(), cpu()} }

func (w stopwatch) print(n float64, less time.Duration) {
	fmt.Printf("%.2f %.2f", float64(time.Since(w.wall)-less)/n, float64(cpu()-w.cpu)/n)
}

func benchSwitch(n int) {
	var done sync.WaitGroup
	done.Add(2)
	w := start()
	for range 2 {
		go func() {
			for range n {
				runtime.Gosched()
			}
			done.Done()
		}()
	}
	done.Wait()
	w.print(2*float64(n), 0)
}

func benchPingPong(n, pairs int) {
	var done sync.WaitGroup
	done.Add(pairs)
	w := start()
	for range pairs {
		there, back := make(chan int64), make(chan int64)
		go func() {
			for v := range there {
				back <- v
			}
		}()
		go func() {
			for i := range int64(n) {
				there <- i
				if <-back != i {
					panic("another answer")
				}
			}
			close(there)
			done.Done()
		}()
	}
	done.Wait()
	w.print(float64(n)*float64(pairs), 0)
}

func benchMany(n int) {
	var done sync.WaitGroup
	gate := make(chan struct{})
	runtime.GC()
	before := resident()
	w := start()
	done.Add(n)
	for range n {
		go func() {
			<-gate
			done.Done()
		}()
	}
	for range 1000 {
		runtime.Gosched()
	}
	time.Sleep(20 * time.Millisecond)
	w.print(float64(n), 20*time.Millisecond)
	fmt.Printf(" %.0f ", float64(resident()-before)/float64(n))
	w = start()
	close(gate)
	done.Wait()
	w.print(float64(n), 0)
}

func main() {
	arg := func(i int) int {
		if len(os.Args) <= i {
			fmt.Fprintln(os.Stderr, "usage: switch N | pingpong N P PAIRS | many N  [TRACE]")
			os.Exit(2)
		}
		n, _ := strconv.Atoi(os.Args[i])
		return n
	}
	n, next := arg(2), 3
	if os.Args[1] == "pingpong" {
		next = 5
	}
	if len(os.Args) > next {
		f, err := os.Create(os.Args[next])
		if err != nil {
			panic(err)
		}
		defer f.Close()
		trace.Start(f)
		defer trace.Stop()
	}
	switch os.Args[1] {
	case "switch":
		runtime.GOMAXPROCS(1)
		benchSwitch(n)
	case "pingpong":
		runtime.GOMAXPROCS(arg(3))
		benchPingPong(n, arg(4))
	case "many":
		benchMany(n)
	}
	fmt.Println()
}
