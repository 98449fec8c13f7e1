// Package abi is what a Cloudlark host and a WebAssembly driver say to each
// other: the messages of ABI version 1, described in docs/driver-abi.md for
// every language, and here for Go. Host and Go SDK use the same package, so
// neither can drift from the other.
package abi

import (
	"fmt"
	"slices"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// Version is the ABI's version.
const Version = 1

// Module is the name of the host's module, and the prefix of a guest's exports.
const Module = "cloudlark"

// A Description is what cloudlark_describe answers with: what a module is, what
// it offers, and what it asks for.
type Description struct {
	ABI         int              `json:"abi"`                  // Version
	Name        string           `json:"name"`                 // what scripts call the driver: "digitalocean"
	Version     string           `json:"version"`              // the driver's own: "1.2.0"
	Title       string           `json:"title"`                // as its owner says it: "DigitalOcean"
	Website     string           `json:"website,omitzero"`     //
	Doc         string           `json:"doc,omitzero"`         // what to know before using it; Markdown
	Families    map[string]Offer `json:"families"`             // by the family's name: "compute"
	Config      []Field          `json:"config,omitzero"`      // what a connection takes beside the credentials
	Hosts       []string         `json:"hosts,omitzero"`       // where requests go: see docs/driver-abi.md for the forms
	Credentials []Credential     `json:"credentials,omitzero"` // what the host shall add to requests
	Memory      int              `json:"memory_mib,omitzero"`  // how much an instance may need, in MiB; 64 if not given
	Stateful    bool             `json:"stateful,omitzero"`    // one instance serves all calls, one after the other, and is kept
}

// An Offer is what a module does for one family.
type Offer struct {
	Doc          string             `json:"doc,omitzero"`           // added to the description's
	Operations   []string           `json:"operations"`             // the rows that it has
	Missing      map[string]string  `json:"missing,omitzero"`       // why the provider lacks a row, where that is its own doing
	Extras       map[string][]Field `json:"extras,omitzero"`        // what a row takes in its argument extra
	HonoursToken []string           `json:"honours_token,omitzero"` // rows that create only once for one idempotency token
}

// A Field describes one value that a user gives.
type Field struct {
	Name     string   `json:"name"`
	Type     string   `json:"type,omitzero"` // see Types; a string if not given
	Required bool     `json:"required,omitzero"`
	Default  string   `json:"default,omitzero"` // as text
	Enum     []string `json:"enum,omitzero"`    // the words that it can be
	Unit     string   `json:"unit,omitzero"`    // "s", "bytes", "MiB", "GiB"
	Ref      string   `json:"ref,omitzero"`     // the contract's type whose id it is
	Help     string   `json:"help"`
}

// Types are the types of a Field.
var Types = []string{"string", "int", "float", "bool", "list", "dict", "any"}

// A Credential is a slot: the user fills it, the host adds it to the requests
// that name it, and the guest never sees it.
type Credential struct {
	Name   string   `json:"name"`            // of the slot, as requests say it, and of its configuration value
	Scheme Scheme   `json:"scheme"`          //
	Header string   `json:"header,omitzero"` // scheme header: its name
	Prefix string   `json:"prefix,omitzero"` // scheme header: what stands before the value
	Hosts  []string `json:"hosts"`           // of the description's, those that it may go to
	Env    []string `json:"env,omitzero"`    // environment variables for its values, in the order of Fields
	Help   string   `json:"help,omitzero"`

	// Scheme sigv4: the service, and the region; either may be a {field} of the configuration.
	Service string `json:"service,omitzero"`
	Region  string `json:"region,omitzero"`

	Optional bool `json:"optional,omitzero"` // requests without it make sense too
}

// Scheme is how a credential becomes part of a request.
type Scheme string

const (
	Bearer Scheme = "bearer" // Authorization: Bearer VALUE
	Basic  Scheme = "basic"  // Authorization: Basic, of a user name and a password
	Header Scheme = "header" // a header of its own
	SigV4  Scheme = "sigv4"  // AWS Signature Version 4
)

// Values makes Scheme an enumeration.
func (Scheme) Values() []string { return []string{"bearer", "basic", "header", "sigv4"} }

// Fields are the names of the configuration values that fill the slot.
func (c Credential) Fields() []string {
	switch c.Scheme {
	case Basic:
		return []string{"username", "password"}
	case SigV4:
		return []string{"access_key_id", "secret_access_key", "session_token"}
	}
	return []string{c.Name}
}

// A Call is what cloudlark_call is handed. Guest and host each use a form of
// their own for Args and Config.
type Call[Args, Config any] struct {
	Family     string `json:"family"`
	Op         string `json:"op"`
	Args       Args   `json:"args"`
	Config     Config `json:"config"`
	Connection string `json:"connection,omitzero"`        // its name in the user's configuration
	Token      string `json:"idempotency_token,omitzero"` // of calls that create or change
	Cursor     string `json:"cursor,omitzero"`            // lists: where the page starts
	TimeoutMS  int64  `json:"timeout_ms,omitzero"`        // how long the host waits at most
}

// An Answer is what cloudlark_call answers with: one of Result, Items with
// Next, and Error; nothing at all where a row answers with nothing but success.
type Answer struct {
	Result any    `json:"result,omitempty"`
	Items  any    `json:"items,omitempty"`
	Next   string `json:"next,omitzero"`
	Error  *Error `json:"error,omitzero"`
}

// An Error is an op.Error on its way.
type Error struct {
	Kind       op.Kind `json:"kind"`
	Message    string  `json:"message"`
	Code       string  `json:"code,omitzero"`
	RequestID  string  `json:"request_id,omitzero"`
	RetryAfter int64   `json:"retry_after_ms,omitzero"`
}

// ErrorOf makes err ready to be sent; nil stays nil.
func ErrorOf(err error) *Error {
	e := op.AsError(err)
	if e == nil {
		return nil
	}
	return &Error{Kind: e.Kind, Message: e.Message, Code: e.Code, RequestID: e.RequestID, RetryAfter: e.RetryAfter.Milliseconds()}
}

const maxRetryAfter = 365 * 24 * 3600 * 1000 // ms: more is no time at all

// Op is the error as it was. A kind that does not exist is a defect of who sent it.
func (e *Error) Op() *op.Error {
	out := &op.Error{Kind: e.Kind, Message: e.Message, Code: e.Code, RequestID: e.RequestID,
		RetryAfter: time.Duration(max(0, min(e.RetryAfter, maxRetryAfter))) * time.Millisecond}
	if out.Message == "" {
		out.Message = "the driver does not say why"
	}
	if !slices.Contains(op.Kinds, e.Kind) {
		out.Kind, out.Message = op.Internal, fmt.Sprintf("an error of the unknown kind %.40s: %s", e.Kind, out.Message)
	}
	return out
}

// A Stream is a body in a message: bytes that the host holds.
type Stream struct {
	Handle int32   `json:"stream"`
	Length *int64  `json:"length,omitzero"` // how many bytes, if known; from the guest: how many there must be
	Verify *Digest `json:"verify,omitzero"` // from the guest: what the bytes must add up to
}

// A Digest is a checksum of a body.
type Digest struct {
	Algorithm string `json:"algorithm"` // see Algorithms
	Sum       string `json:"sum"`       // in lower-case hex
}

// Algorithms are the checksums that a host computes.
var Algorithms = []string{"crc32", "crc32c", "crc64nvme", "md5", "sha1", "sha256"}

// A Send is the request that http_send is handed.
type Send struct {
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitzero"`
	Auth    string            `json:"auth,omitzero"` // the slot to add or to sign with

	Redirect   string `json:"redirect,omitzero"`   // "follow", the default for GET and HEAD; "manual"
	Repeatable bool   `json:"repeatable,omitzero"` // sending it twice does no harm
	Cleanup    bool   `json:"cleanup,omitzero"`    // goes although the call was given up, in the time that the guest has then
	TimeoutMS  int64  `json:"timeout_ms,omitzero"` // until the head of the response is there
}

// A Head is the head of a response.
type Head struct {
	Status  int               `json:"status"`
	URL     string            `json:"url"`     // of the last redirect
	Headers map[string]string `json:"headers"` // names in lower case; several values are joined by ", "
	Length  int64             `json:"length"`  // of the body; -1 if unknown
	Sent    Info              `json:"sent"`    // of the request's body
}

// An Info is what stream_info says of a stream, and a Head of a body that was sent.
type Info struct {
	Length int64  `json:"length"`           // of the whole, if known, else -1
	Moved  int64  `json:"moved"`            // how many bytes have gone through so far
	CRC32C string `json:"crc32c,omitempty"` // of those, in hex
	End    bool   `json:"end,omitzero"`     // there are no more
}

// A Presign is what http_presign is handed; it answers with a [Presigned].
type Presign struct {
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers,omitzero"` // must be sent with it
	Auth      string            `json:"auth"`             // a slot of scheme sigv4
	ExpiresMS int64             `json:"expires_ms"`
}

// Presigned is a URL with a signature in it.
type Presigned struct {
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"` // those that the signature covers, less Host
}
