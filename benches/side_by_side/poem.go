// A plain server in Go: it sends a poem to each client, in a goroutine of its own, and closes. It writes no log.
//
//	poem PORT POEM PIDFILE
package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func send(client net.Conn, poem []byte) {
	client.Write(poem)
	client.Close()
}

func serve(listener net.Listener, poem []byte) {
	for {
		client, err := listener.Accept()
		if err == nil {
			go send(client, poem)
		}
	}
}

func main() {
	runtime.GOMAXPROCS(2)
	poem, err := os.ReadFile(os.Args[2])
	must(err)
	listener, err := net.Listen("tcp4", "127.0.0.1:"+os.Args[1])
	must(err)
	must(os.WriteFile(os.Args[3], []byte(fmt.Sprintln(os.Getpid())), 0o644))
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	go serve(listener, poem)
	<-end
	os.Remove(os.Args[3])
}
