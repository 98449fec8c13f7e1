package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
	"github.com/cloudlark/cloudlark/drivers/storage/transfer"
)

// ls is `cloudlark ls [URL]`.
func (a *app) ls() *cobra.Command {
	m := &moving{app: a}
	var uploads bool
	c := &cobra.Command{
		Use:   "ls CONNECTION://[BUCKET[/NAME]]",
		Short: "List buckets and objects",
		Long: `List a provider's buckets, or what is in one as in a folder; with -r all that is below.

  cloudlark ls s3://                 the buckets
  cloudlark ls s3://docs/2026/       one level
  cloudlark ls -r s3://docs          everything
  cloudlark ls 's3://logs/*.gz'      what matches
  cloudlark ls --uploads s3://docs   what was begun and neither completed nor aborted`,
		Args: cobra.ExactArgs(1),
		RunE: m.with(func(ctx context.Context, args []string) error {
			u, ok := transfer.ParseURL(args[0])
			if !ok {
				return usage("ls: %s is of no provider: that is written as CONNECTION://BUCKET/NAME", args[0])
			}
			conn, err := m.host.Open(ctx, storage.Family.Name, u.Connection, nil)
			if err != nil {
				return err
			}
			out := bufio.NewWriter(a.out)
			l := lister{json: a.flags.output == "json", out: out}
			switch {
			case u.Bucket == "":
				err = lines(l, drivers.List[storage.Bucket](ctx, conn, storage.ListBuckets{}), func(b storage.Bucket) string {
					return fmt.Sprintf("%20s  %s", when(b.CreatedAt), visible(b.Name))
				})
			case uploads:
				err = lines(l, drivers.List[storage.Upload](ctx, conn, storage.ListMultipartUploads{Bucket: u.Bucket, Prefix: u.Name}), func(up storage.Upload) string {
					return fmt.Sprintf("%20s  %s  %s", when(up.CreatedAt), up.ID, visible(up.Name))
				})
			default:
				err = m.listObjects(ctx, conn, u, l)
			}
			return errors.Join(err, out.Flush())
		}),
	}
	c.Flags().BoolVarP(&m.recursive, "recursive", "r", false, "all that is below, not one level")
	c.Flags().BoolVar(&uploads, "uploads", false, "uploads that were neither completed nor aborted")
	c.Flags().StringArrayVar(&m.include, "include", nil, "only names that match the pattern")
	c.Flags().StringArrayVar(&m.exclude, "exclude", nil, "no names that match the pattern")
	return c
}

type lister struct {
	json bool
	out  *bufio.Writer
}

