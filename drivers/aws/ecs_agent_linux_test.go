package aws

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/google/shlex"
	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"golang.org/x/sys/unix"
)

// An agent stands in for what moto does not have: the operation ExecuteCommand,
// and the Session Manager with its agent in the container, behind one endpoint
// that hands everything else to moto. It speaks the data channel as the
// public sources of the agent and of the plugin for the AWS command line do, by
// a codec of its own, splits the command into words with the agent's library, and
// runs it on this machine, in a real terminal.
type agent struct {
	t      *testing.T
	server *httptest.Server
	keys   *kms.Client

	key   string      // of KMS, by which sessions are encrypted; empty if they are not
	deaf  atomic.Bool // input gets lost
	rough bool        // messages get lost, come twice, and out of order

	mu       sync.Mutex
	commands map[string]string // what is to run, by token
	targets  map[string]string // the task's, by token
	ended    chan string       // each command that ended
}

func newAgent(t *testing.T, moto string, keys *kms.Client) *agent {
	a := &agent{t: t, keys: keys, commands: map[string]string{}, targets: map[string]string{}, ended: make(chan string, 100)}
	target, err := url.Parse(moto)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".ExecuteCommand") {
			a.executeCommand(w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	})
	mux.HandleFunc("/v1/data-channel/{session}", a.dataChannel)
	a.server = httptest.NewServer(mux)
	t.Cleanup(a.server.Close)
	return a
}

