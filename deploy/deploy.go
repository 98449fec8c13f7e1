// Package deploy puts files onto machines and runs commands there, over SSH:
//
//	s, err := deploy.Connect(ctx, deploy.Target{
//		Host: "203.0.113.7", User: "debian", Key: key, Wait: 5 * time.Minute,
//		HostKeys: deploy.HostKeys{File: "known_hosts"},
//	})
//	defer s.Close()
//	done, err := s.Deploy(ctx,
//		deploy.File{Path: "/srv/www/index.html", Content: strings.NewReader("hello\n")},
//		deploy.Script{Text: "apt-get install -y nginx", Sudo: true, Creates: "/usr/sbin/nginx"},
//	)
//
// A step that has nothing to change changes nothing, so a deployment can be
// repeated. A file has its final name only when it is whole. The machine's key is
// always checked.
package deploy

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A Step is one part of a deployment.
type Step interface {
	// String names the step in messages.
	String() string
	// apply does it, unless it is done already.
	apply(ctx context.Context, s *Session) (Result, error)
}

// A Result is what became of a command, or of a step.
type Result struct {
	Step    string        `json:"step" help:"The step, or the command."`
	Changed bool          `json:"changed" help:"Whether it did anything: a file that is there already is not sent again."`
	Status  int           `json:"status" help:"The exit status of its command; 0 for steps without one."`
	Stdout  string        `json:"stdout" help:"What its command wrote, the last MiB of it."`
	Stderr  string        `json:"stderr" help:"What its command wrote to standard error, the last MiB of it."`
	Took    time.Duration `json:"took" help:"How long it took."`
}

// Deploy does the steps in their order, up to the first that fails; it returns
// what became of those that were done, the failed one included.
func (s *Session) Deploy(ctx context.Context, steps ...Step) ([]Result, error) {
	var results []Result
	for i, step := range steps {
		begin := time.Now()
		r, err := step.apply(ctx, s)
		r.Step, r.Took = step.String(), time.Since(begin)
		if err == nil && r.Status != 0 {
			err = failure(r)
		}
		results = append(results, r)
		if err != nil {
			e := *op.AsError(err)
			e.Message = fmt.Sprintf("%s: step %d of %d, %s: %s", s.name, i+1, len(steps), step, e.Message)
			return results, &e
		}
	}
	return results, nil
}

// failure is the error of a command that ended badly: its status, and the end of
// what it said.
func failure(r Result) error {
	said := strings.TrimSpace(r.Stderr)
	if said == "" {
		said = strings.TrimSpace(r.Stdout)
	}
	lines := strings.Split(said, "\n")
	if n := len(lines); n > 5 {
		lines = lines[n-5:]
	}
	message := fmt.Sprintf("exit status %d", r.Status)
	if said != "" {
		message += ": " + strings.Join(lines, "\n")
	}
	return &op.Error{Kind: op.Conflict, Code: fmt.Sprintf("exit_%d", r.Status), Message: message}
}

// Quote makes words of a shell of any text: what it stands for is the text, word
// by word.
func Quote(words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		if w != "" && strings.IndexFunc(w, special) < 0 {
			quoted[i] = w
			continue
		}
		quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	return strings.Join(quoted, " ")
}

func special(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:=@%+,", r))
}
