package wasm

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// families are those that a module can have drivers of.
func families() []*op.Family {
	return []*op.Family{compute.Family, storage.Family, lb.Family, container.Family}
}

func familyNames() []string {
	var names []string
	for _, f := range families() {
		names = append(names, f.Name)
	}
	return names
}

// parseDescription reads and checks what cloudlark_describe answered.
func parseDescription(data []byte) (*abi.Description, error) {
	if err := depth(data); err != nil {
		return nil, fmt.Errorf("the module's description: %w", err)
	}
	d := new(abi.Description)
	if err := json.Unmarshal(data, d); err != nil {
		return nil, fmt.Errorf("the module's description: %w", err)
	}
	if err := d.Check(); err != nil {
		return nil, err
	}
	for name, offer := range d.Families {
		i := slices.IndexFunc(families(), func(f *op.Family) bool { return f.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("the module's description: there is no family %.40q%s", name, op.DidYouMean(name, familyNames()))
		}
		if err := checkOffer(families()[i], offer); err != nil {
			return nil, fmt.Errorf("the module's description: %s: %w", name, err)
		}
	}
	return d, nil
}

func checkOffer(f *op.Family, o abi.Offer) error {
	if len(o.Operations) == 0 {
		return fmt.Errorf("it has no operations")
	}
	for _, name := range o.Operations {
		if _, err := f.Lookup(name); err != nil {
			return fmt.Errorf("operations: %w", err)
		}
	}
	for _, name := range o.HonoursToken {
		if !slices.Contains(o.Operations, name) {
			return fmt.Errorf("honours_token: %.40q is not among the operations", name)
		}
	}
	for name := range o.Missing {
		if _, err := f.Lookup(name); err != nil || slices.Contains(o.Operations, name) {
			return fmt.Errorf("missing: %.40q is no operation that is missing", name)
		}
	}
	for name := range o.Extras {
		if !slices.Contains(o.Operations, name) {
			return fmt.Errorf("extras: %.40q is not among the operations", name)
		}
	}
	return nil
}

// same reports whether a module still says of itself what it said when its
// description was kept.
func same(kept, now *abi.Description) error {
	a, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	b, err := json.Marshal(now)
	if err != nil {
		return err
	}
	if !bytes.Equal(a, b) {
		return fmt.Errorf("the module does not describe itself as it did when it was added")
	}
	return nil
}

// makeProviders makes a provider of each family that the module has.
func (m *Module) makeProviders() []*drivers.Provider {
	d := m.description
	config := configType(d)
	var providers []*drivers.Provider
	for _, f := range families() {
		offer, ok := d.Families[f.Name]
		if !ok {
			continue
		}
		info := drivers.Info{Name: d.Name, Family: f, Title: d.Title, Website: d.Website, Doc: d.Doc, Missing: offer.Missing, Extras: map[string]any{}}
		if info.Title == "" {
			info.Title = d.Name
		}
		if offer.Doc != "" {
			info.Doc += "\n\n" + offer.Doc
		}
		for name, fields := range offer.Extras {
			info.Extras[name] = reflect.Zero(abi.TypeOf(fields).Go).Interface()
		}
		offered := make(map[*op.Op]bool, len(offer.Operations))
		for _, name := range offer.Operations {
			o, _ := f.Lookup(name)
			offered[o] = true
		}
		providers = append(providers, drivers.NewDynamic(info, config, func(o *op.Op) bool { return offered[o] },
			func(ctx context.Context, c any) (op.Invoker, error) { return m.open(ctx, offer, config, c) }))
	}
	return providers
}

// configType is what a connection takes: the module's own values, and those
// that fill its slots.
func configType(d *abi.Description) *op.Type {
	fields := slices.Clone(d.Config)
	for _, c := range d.Credentials {
		for i, name := range c.Fields() {
			f := abi.Field{Name: name, Type: "secret", Help: c.Help}
			if len(c.Fields()) > 1 {
				f.Help = fmt.Sprintf("Of the credential %s. %s", c.Name, c.Help)
			}
			if i < len(c.Env) {
				f.Help += fmt.Sprintf(" $%s if not given.", c.Env[i])
			}
			fields = append(fields, f)
		}
	}
	return abi.TypeOf(fields)
}
