// The process that keeps a pod's namespaces while its containers come and go, and that buries whoever is left behind in them.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	told := make(chan os.Signal, 16)
	signal.Notify(told, syscall.SIGTERM, syscall.SIGINT, syscall.SIGCHLD)
	for <-told == syscall.SIGCHLD {
		bury()
	}
}

// Waits for every child that has ended.
func bury() {
	for {
		child, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if child <= 0 || err != nil {
			return
		}
	}
}
