//go:build wasip1

package sim

import (
	"context"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// openFolder has nothing to open: a WASM module has no files.
func openFolder(_ context.Context, folder string) (store, error) {
	return nil, op.Errorf(op.Unsupported, "the folder %s cannot be opened from WebAssembly: keep the cloud in memory", folder)
}
