package local

import (
	"path"
	"strings"
	"unicode/utf8"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// own is the driver's folder in a bucket.
const own = ".cloudlark"

// Between slashes, a name is the file's or folder's name as it is. These have
// none and are written instead as
//
//	nothing          .cloudlark~0     between two slashes, before the first, after the last
//	.                .cloudlark~1
//	..               .cloudlark~2
//	.cloudlark…      .cloudlark~3…    what would be taken for the driver's own
//
// and a file after the last slash is told from a folder of the same escape by
// one more ~ at its end: "a/" and "a//b" go together.
const escape = own + "~"

// fileOf returns the path of an object's file in its bucket.
func fileOf(name string) (string, error) {
	switch {
	case name == "":
		return "", op.Errorf(op.InvalidArgument, "an object's name may not be empty")
	case len(name) > 1024:
		return "", op.Errorf(op.InvalidArgument, "object %.40q…: a name has at most 1024 bytes, this has %d", name, len(name))
	case !utf8.ValidString(name):
		return "", op.Errorf(op.InvalidArgument, "object %q: a name is UTF-8", name)
	case strings.ContainsRune(name, 0):
		return "", op.Errorf(op.InvalidArgument, "object %q: a file's name cannot hold a NUL", name)
	}
	segments := strings.Split(name, "/")
	for i, s := range segments {
		file := fileSegment(s)
		if file != s && i == len(segments)-1 {
			file += "~"
		}
		if len(file) > 255 {
			return "", op.Errorf(op.InvalidArgument, "object %.40q…: a file system allows 255 bytes between slashes, this has %d", name, len(file))
		}
		segments[i] = file
	}
	return path.Join(segments...), nil
}

func fileSegment(s string) string {
	switch {
	case s == "":
		return escape + "0"
	case s == ".":
		return escape + "1"
	case s == "..":
		return escape + "2"
	case strings.HasPrefix(s, own):
		return escape + "3" + s[len(own):]
	}
	return s
}

// segmentOf is what a file or folder is called in an object's name; false for
// what is no object's: the driver's own folder.
func segmentOf(file string, dir bool) (string, bool) {
	s, escaped := strings.CutPrefix(file, escape)
	if !escaped {
		return file, !strings.HasPrefix(file, own)
	}
	if !dir {
		s, escaped = strings.CutSuffix(s, "~")
	}
	switch {
	case s == "0":
		s = ""
	case s == "1":
		s = "."
	case s == "2":
		s = ".."
	case strings.HasPrefix(s, "3"):
		s = own + s[1:]
	default:
		return "", false
	}
	return s, escaped
}

func checkBucket(name string) error {
	switch {
	case name == "", name == ".", name == "..", strings.ContainsAny(name, "/\x00"), strings.HasPrefix(name, "."), len(name) > 255:
		return op.Errorf(op.InvalidArgument, "bucket %q: the name of a folder is wanted, of at most 255 bytes, without slashes and not beginning with a dot", name)
	}
	return nil
}
