package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cloudlark/cloudlark/host"
)

// connections is `cloudlark connections`.
func (a *app) connections() *cobra.Command {
	return &cobra.Command{
		Use:   "connections",
		Short: "The connections of cloudlark.toml",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, args []string) error {
			h, err := a.host(".") // checks the file against the drivers
			if err != nil {
				return err
			}
			defer h.Close()
			path := a.flags.config
			if path == "" {
				if path, err = host.FindConfig("."); err != nil {
					return err
				}
			}
			config := &host.Config{}
			if path != "" {
				if config, err = host.LoadConfig(path); err != nil {
					return usageError{err}
				}
			}
			names := slices.Sorted(maps.Keys(config.Connections))
			if a.flags.output == "json" {
				type row struct {
					Name    string   `json:"name"`
					Drivers []string `json:"drivers"`
					Keys    []string `json:"keys"`
				}
				rows := []row{}
				for _, n := range names {
					conn := config.Connections[n]
					rows = append(rows, row{n, conn.Drivers, slices.Sorted(maps.Keys(conn.Values))})
				}
				return a.json(a.out, map[string]any{"file": path, "connections": rows})
			}
			if path == "" {
				fmt.Fprintf(a.out, "There is no %s here, above, or among your configuration: drivers are named directly.\n", host.ConfigName)
				return nil
			}
			var rows [][]string
			for _, n := range names {
				conn := config.Connections[n]
				rows = append(rows, []string{n, strings.Join(conn.Drivers, " "), strings.Join(slices.Sorted(maps.Keys(conn.Values)), " ")})
			}
			fmt.Fprintln(a.out, path)
			a.table([]string{"NAME", "DRIVER", "CONFIGURES"}, rows)
			return nil
		},
	}
}
