package transfer

import (
	"path"
	"regexp"
	"strings"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A URL is how people write a location of a provider: CONNECTION://BUCKET/NAME,
// where the connection is one of the configuration, or a driver. The name is as it
// is: nothing is escaped.
type URL struct{ Connection, Bucket, Name string }

var urlForm = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9_.+-]*)://(.*)$`)

// ParseURL reads a URL; ok is false for what is none, as a path is.
func ParseURL(text string) (u URL, ok bool) {
	m := urlForm.FindStringSubmatch(text)
	if m == nil {
		return u, false
	}
	u.Connection = m[1]
	u.Bucket, u.Name, _ = strings.Cut(m[2], "/")
	return u, true
}

func (u URL) String() string { return u.Connection + "://" + u.Bucket + "/" + u.Name }

// NeedBucket is the error for a URL that says no bucket.
func (u URL) NeedBucket() error {
	if u.Bucket == "" {
		return op.Errorf(op.InvalidArgument, "%s://: which bucket? A location is written as %[1]s://BUCKET/NAME", u.Connection)
	}
	return nil
}

// Folder is the URL of what is below its name, as a folder's is: with a slash at the end.
func (u URL) Folder() URL {
	if u.Name != "" && !strings.HasSuffix(u.Name, "/") {
		u.Name += "/"
	}
	return u
}

// Base is the last part of the name.
func (u URL) Base() string { return path.Base(u.Name) }

// Pattern splits a name with *, ? or [ into the part before, up to a slash, and the
// pattern of the rest: see [Filter]. begin is how all that it matches begins.
func (u URL) Pattern() (below URL, pattern, begin string, ok bool) {
	i := strings.IndexAny(u.Name, "*?[")
	if i < 0 {
		return u, "", "", false
	}
	slash := strings.LastIndexByte(u.Name[:i], '/') + 1
	below = u
	below.Name = u.Name[:slash]
	pattern, begin = u.Name[slash:], u.Name[slash:i]
	if !strings.Contains(pattern, "/") {
		pattern = "/" + pattern // of this folder alone
	}
	return below, pattern, begin, true
}
