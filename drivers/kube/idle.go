package kube

import (
	"context"
	"encoding/json"
	"net/url"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// Idle answers with a conflict while anything runs in a namespace that is
// neither Kubernetes' own nor, as system says, the provider's.
func (a *API) Idle(ctx context.Context, system func(namespace string) bool) error {
	const own = "metadata.namespace!=kube-system,metadata.namespace!=kube-public,metadata.namespace!=kube-node-lease"
	for _, k := range kinds() {
		for cursor := ""; ; {
			items, next, err := page[json.RawMessage](ctx, a, k.path("", ""), url.Values{"fieldSelector": {own}}, cursor)
			if err != nil {
				return err
			}
			for _, item := range items {
				load, err := k.read(item)
				if err != nil {
					return err
				}
				if !system(load.meta.Namespace) {
					return op.Errorf(op.Conflict, "the cluster still has %s %s/%s: destroy it first", k.name, load.meta.Namespace, load.meta.Name)
				}
			}
			if cursor = next; cursor == "" {
				break
			}
		}
	}
	return nil
}
