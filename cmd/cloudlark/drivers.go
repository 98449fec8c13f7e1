package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// drivers is `cloudlark drivers [NAME]`.
func (a *app) drivers() *cobra.Command {
	return &cobra.Command{
		Use:   "drivers [NAME]",
		Short: "Which driver can do what",
		Long: `Show every operation of every driver, or all about one driver: its configuration, and
what it lacks. With -o json, an array of objects with name, family, title and operations.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			h, err := a.host(".")
			if err != nil {
				return err
			}
			defer h.Close()
			shown := h.Providers()
			if len(args) == 1 {
				shown = slices.DeleteFunc(slices.Clone(shown), func(p *drivers.Provider) bool { return p.Name != args[0] })
				if len(shown) == 0 {
					return usage("there is no driver %q%s", args[0], op.DidYouMean(args[0], driverNames(h.Providers())))
				}
			}
			switch {
			case a.flags.output == "json":
				return a.json(a.out, matrix(shown))
			case len(args) == 1:
				for _, p := range shown {
					a.provider(p)
				}
			default:
				a.matrix(shown)
			}
			return nil
		},
	}
}

func driverNames(providers []*drivers.Provider) []string {
	var names []string
	for _, p := range providers {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

type matrixRow struct {
	Name       string   `json:"name"`
	Family     string   `json:"family"`
	Title      string   `json:"title"`
	Operations []string `json:"operations"`
}

func matrix(providers []*drivers.Provider) []matrixRow {
	rows := []matrixRow{}
	for _, p := range providers {
		rows = append(rows, matrixRow{p.Name, p.Family.Name, p.Title, op.Table(p.Operations()).Names()})
	}
	return rows
}

// matrix prints a table for each family: operations down, drivers across.
func (a *app) matrix(providers []*drivers.Provider) {
	for i, f := range families(providers) {
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		header := []string{strings.ToUpper(f.Name)}
		var of []*drivers.Provider
		for _, p := range providers {
			if p.Family == f {
				of = append(of, p)
				header = append(header, p.Name)
			}
		}
		var rows [][]string
		for _, o := range f.Ops {
			row := []string{o.Name}
			for _, p := range of {
				mark := "no"
				if p.Offers(o) {
					mark = "yes"
				}
				row = append(row, mark)
			}
			rows = append(rows, row)
		}
		a.table(header, rows)
	}
}

// provider prints all about one driver.
func (a *app) provider(p *drivers.Provider) {
	fmt.Fprintf(a.out, "%s (%s): %s\n", p.Name, p.Family.Name, p.Title)
	if p.Website != "" {
		fmt.Fprintln(a.out, p.Website)
	}
	if p.Doc != "" {
		fmt.Fprintf(a.out, "\n%s\n", strings.TrimSpace(p.Doc))
	}
	fmt.Fprintln(a.out, "\nConfiguration:")
	var rows [][]string
	for _, f := range p.Config.Fields {
		help := f.Help
		if f.Required {
			help += " (required)"
		}
		rows = append(rows, []string{f.Name, f.TypeName(), f.Default, help})
	}
	a.table([]string{"NAME", "TYPE", "DEFAULT", "MEANING"}, rows)
	var lacks []string
	for _, o := range p.Family.Ops {
		if !p.Offers(o) {
			reason := p.Missing[o.Name]
			if reason != "" {
				reason = ": " + reason
			}
			lacks = append(lacks, "  "+o.Name+reason)
		}
	}
	fmt.Fprintf(a.out, "\nOperations: %d of %d\n", len(p.Operations()), len(p.Family.Ops))
	if len(lacks) > 0 {
		fmt.Fprintf(a.out, "It lacks:\n%s\n", strings.Join(lacks, "\n"))
	}
	fmt.Fprintln(a.out)
}
