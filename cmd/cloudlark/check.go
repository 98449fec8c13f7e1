package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/cloudlark/cloudlark/builtins"
	"github.com/cloudlark/cloudlark/builtins/check"
	"github.com/cloudlark/cloudlark/drivers/all"
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
			providers := all.Providers(stateFolder("sim"))
			families := families(providers)
			names := builtins.Names(builtins.Options{Families: families})
			problems := []check.Problem{}
			for _, path := range args {
				root, file, err := openScript(path)
				if err != nil {
					return err
				}
				found, err := check.Check(check.Options{FS: root.FS(), Path: file, Families: families, Providers: providers, Names: names})
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
