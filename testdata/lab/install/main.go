// Install installs the servers that tests talk to: see package lab.
//
//	go run ./testdata/lab/install [name ...]
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/cloudlark/cloudlark/testdata/lab"
)

func main() {
	flag.Usage = func() {
		fmt.Fprintf(os.Stderr, "usage: go run ./testdata/lab/install [name ...]\nservers: %s (all, unless named)\n",
			strings.Join(lab.Names(), ", "))
	}
	flag.Parse()
	if err := lab.Install(os.Stdout, flag.Args()...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
