// Package op is the grammar of Cloudlark's operation table.
//
// Every portable operation is one row of a [Table], made from a method
// expression of a small interface:
//
//	type NodeLister interface {
//		ListNodes(ctx context.Context, in ListNodes) iter.Seq2[Node, error]
//	}
//
//	op.List("list_nodes", NodeLister.ListNodes, "List the nodes …")
//
// From a row follow the script builtin and its keyword arguments, the method
// on a value, the message a WASM driver receives, the capability matrix, the
// reference, the editor stubs and the JSON Schema. A driver is any Go value;
// it offers the operations whose interface its type implements, and nothing
// has to be listed by hand.
//
//	Kind    row made by  method's results           goes through the chain
//	call    Call         (Out, error)               once
//	do      Do           error                      once
//	list    List         iter.Seq2[Out, error]      once for every page
//	stream  Stream       iter.Seq2[Out, error]      once, when it is opened
//
// # Field tags
//
// Inputs, outputs and driver configurations are plain structs. A field is
// described where it stands, and [Type] reads the description:
//
//	json:"name,omitzero"   the name in scripts, messages and schemas
//	op:"required"          must be given (inputs); several flags are separated by commas
//	op:"required,zero"     and 0, False or "" is a value: only a script or a message can leave it out
//	op:"id"                identifies the value (outputs); one field of a type
//	op:"scope"             narrows the identity: an object's bucket (outputs)
//	op:"filter"            keeps the items whose field of the same name matches (list inputs)
//	op:"rest"              a dict that takes the arguments of names that no field has (inputs)
//	op:"whole"             what scripts see in place of the value (outputs)
//	ref:"size"             holds the id of a value of that type; scripts may pass the value
//	default:"30"           taken when the field is not given; of a number 0 is then refused, of a pointer to one it is a value
//	unit:"GiB"             s, bytes, MiB, GiB, USD/h: scripts may write "5m" or "64GiB"
//	source:"EC2 …"         what the providers' APIs call it
//	help:"…"               one line of meaning
//
// A string type with a method Values() []string is an enumeration: its values
// are checked and documented.
//
// The package imports the standard library alone and compiles for
// GOOS=wasip1, so that a driver written in Go is the same source natively and
// as a WASM module.
package op
