package op

import (
	"fmt"
	"io"
	"log/slog"
)

// A Secret is a string that shows itself to nobody by accident: it prints,
// logs and marshals as [redacted]. [Secret.Reveal] is the one way to it.
type Secret string

const redacted = "[redacted]"

// Format is what package fmt asks first, for every verb: with %d, say, it
// would else complain about the string, and print it.
func (Secret) Format(w fmt.State, _ rune) { io.WriteString(w, redacted) }

func (Secret) String() string               { return redacted }
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
func (Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }
