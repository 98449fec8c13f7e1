package lib

import (
	"os"
	"path"
	"slices"

	"go.starlark.net/starlark"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// env(name, default=None) is an environment variable that is granted.
func env(granted []string) function {
	return func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var name string
		var missing starlark.Value = starlark.None
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, "name", &name, "default?", &missing); err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(granted, func(g string) bool { ok, _ := path.Match(g, name); return ok }) {
			return nil, op.Errorf(op.PermissionDenied, "env: the variable %s is not granted: allow it with --allow-env %s, or with env in the [policy] of cloudlark.toml", name, name)
		}
		if v, ok := os.LookupEnv(name); ok {
			return starlark.String(v), nil
		}
		return missing, nil
	}
}
