// CoreDNS with the plugins that answer for a cluster's own names. It asks no other server.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/metrics"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
)

func main() {
	// In the order in which they see a question.
	dnsserver.Directives = []string{"reload", "ready", "health", "prometheus", "errors", "kubernetes"}
	coremain.Run()
}
