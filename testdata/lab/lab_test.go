package lab

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestMoto(t *testing.T) {
	t.Parallel()
	aws := S3{Moto(t), "us-east-1", "any", "any"}
	body := call(t, aws, "ec2", "GET", "/?Action=DescribeInstances&Version=2016-11-15", 200)
	if !strings.Contains(body, "<reservationSet/>") {
		t.Errorf("DescribeInstances of an empty account: %s", body)
	}
	call(t, aws, "s3", "PUT", "/bucket", 200)
	body = call(t, aws, "s3", "GET", "/", 200)
	if !strings.Contains(body, "<Name>bucket</Name>") {
		t.Errorf("the list of buckets lacks the one just made: %s", body)
	}
	for _, missing := range []string{
		"&ImageId=ami-0123456789abcdef0&InstanceType=t3.micro",
		"&ImageId=ami-03cf127a&InstanceType=none.such",
		"&ImageId=ami-03cf127a&InstanceType=t3.micro&KeyName=none",
	} {
		call(t, aws, "ec2", "GET", "/?Action=RunInstances&Version=2016-11-15&MinCount=1&MaxCount=1"+missing, 400)
	}
	call(t, aws, "ec2", "GET", "/?Action=RunInstances&Version=2016-11-15&MinCount=1&MaxCount=1&ImageId=ami-03cf127a&InstanceType=t3.micro", 200)
}

func TestVersity(t *testing.T) {
	t.Parallel()
	s3 := Versity(t)
	call(t, s3, "s3", "PUT", "/bucket", 200)
	body := call(t, s3, "s3", "GET", "/", 200)
	if !strings.Contains(body, "<Name>bucket</Name>") {
		t.Errorf("the list of buckets lacks the one just made: %s", body)
	}
	s3.SecretKey = "wrong"
	body = call(t, s3, "s3", "GET", "/", 403)
	if !strings.Contains(body, "SignatureDoesNotMatch") {
		t.Errorf("signed with a wrong key: %s", body)
	}
}

func TestEachTestHasItsOwn(t *testing.T) {
	t.Parallel()
	one, two := Versity(t), Versity(t)
	call(t, one, "s3", "PUT", "/bucket", 200)
	if body := call(t, two, "s3", "GET", "/", 200); strings.Contains(body, "<Name>") {
		t.Errorf("another server has a bucket: %s", body)
	}
	one.Endpoint = two.Endpoint
	call(t, one, "s3", "GET", "/", 403)
}

// call sends a request without a body, signed for the service, wants the status
// and returns the answer's body.
func call(t *testing.T, s3 S3, service, method, target string, status int) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s3.Endpoint+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	const content = "UNSIGNED-PAYLOAD"
	now := time.Now().UTC()
	date := now.Format("20060102T150405Z")
	req.Header.Set("X-Amz-Date", date)
	req.Header.Set("X-Amz-Content-Sha256", content)
	const signed = "host;x-amz-content-sha256;x-amz-date"
	canonical := fmt.Sprintf("%s\n%s\n%s\nhost:%s\nx-amz-content-sha256:%s\nx-amz-date:%s\n\n%s\n%[5]s",
		method, req.URL.Path, req.URL.Query().Encode(), req.URL.Host, content, date, signed)
	sum := sha256.Sum256([]byte(canonical))
	scope := strings.Join([]string{now.Format("20060102"), s3.Region, service, "aws4_request"}, "/")
	key := []byte("AWS4" + s3.SecretKey)
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	signature := mac(key, fmt.Sprintf("AWS4-HMAC-SHA256\n%s\n%s\n%x", date, scope, sum))
	req.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
		s3.AccessKey, scope, signed, hex.EncodeToString(signature)))

	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != status {
		t.Fatalf("%s %s: %s, want %d: %s", method, target, resp.Status, status, body)
	}
	return string(body)
}

func mac(key []byte, s string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(s))
	return h.Sum(nil)
}

// A server whose port is lost between its choice and its use takes another: and
// does not take the other's answers for its own.
func TestLostPort(t *testing.T) {
	t.Parallel()
	for _, real := range servers {
		if real == dockerd || real == lxd || real == openStack {
			continue // sockets in folders of their own, and many processes that a controlPlane starts
		}
		t.Run(real.name, func(t *testing.T) {
			t.Parallel()
			s := *real
			tries := 0
			s.command = func(home string, p *process) *exec.Cmd {
				if tries++; tries == 1 {
					l, err := net.Listen("tcp", p.addr)
					for end := time.Now().Add(10 * time.Second); err != nil; l, err = net.Listen("tcp", p.addr) {
						// A process that another test is just starting may still hold what was found free here.
						if time.Now().After(end) {
							t.Fatal(err)
						}
					}
					go http.Serve(l, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
					t.Cleanup(func() { l.Close() })
				}
				return real.command(home, p)
			}
			p := s.start(t)
			if tries != 2 {
				t.Errorf("started %d times, want 2", tries)
			}
			if err := s.ready(p); err != nil {
				t.Error(err)
			}
		})
	}
}

// script is a server that is a shell script, and ready when it prints "ready".
func script(body string) *server {
	return &server{
		name:    "script",
		version: "1",
		install: func(home string) error { return os.WriteFile(filepath.Join(home, "script"), []byte(body), 0o644) },
		command: func(home string, p *process) *exec.Cmd { return exec.Command("sh", filepath.Join(home, "script")) },
		ready: func(p *process) error {
			if !bytes.Contains(p.log(), []byte("ready")) {
				return errors.New("not yet")
			}
			return nil
		},
	}
}

func TestInstalledOnce(t *testing.T) {
	t.Setenv("CLOUDLARK_LAB", t.TempDir())
	var installs, early atomic.Int32
	s := script("")
	s.install = func(home string) error {
		installs.Add(1)
		if final, err := s.home(); err != nil || installed(final) {
			early.Add(1)
		}
		return os.WriteFile(filepath.Join(home, "program"), nil, 0o644)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := s.ensure(io.Discard); err != nil {
				t.Error(err)
			}
			home, _ := s.home()
			if _, err := os.Stat(filepath.Join(home, "program")); err != nil {
				t.Error("not installed, or not wholly:", err)
			}
		})
	}
	wg.Wait()
	if n := installs.Load(); n != 1 {
		t.Errorf("installed %d times", n)
	}
	if early.Load() != 0 {
		t.Error("looks installed while it is being installed")
	}
}

