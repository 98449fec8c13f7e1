package main

import (
	"github.com/spf13/cobra"

	"github.com/cloudlark/cloudlark/builtins/reference"
	"github.com/cloudlark/cloudlark/drivers/all"
)

//go:generate go test -run TestReferenceIsCurrent -update .

// ops is `cloudlark ops [NAME]`.
func (a *app) ops() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "ops [FAMILY | OPERATION]",
		Short: "What operations there are, and what each takes",
		Long: `Show the reference of every operation, of a family, or of one operation:

  cloudlark ops
  cloudlark ops storage
  cloudlark ops compute.create_node
  cloudlark ops --format schema compute.create_node

--format is text, markdown, schema (JSON Schema) or pyi (stubs for editors; always of
everything). -o json is --format schema.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			r := reference.New(all.Providers(stateFolder("sim")))
			name := ""
			if len(args) == 1 {
				name = args[0]
			}
			ops, err := r.Select(name)
			if err != nil {
				return usageError{err}
			}
			if a.flags.output == "json" {
				format = "schema"
			}
			switch format {
			case "text":
				r.Text(a.out, ops)
			case "markdown":
				r.Markdown(a.out, ops)
			case "schema":
				return a.json(a.out, r.Schema(ops))
			case "pyi":
				r.Stubs(a.out)
			default:
				return usage("--format: there is no %q; there are text, markdown, schema and pyi", format)
			}
			return nil
		},
	}
	c.Flags().StringVar(&format, "format", "text", "text, markdown, schema or pyi")
	return c
}