func (a *agent) executeCommand(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Cluster, Task, Container, Command string
		Interactive                       bool
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || !in.Interactive || in.Command == "" || in.Task == "" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"__type": "InvalidParameterException", "message": "%+v, %v"}`, in, err)
		return
	}
	token, session := rand.Text(), "ecs-execute-command-"+rand.Text()
	a.mu.Lock()
	a.commands[token] = in.Command
	a.targets[token] = "ecs:" + path.Base(in.Cluster) + "_" + path.Base(in.Task) + "_"
	a.mu.Unlock()
	stream := "ws" + strings.TrimPrefix(a.server.URL, "http") + "/v1/data-channel/" + session + "?role=publish_subscribe"
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(map[string]any{"clusterArn": in.Cluster, "taskArn": in.Task, "containerName": in.Container, "interactive": true,
		"session": map[string]string{"sessionId": session, "streamUrl": stream, "tokenValue": token}})
}

// wire is the header of a message, field by field.
type wire struct {
	HeaderLength uint32
	Type         [32]byte
	Version      uint32
	Created      uint64
	Sequence     int64
	Flags        uint64
	IDLow        [8]byte
	IDHigh       [8]byte
	Digest       [32]byte
	PayloadType  uint32
	Length       uint32
}

// An agentSession is one session as the agent sees it.
type agentSession struct {
	*agent
	id     string
	target string
	conn   *websocket.Conn
	write  cipher.AEAD
	read   cipher.AEAD

	mu       sync.Mutex
	next     int64
	unacked  map[int64][]byte
	held     []byte // rough: sent after the one that follows
	expected int64
	early    map[int64]wireMessage
	seen     map[int64]int
	input    chan wireMessage
}

type wireMessage struct {
	wire
	body []byte
}

func (a *agent) dataChannel(w http.ResponseWriter, r *http.Request) {
	conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	var hello struct{ MessageSchemaVersion, RequestId, TokenValue, ClientId, ClientVersion string }
	form, text, err := conn.ReadMessage()
	if err != nil || form != websocket.TextMessage || json.Unmarshal(text, &hello) != nil || hello.MessageSchemaVersion != "1.0" || hello.ClientVersion == "" ||
		uuid.Validate(hello.RequestId) != nil || uuid.Validate(hello.ClientId) != nil {
		a.t.Errorf("the channel is opened with %s, %v", text, err)
		return
	}
	a.mu.Lock()
	command, known := a.commands[hello.TokenValue]
	target := a.targets[hello.TokenValue]
	delete(a.commands, hello.TokenValue)
	a.mu.Unlock()
	if !known {
		a.t.Errorf("the token is %q", hello.TokenValue)
		return
	}
	s := &agentSession{agent: a, id: r.PathValue("session"), target: target, conn: conn, unacked: map[int64][]byte{}, early: map[int64]wireMessage{}, seen: map[int64]int{},
		input: make(chan wireMessage, 1000)}
	go s.receive()
	if s.rough {
		again, stop := time.NewTicker(300*time.Millisecond), make(chan struct{})
		defer again.Stop()
		defer close(stop)
		go func() {
			for {
				select {
				case <-again.C:
					s.resend()
				case <-stop:
					return
				}
			}
		}()
	}
	s.serve(command)
}

// send sends a message of the output stream.
func (s *agentSession) send(payloadType uint32, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.write != nil && payloadType == 1 {
		nonce := make([]byte, 12)
		_, _ = rand.Read(nonce)
		body = append(nonce, s.write.Seal(nil, nonce, body, nil)...)
	}
	data := pack("output_stream_data", s.next, 0, payloadType, body)
	s.unacked[s.next] = data
	s.next++
	switch {
	case s.rough && s.held == nil && s.next > 2 && s.next%3 == 0:
		s.held = data
	case s.rough && s.held != nil:
		_ = s.conn.WriteMessage(websocket.BinaryMessage, data)
		_ = s.conn.WriteMessage(websocket.BinaryMessage, s.held)
		_ = s.conn.WriteMessage(websocket.BinaryMessage, s.held)
		s.held = nil
	default:
		_ = s.conn.WriteMessage(websocket.BinaryMessage, data)
	}
}

func pack(kind string, sequence int64, flags uint64, payloadType uint32, body []byte) []byte {
	h := wire{HeaderLength: 116, Version: 1, Created: uint64(time.Now().UnixMilli()), Sequence: sequence, Flags: flags, Digest: sha256.Sum256(body), PayloadType: payloadType, Length: uint32(len(body))}
	copy(h.Type[:], fmt.Sprintf("%-32s", kind))
	id := uuid.New()
	copy(h.IDLow[:], id[8:])
	copy(h.IDHigh[:], id[:8])
	var b bytes.Buffer
	_ = binary.Write(&b, binary.BigEndian, h)
	b.Write(body)
	return b.Bytes()
}

// receive takes what the client sends, in order.
func (s *agentSession) receive() {
	defer close(s.input)
	for {
		form, data, err := s.conn.ReadMessage()
		if err != nil {
			return
		}
		var m wireMessage
		if err := binary.Read(bytes.NewReader(data), binary.BigEndian, &m.wire); err != nil || form != websocket.BinaryMessage {
			s.t.Errorf("a message: %v", err)
			return
		}
		m.body = data[120:]
		if m.HeaderLength != 116 || int(m.Length) != len(m.body) || m.Digest != sha256.Sum256(m.body) || m.Version != 1 {
			s.t.Errorf("a message: %+v of %d bytes", m.wire, len(m.body))
		}
		switch kind := strings.TrimSpace(string(m.Type[:])); kind {
		case "acknowledge":
			var ack map[string]any
			if err := json.Unmarshal(m.body, &ack); err != nil || ack["AcknowledgedMessageType"] != "output_stream_data" || ack["IsSequentialMessage"] != true {
				s.t.Errorf("an acknowledgement: %s, %v", m.body, err)
			}
			n := int64(ack["AcknowledgedMessageSequenceNumber"].(float64))
			s.mu.Lock()
			if data, ok := s.unacked[n]; ok { // the id is that of the message
				id := uuid.MustParse(ack["AcknowledgedMessageId"].(string))
				if !bytes.Equal(id[8:], data[64:72]) || !bytes.Equal(id[:8], data[72:80]) {
					s.t.Errorf("message %d is acknowledged as %s", n, id)
				}
			}
			delete(s.unacked, n)
			s.mu.Unlock()
		case "input_stream_data":
			if s.seen[m.Sequence]++; s.rough && m.Sequence%4 == 1 && s.seen[m.Sequence] == 1 {
				continue // lost
			}
			if s.deaf.Load() && m.PayloadType == 1 {
				continue
			}
			low, high := m.IDLow, m.IDHigh
			id := uuid.UUID(append(high[:], low[:]...))
			ack, _ := json.Marshal(map[string]any{"AcknowledgedMessageType": kind, "AcknowledgedMessageId": id.String(), "AcknowledgedMessageSequenceNumber": m.Sequence, "IsSequentialMessage": true})
			s.mu.Lock()
			_ = s.conn.WriteMessage(websocket.BinaryMessage, pack("acknowledge", 0, 3, 0, ack))
			s.mu.Unlock()
			if m.Sequence >= s.expected {
				s.early[m.Sequence] = m
			}
			for {
				m, ok := s.early[s.expected]
				if !ok {
					break
				}
				delete(s.early, s.expected)
				s.expected++
				s.input <- m
			}
		default:
			s.t.Errorf("a message of the type %q", kind)
		}
	}
}

// serve does what the agent does in a session.
func (s *agentSession) serve(command string) {
	_ = s.conn.WriteMessage(websocket.BinaryMessage, pack("start_publication", 0, 3, 0, nil))
	actions := []any{map[string]any{"ActionType": "SessionType", "ActionParameters": map[string]any{"SessionType": "InteractiveCommands", "Properties": map[string]string{}}}}
	if s.key != "" {
		actions = append(actions, map[string]any{"ActionType": "KMSEncryption", "ActionParameters": map[string]string{"KMSKeyId": s.key}})
	}
	request, _ := json.Marshal(map[string]any{"AgentVersion": "3.3.0.0", "RequestedClientActions": actions})
	s.send(5, request)
	m, ok := <-s.input
	var response struct {
		ClientVersion          string
		ProcessedClientActions []struct {
			ActionType   string
			ActionStatus int
			ActionResult struct{ KMSCipherTextKey []byte }
		}
		Errors []string
	}
	if !ok || m.PayloadType != 6 || json.Unmarshal(m.body, &response) != nil || len(response.ProcessedClientActions) != len(actions) || response.ClientVersion == "" {
		s.t.Errorf("the handshake is answered with %s", m.body)
		return
	}
	for _, a := range response.ProcessedClientActions {
		if a.ActionStatus != 1 {
			s.close("Handshake failed: " + strings.Join(response.Errors, ", "))
			return
		}
	}
	if s.key != "" && !s.agree(response.ProcessedClientActions[1].ActionResult.KMSCipherTextKey) {
		return
	}
	s.send(7, []byte(`{"HandshakeTimeToComplete": 1000000, "CustomerMessage": ""}`))
	words, err := shlex.Split(command)
	if err != nil {
		s.close("Failed to parse commands input: " + err.Error())
		return
	}
	cmd := exec.Command(words[0], words[1:]...)
	terminal, err := startInTerminal(cmd)
	if err != nil {
		s.close("Failed to start pty: " + err.Error())
		return
	}
	s.t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	go func() {
		for m := range s.input {
			if m.PayloadType == 1 {
				body := m.body
				if s.read != nil {
					if body, err = s.read.Open(nil, body[:12], body[12:], nil); err != nil {
						s.t.Errorf("input: %v", err)
					}
				}
				_, _ = terminal.Write(body)
			}
		}
	}()
	buffer := make([]byte, 1024)
	for {
		n, err := terminal.Read(buffer)
		if n > 0 {
			s.send(1, bytes.Clone(buffer[:n]))
		}
		if err != nil {
			break
		}
	}
	_ = cmd.Wait()
	s.ended <- command
	terminal.Close()
	s.close("")
}

// agree is the agent's part of the encryption: KMS decrypts the keys, and the
// client proves that it has them.
func (s *agentSession) agree(sealed []byte) bool {
	out, err := s.keys.Decrypt(s.t.Context(), &kms.DecryptInput{CiphertextBlob: sealed, EncryptionContext: map[string]string{"aws:ssm:SessionId": s.id, "aws:ssm:TargetId": s.target}})
	if err != nil {
		s.t.Errorf("the keys: %v", err)
		return false
	}
	aead := func(key []byte) cipher.AEAD {
		block, err := aes.NewCipher(key)
		if err != nil {
			s.t.Fatal(err)
		}
		a, _ := cipher.NewGCM(block)
		return a
	}
	write, read := aead(out.Plaintext[:32]), aead(out.Plaintext[32:])
	asked, nonce := []byte(rand.Text()), make([]byte, 12)
	_, _ = rand.Read(nonce)
	body, _ := json.Marshal(map[string][]byte{"Challenge": append(nonce, write.Seal(nil, nonce, asked, nil)...)})
	s.send(8, body)
	m := <-s.input
	var answer struct{ Challenge []byte }
	if err := json.Unmarshal(m.body, &answer); err != nil || m.PayloadType != 9 || len(answer.Challenge) < 12 {
		s.t.Errorf("the challenge is answered with %s, %v", m.body, err)
		return false
	}
	if got, err := read.Open(nil, answer.Challenge[:12], answer.Challenge[12:], nil); err != nil || !bytes.Equal(got, asked) {
		s.t.Errorf("the challenge is answered with %q, %v", got, err)
		return false
	}
	s.mu.Lock()
	s.write, s.read = write, read
	s.mu.Unlock()
	return true
}

// close ends a session once its output has arrived.
func (s *agentSession) close(output string) {
	for s.resend() > 0 {
		time.Sleep(20 * time.Millisecond)
	}
	body, _ := json.Marshal(map[string]any{"MessageType": "channel_closed", "SessionId": s.id, "SchemaVersion": 1, "Output": output})
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.conn.WriteMessage(websocket.BinaryMessage, pack("channel_closed", 0, 3, 0, body))
}

// resend sends what was not acknowledged, unless the client is gone, and reports how
// much that is.
func (s *agentSession) resend() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, data := range s.unacked {
		if s.conn.WriteMessage(websocket.BinaryMessage, data) != nil {
			clear(s.unacked)
			break
		}
	}
	return len(s.unacked)
}

// startInTerminal starts a command in a new terminal, and returns its other end.
func startInTerminal(cmd *exec.Cmd) (io.ReadWriteCloser, error) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer func() {
		if cmd.Process == nil {
			master.Close()
		}
	}()
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		return nil, err
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		return nil, err
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer slave.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	// Tests may run where interrupts are ignored, which the command would inherit.
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	return master, cmd.Start()
}
