// A TCP relay as a Go programmer would write it: two goroutines for each pair, and io.Copy, which splices
// between two TCP sockets on Linux. Nothing is tuned but what GOMAXPROCS says.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: go-relay LISTEN-HOST:PORT UPSTREAM-HOST:PORT")
		os.Exit(64)
	}
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stderr, "listening on", listener.Addr())
	for {
		client, err := listener.Accept()
		if err != nil {
			// Descriptors ran out, as a rule: there may be some again soon.
			fmt.Fprintln(os.Stderr, err)
			time.Sleep(5 * time.Millisecond)
			continue
		}
		go serve(client.(*net.TCPConn), os.Args[2])
	}
}

func serve(client *net.TCPConn, upstream string) {
	defer client.Close()
	dialled, err := net.Dial("tcp", upstream)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	server := dialled.(*net.TCPConn)
	defer server.Close()
	var up sync.WaitGroup
	up.Add(1)
	go func() {
		defer up.Done()
		forward(server, client)
	}()
	forward(client, server)
	up.Wait()
}

// One direction until its FIN, which is passed on. What was reset takes the other direction along.
func forward(sink, source *net.TCPConn) {
	if _, err := io.Copy(sink, source); err != nil {
		sink.Close()
		source.Close()
		return
	}
	sink.CloseWrite()
}
