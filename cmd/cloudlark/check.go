package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/cloudlark/cloudlark/builtins"
	"github.com/cloudlark/cloudlark/builtins/check"
	"github.com/cloudlark/cloudlark/host/wasm"
)

// check is `cloudlark check SCRIPT…`.
func (a *app) check() *cobra.Command {
	return &cobra.Command{
		Use:   "check SCRIPT…",
		Short: "Find mistakes in scripts without running them",
		Long: `Check scripts without running them: whether they parse, whether every name is
defined, and whether calls fit the operation table: misspelt operations, arguments and
attributes, missing arguments, values of a wrong type. Ends with exit code 2 if
something is found.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			problems := []check.Problem{}
			for _, path := range args {
				root, file, err := openScript(path)
				if err != nil {
					return err
				}
				found, err := a.problems(root, file)
				root.Close()
				if err != nil {
					return usageError{err}
				}
				for i := range found {
					found[i].File = filepath.Join(root.Name(), found[i].File)
				}
				problems = append(problems, found...)
			}
			if a.flags.output == "json" {
				if err := a.json(a.out, problems); err != nil {
					return err
				}
			} else {
				for _, p := range problems {
					fmt.Fprintln(a.out, p)
				}
			}
			if len(problems) > 0 {
				return usage("problems: %d", len(problems))
			}
			return nil
		},
	}
}

// problems checks one script, with the drivers that it would have.
func (a *app) problems(root *os.Root, file string) ([]check.Problem, error) {
	providers := builtIn()
	sources, err := modules(root.Name())
	if err != nil {
		return nil, err
	}
	for _, s := range sources {
		m, err := wasm.Load(context.Background(), s, wasm.Options{CacheDir: cacheFolder("compiled"), Logger: a.logger()})
		if err != nil {
			return nil, err
		}
		defer m.Close()
		providers = append(providers, m.Providers()...)
	}
	families := families(providers)
	return check.Check(check.Options{FS: root.FS(), Path: file, Families: families, Providers: providers,
		Names: builtins.Names(builtins.Options{Families: families})})
}
