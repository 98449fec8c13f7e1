package op_test

import (
	"testing"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// typeNamed is the type of that name that an operation answers with.
func typeNamed(f *op.Family, name string) *op.Type {
	for _, o := range f.Ops {
		if o.Out() != nil && o.Out().Name == name {
			return o.Out()
		}
	}
	return nil
}

// TestFamilies reads every row of every contract, so that a wrong tag, a
// missing help or a method that cannot be bound is found here.
func TestFamilies(t *testing.T) {
	for _, f := range []*op.Family{compute.Family, storage.Family, lb.Family, container.Family} {
		for _, o := range f.Ops {
			t.Run(o.String(), func(t *testing.T) {
				for _, typ := range []*op.Type{o.In(), o.Out()} {
					if typ == nil {
						continue
					}
					if typ.Schema() == nil {
						t.Error("no schema")
					}
					for _, field := range typ.Fields {
						if field.Help == "" {
							t.Errorf("%s.%s has no help", typ.Name, field.Name)
						}
					}
				}
				if o.Doc == "" || o.Summary() == "" {
					t.Error("no doc")
				}
				if o.Receiver != "" {
					bound := false
					for _, field := range o.In().Fields {
						bound = bound || field.Ref == o.Receiver
					}
					if out := typeNamed(f, o.Receiver); out != nil && out.Field(o.Method) != nil {
						t.Errorf("%s has a field %s as well as a method", o.Receiver, o.Method)
					}
					if !bound {
						t.Errorf("no field of %s refers to a %s", o.In().Name, o.Receiver)
					}
				}
			})
		}
	}
}