func TestHalfAnInstallationIsNone(t *testing.T) {
	t.Setenv("CLOUDLARK_LAB", t.TempDir())
	s := script("")
	home, err := s.home()
	if err != nil {
		t.Fatal(err)
	}
	good := s.install
	s.install = func(home string) error {
		return errors.Join(os.WriteFile(filepath.Join(home, "half"), nil, 0o644), errors.New("no network"))
	}
	if err := s.ensure(io.Discard); err == nil || !strings.Contains(err.Error(), "no network") {
		t.Errorf("an installation that fails: %v", err)
	}
	if installed(home) {
		t.Error("installed, though that failed")
	}

	// What an installer that was killed leaves.
	if err := os.MkdirAll(filepath.Join(home+".part", "half"), 0o777); err != nil {
		t.Fatal(err)
	}
	s.install = good
	if err := s.ensure(io.Discard); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(home, "half")); err == nil {
		t.Error("the new installation has a part of the old one")
	}
}

func TestInstallNames(t *testing.T) {
	if err := Install(io.Discard, "mto"); err == nil || !strings.Contains(err.Error(), "moto") {
		t.Errorf("got %v, want the names that there are", err)
	}
}

func TestMissingServerIsSkippedByName(t *testing.T) {
	t.Setenv("CLOUDLARK_LAB", t.TempDir())
	t.Setenv("CI", "")
	f := watch(t, func(t testing.TB) { Moto(t) })
	if want := "go run ./testdata/lab/install moto"; !strings.Contains(f.skipped, want) {
		t.Errorf("skipped with %q, failed with %q; want the command %q", f.skipped, f.failed, want)
	}
}

func TestMissingServerIsInstalledInCI(t *testing.T) {
	t.Setenv("CLOUDLARK_LAB", t.TempDir())
	t.Setenv("CI", "true")
	s := script("echo ready; exec sleep 1000")
	good := s.install
	s.install = func(string) error { return errors.New("no network") }
	f := watch(t, func(t testing.TB) { s.start(t) })
	if !strings.Contains(f.failed, "no network") {
		t.Errorf("failed with %q, skipped with %q", f.failed, f.skipped)
	}
	s.install = good
	if f := watch(t, func(t testing.TB) { s.start(t) }); f.failed+f.skipped != "" {
		t.Error(f.failed, f.skipped)
	}
}

func TestServerThatEndsSaysWhy(t *testing.T) {
	t.Setenv("CLOUDLARK_LAB", t.TempDir())
	t.Setenv("CI", "true")
	f := watch(t, func(t testing.TB) { script("echo no such option >&2; exit 3").start(t) })
	for _, want := range []string{"no such option", "exit status 3"} {
		if !strings.Contains(f.failed, want) {
			t.Errorf("failed with %q, want %q", f.failed, want)
		}
	}
}

func TestFailureShowsTheLog(t *testing.T) {
	t.Setenv("CLOUDLARK_LAB", t.TempDir())
	t.Setenv("CI", "true")
	s := script("echo ready; echo 'GET / 500'; exec sleep 1000")
	if f := watch(t, func(t testing.TB) { s.start(t) }); f.logged != "" {
		t.Errorf("a test that passes logs %q", f.logged)
	}
	s.ready = func(p *process) error { // and has written the second line
		if !bytes.Contains(p.log(), []byte("500")) {
			return errors.New("not yet")
		}
		return nil
	}
	f := watch(t, func(t testing.TB) {
		s.start(t)
		t.Fatal("the test's own failure")
	})
	if !strings.Contains(f.logged, "GET / 500") {
		t.Errorf("a test that fails logs %q", f.logged)
	}
}

// A watched test tells what it would have told the testing package.
type watched struct {
	testing.TB
	skipped, failed, logged string
	cleanups                []func()
}

// watch runs f as a test and returns what it told.
func watch(t *testing.T, f func(testing.TB)) *watched {
	w := &watched{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(w)
	}()
	<-done
	for len(w.cleanups) > 0 {
		last := len(w.cleanups) - 1
		f := w.cleanups[last]
		w.cleanups = w.cleanups[:last]
		f()
	}
	return w
}

func (w *watched) Skipf(format string, args ...any) {
	w.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (w *watched) Fatalf(format string, args ...any) {
	w.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (w *watched) Fatal(args ...any)               { w.Fatalf("%s", fmt.Sprint(args...)) }
func (w *watched) Logf(format string, args ...any) { w.logged += fmt.Sprintf(format, args...) }
func (w *watched) Failed() bool                    { return w.failed != "" }
func (w *watched) Cleanup(f func())                { w.cleanups = append(w.cleanups, f) }
