package host

import (
	"bytes"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// keyLines says on which line each key of a document is, by its dotted name;
// a table's line is that of its header.
func keyLines(data []byte) map[string]int {
	lines := map[string]int{}
	note := func(prefix string, key unstable.Iterator) string {
		for key.Next() {
			n := key.Node()
			prefix = strings.TrimPrefix(prefix+"."+string(n.Data), ".")
			if lines[prefix] == 0 {
				lines[prefix] = 1 + bytes.Count(data[:n.Raw.Offset], []byte{'\n'})
			}
		}
		return prefix
	}
	var p unstable.Parser
	p.Reset(data)
	table := ""
	for p.NextExpression() {
		switch e := p.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = note("", e.Key())
		case unstable.KeyValue:
			note(table, e.Key())
		}
	}
	return lines
}
