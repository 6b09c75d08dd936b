// leaked-goroutines: every lookup asks three replicas and takes the first answer.  The channel has no
// buffer, so that the two slower ones wait for ever to send theirs: the count of goroutines climbs,
// and those of one group never run again.
package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/trace"
	"sync"
	"time"
)

func askReplica(replica, key int) string {
	time.Sleep(time.Duration(200+rand.IntN(1800)) * time.Microsecond)
	return fmt.Sprintf("value of %d from replica %d", key, replica)
}

func firstAnswer(key int) string {
	answers := make(chan string) // the mistake: make(chan string, 3) would let them end
	for replica := range 3 {
		go func() { answers <- askReplica(replica, key) }()
	}
	return <-answers
}

// Another way to leak: a watcher whose stop channel nobody closes.
func watch(stop chan struct{}) {
	tick := time.NewTicker(20 * time.Millisecond)
	for {
		select {
		case <-tick.C:
		case <-stop:
			return
		}
	}
}

func main() {
	runtime.GOMAXPROCS(4)
	out, err := os.Create(os.Args[1])
	if err != nil {
		panic(err)
	}
	defer out.Close()
	if err := trace.Start(out); err != nil {
		panic(err)
	}
	defer trace.Stop()

	for range 3 {
		go watch(make(chan struct{}))
	}
	var users sync.WaitGroup
	until := time.Now().Add(time.Second)
	for u := range 4 {
		users.Go(func() {
			for key := u; time.Now().Before(until); key += 4 {
				firstAnswer(key)
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
	users.Wait()
}
