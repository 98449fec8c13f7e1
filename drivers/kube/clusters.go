package kube

import (
	"iter"
	"sync"

	"github.com/cloudlark/cloudlark/drivers/container"
)

// Running are the ids of those of a list of clusters that run.
func Running(clusters iter.Seq2[container.Cluster, error]) ([]string, error) {
	var ids []string
	for c, err := range clusters {
		if err != nil {
			return nil, err
		}
		if c.State == container.Running {
			ids = append(ids, c.ID)
		}
	}
	return ids, nil
}

// Clusters are the API servers of those of a provider's clusters that a
// connection has spoken to, by id: how one is spoken to is asked once. The zero
// value has none.
type Clusters struct {
	mu   sync.Mutex
	apis map[string]*API // that of a cluster that is gone does no harm
}

// Get returns the API server of a cluster, which open makes if there is none yet.
func (c *Clusters) Get(id string, open func() (*API, error)) (*API, error) {
	c.mu.Lock()
	api := c.apis[id]
	c.mu.Unlock()
	if api != nil {
		return api, nil
	}
	api, err := open()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if other := c.apis[id]; other != nil { // someone was faster
		return other, nil
	}
	if c.apis == nil {
		c.apis = map[string]*API{}
	}
	c.apis[id] = api
	return api, nil
}

// Forget drops the API server of a cluster that is destroyed.
func (c *Clusters) Forget(id string) {
	c.mu.Lock()
	api := c.apis[id]
	delete(c.apis, id)
	c.mu.Unlock()
	if api != nil {
		api.Close()
	}
}

// Close drops the idle connections.
func (c *Clusters) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, api := range c.apis {
		api.Close()
	}
}
