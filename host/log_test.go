package host

import (
	"bytes"
	"context"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// TestLog holds the lines as they are.
func TestLog(t *testing.T) {
	create := compute.CreateNode{Name: "web", Size: "s", Image: "i", UserData: strings.Repeat("password=hunter2\n", 20),
		Tags: map[string]string{"team": "hunter2"}, SecurityGroups: []string{"sg-1"}, Extra: map[string]any{"admin_password": "hunter2"}}
	for _, c := range []struct {
		what  string
		level slog.Level
		act   func(context.Context, int) error
		in    any
		want  []string
	}{
		{"a read", slog.LevelInfo, allow, compute.GetNode{Node: "n"}, nil},
		{"a read in detail", slog.LevelDebug, allow, compute.GetNode{Node: "n"},
			[]string{"level=DEBUG msg=call op=compute.get_node provider=puppet connection=puppet duration=0s args.node=n"}},
		{"a creation", slog.LevelInfo, allow, create,
			[]string{"level=INFO msg=call op=compute.create_node provider=puppet connection=puppet duration=0s"}},
		{"a creation in detail", slog.LevelDebug, allow, create,
			[]string{`level=DEBUG msg=open provider=puppet family=compute connection=puppet`,
				`level=INFO msg=call op=compute.create_node provider=puppet connection=puppet duration=0s args.name=web args.size=s args.image=i ` +
					`args.user_data.characters=340 args.tags=[team] args.security_groups=[sg-1] args.extra=[admin_password]`}},
		{"a failure", slog.LevelInfo, func(context.Context, int) error {
			return &op.Error{Kind: op.Conflict, Message: "busy", Code: "IncorrectState", RequestID: "r-7"}
		}, compute.GetNode{Node: "n"},
			[]string{"level=WARN msg=call op=compute.get_node provider=puppet connection=puppet duration=0s error.kind=conflict error.message=busy error.code=IncorrectState error.request_id=r-7"}},
		{"a retry", slog.LevelInfo, func(_ context.Context, n int) error {
			if n == 1 {
				return &op.Error{Kind: op.RateLimited, Message: "slowly"}
			}
			return nil
		}, compute.GetNode{Node: "n"},
			[]string{"level=INFO msg=retry op=compute.get_node provider=puppet connection=puppet attempt=1 pause="}},
	} {
		t.Run(c.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: c.level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
					if a.Key == slog.TimeKey {
						return slog.Attr{}
					}
					return a
				}}))
				conn := stage(t, &puppet{act: c.act}, compute.Family, Options{Logger: log})
				o, _ := compute.Family.For(c.in)
				_, _ = conn.Do(t.Context(), o, c.in)
				if c.want == nil && out.Len() > 0 {
					t.Errorf("logged %s", out.String())
				}
				for _, line := range c.want {
					if !strings.Contains(out.String(), line) {
						t.Errorf("logged %s\nwant   %s", out.String(), line)
					}
				}
				if strings.Contains(out.String(), "hunter2") {
					t.Errorf("a secret is in the log: %s", out.String())
				}
			})
		})
	}
}

func TestSecretArguments(t *testing.T) {
	type input struct {
		Token op.Secret `json:"token"`
	}
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	typ := op.TypeOf(reflect.TypeFor[input]())
	log.LogAttrs(t.Context(), slog.LevelInfo, "x", arguments(typ, input{"hunter2"})...)
	if !strings.Contains(out.String(), "token=[redacted]") {
		t.Error(out.String())
	}
}

// TestLogOfAStream: its time is that of reading it.
func TestLogOfAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		conn := stage(t, &puppet{act: allow}, container.Family, Options{Logger: log})
		for range drivers.List[container.LogLine](t.Context(), conn, container.GetContainerLogs{Container: "c"}) {
			time.Sleep(time.Minute)
		}
		if !strings.Contains(out.String(), "op=container.get_container_logs provider=puppet connection=puppet duration=1m0s") {
			t.Error(out.String())
		}
	})
}
