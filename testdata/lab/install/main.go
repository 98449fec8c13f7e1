// Install installs the servers that tests talk to: those named, or all.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"

	"github.com/cloudlark/cloudlark/testdata/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	servers := lab.Servers()
	for _, name := range os.Args[1:] {
		if !slices.ContainsFunc(servers, func(s lab.Server) bool { return s.Name == name }) {
			fmt.Fprintf(os.Stderr, "install: there is no server %q; there are:", name)
			for _, s := range servers {
				fmt.Fprintf(os.Stderr, " %s", s.Name)
			}
			fmt.Fprintln(os.Stderr)
			os.Exit(2)
		}
	}
	for _, s := range servers {
		if len(os.Args) > 1 && !slices.Contains(os.Args[1:], s.Name) {
			continue
		}
		fmt.Printf("installing %s %s\n", s.Name, s.Version)
		if err := lab.Install(ctx, s); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
