// Command gen writes what the guest SDKs of other languages take from the
// contracts: their types and the table of operations.
//
//	go run ./wasm-drivers/sdk/internal/gen
package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

var families = []*op.Family{compute.Family, storage.Family, lb.Family, container.Family}

// outputs are the generated files of every language, by path from the
// repository's root. Each language's source adds its own.
func outputs() map[string]string {
	files := map[string]string{}
	maps.Copy(files, rustFiles(families))
	maps.Copy(files, zigFiles(families))
	return files
}

func main() {
	if err := write(); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func write() error {
	for path, text := range outputs() {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