// lines writes items as they come.
func lines[T any](l lister, items func(func(T, error) bool), text func(T) string) error {
	for v, err := range items {
		if err != nil {
			return err
		}
		if l.json {
			err = json.NewEncoder(l.out).Encode(shown(reflect.ValueOf(v), false))
		} else if line := text(v); line != "" {
			_, err = l.out.WriteString(line + "\n")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *moving) listObjects(ctx context.Context, conn *drivers.Conn, u transfer.URL, l lister) error {
	in := storage.ListObjects{Bucket: u.Bucket, Prefix: u.Name, Delimiter: "/"}
	filter := transfer.Filter{Include: m.include, Exclude: m.exclude}
	below := u
	if b, pattern, begin, many := u.Pattern(); many {
		below = b
		in.Prefix = b.Name + begin
		filter.Include = append(filter.Include, pattern)
		if strings.Contains(pattern[1:], "/") {
			in.Delimiter = ""
		}
	}
	if m.recursive {
		in.Delimiter = ""
	}
	found := false
	all := len(filter.Include)+len(filter.Exclude) == 0
	err := lines(l, func(yield func(storage.Object, error) bool) {
		// One that is called like a folder is meant as that.
		for o, err := range transfer.ListObjects(ctx, conn, in) {
			found = found || err == nil
			name := strings.TrimPrefix(o.Name, below.Name)
			if err == nil && !all && !filter.Match(strings.TrimSuffix(name, "/")) {
				continue
			}
			if !yield(o, err) {
				return
			}
		}
	}, func(o storage.Object) string {
		if o.IsPrefix {
			return fmt.Sprintf("%20s  %12s  %s", "", "", visible(o.Name))
		}
		return when(o.LastModified) + "  " + pad(o.Size) + "  " + visible(o.Name)
	})
	if err == nil && !found && u.Name != "" {
		return op.Errorf(op.NotFound, "nothing is at %s", u)
	}
	return err
}

// when is a time of a fixed width.
func when(t time.Time) string {
	if t.IsZero() {
		return strings.Repeat(" ", 20)
	}
	return t.UTC().Format(time.RFC3339)
}

func pad(n int64) string { return fmt.Sprintf("%12d", n) }

// rm is `cloudlark rm URL…`.
func (a *app) rm() *cobra.Command {
	m := &moving{app: a}
	var uploads bool
	var age time.Duration
	c := &cobra.Command{
		Use:   "rm URL…",
		Short: "Delete objects, and uploads that were abandoned",
		Long: `Delete objects: one, what matches a pattern, or with -r all that is below.

  cloudlark rm s3://docs/old.pdf
  cloudlark rm 's3://logs/2024-*'
  cloudlark rm -r s3://docs/2024 --exclude '*.keep' --dry-run
  cloudlark rm --uploads --older-than 24h s3://docs   parts that cost money and are of nothing`,
		Args: cobra.MinimumNArgs(1),
		RunE: m.with(func(ctx context.Context, args []string) error {
			e, t, err := m.engine()
			if err != nil {
				return err
			}
			t.removes = true
			return t.end(each(ctx, args, func(arg string) error {
				u, ok := transfer.ParseURL(arg)
				if !ok {
					return usage("rm: %s is of no provider: that is written as CONNECTION://BUCKET/NAME", arg)
				}
				below, pattern, begin, many := u.Pattern()
				switch {
				case many || uploads:
				case m.recursive:
					below = u.Folder()
				case u.Name == "" || strings.HasSuffix(u.Name, "/"):
					return usage("rm: %s is all that is below it: delete that with -r", arg)
				}
				l, err := m.objects(ctx, below)
				if err != nil {
					return err
				}
				j := m.job(l, transfer.Location{})
				var s transfer.Summary
				switch {
				case uploads:
					s, err = e.RemoveUploads(ctx, j, age)
				case many:
					m.matching(&j, pattern, begin)
					s, err = e.Remove(ctx, j)
				case m.recursive:
					s, err = e.Remove(ctx, j)
				default:
					s, err = e.RemoveOne(ctx, j)
				}
				t.add(s)
				return err
			}))
		}),
	}
	m.flags(c, false)
	c.Flags().BoolVarP(&m.recursive, "recursive", "r", false, "delete all that is below")
	c.Flags().BoolVar(&uploads, "uploads", false, "abort uploads that were neither completed nor aborted")
	c.Flags().DurationVar(&age, "older-than", 0, "with --uploads: only those that were begun longer ago")
	return c
}

// cat is `cloudlark cat URL…`.
func (a *app) cat() *cobra.Command {
	m := &moving{app: a}
	return &cobra.Command{
		Use:   "cat URL…",
		Short: "Write objects to standard output",
		Args:  cobra.MinimumNArgs(1),
		RunE: m.with(func(ctx context.Context, args []string) error {
			e, _, err := m.engine()
			if err != nil {
				return err
			}
			for _, arg := range args {
				u, ok := transfer.ParseURL(arg)
				if !ok || u.Name == "" {
					return usage("cat: %s is no object: that is written as CONNECTION://BUCKET/NAME", arg)
				}
				l, err := m.objects(ctx, u)
				if err != nil {
					return err
				}
				body, _, err := e.Open(ctx, l)
				if err != nil {
					return err
				}
				_, err = io.CopyBuffer(struct{ io.Writer }{a.out}, body, make([]byte, 256<<10))
				if err = errors.Join(err, body.Close()); err != nil {
					return err
				}
			}
			return nil
		}),
	}
}

// presign is `cloudlark presign URL`.
func (a *app) presign() *cobra.Command {
	m := &moving{app: a}
	var method string
	var expires time.Duration
	c := &cobra.Command{
		Use:   "presign URL",
		Short: "Make a URL with which anyone can get or put an object",
		Long: `Make a URL with which anyone can get an object, or put it, until it expires.
What must be sent with it is told on standard error, or with -o json beside it.`,
		Args: cobra.ExactArgs(1),
		RunE: m.with(func(ctx context.Context, args []string) error {
			u, ok := transfer.ParseURL(args[0])
			if !ok || u.Name == "" {
				return usage("presign: %s is no object: that is written as CONNECTION://BUCKET/NAME", args[0])
			}
			conn, err := m.host.Open(ctx, storage.Family.Name, u.Connection, nil)
			if err != nil {
				return err
			}
			made, err := drivers.Call[storage.URL](ctx, conn, storage.PresignObject{Bucket: u.Bucket, Name: u.Name, Method: storage.Method(method),
				Expires: int(expires.Seconds()), ContentType: m.contentType})
			if err != nil {
				return err
			}
			if a.flags.output == "json" {
				return a.json(a.out, made)
			}
			fmt.Fprintln(a.out, made.URL)
			for _, k := range slices.Sorted(maps.Keys(made.Headers)) {
				fmt.Fprintf(a.err, "send with it: %s: %s\n", k, made.Headers[k])
			}
			return nil
		}),
	}
	c.Flags().StringVar(&method, "method", "get", "get or put")
	c.Flags().DurationVar(&expires, "expires", time.Hour, "how long it works")
	c.Flags().StringVar(&m.contentType, "content-type", "", "with --method put: the type that must be sent with it")
	return c
}
