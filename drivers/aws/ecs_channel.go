package aws

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// The data channel of the Session Manager, as its public plugin for the AWS
// command line speaks it: a WebSocket that begins with one JSON text, the token,
// and then carries binary messages, each a header of fixed fields and a payload.
// Data is numbered in both directions, and repeated until it is acknowledged.

// Types of messages.
const (
	inputData        = "input_stream_data"  // to the container
	outputData       = "output_stream_data" // from it
	acknowledge      = "acknowledge"
	channelClosed    = "channel_closed"
	startPublication = "start_publication"
	pausePublication = "pause_publication" // nobody hears: send nothing for now
)

// Types of payloads.
const (
	payloadOutput            = 1 // what is read, and what is written
	payloadHandshakeRequest  = 5
	payloadHandshakeResponse = 6
	payloadChallengeRequest  = 8
	payloadChallengeResponse = 9
)

// Where the fields of a message are. Numbers are big-endian.
const (
	atKind     = 4
	atVersion  = 36
	atCreated  = 40
	atSequence = 48
	atFlags    = 56
	atID       = 64
	atDigest   = 80
	atPayload  = 112 // its type
	atLength   = 116
	atBody     = 120
)

// A channelMessage is one message of a data channel.
type channelMessage struct {
	kind     string
	sequence int64
	flags    uint64 // 1 for the first of a stream, 2 for the last
	id       uuid.UUID
	payload  uint32 // the type of body
	body     []byte
}

func (m channelMessage) encode() []byte {
	b := make([]byte, atBody, atBody+len(m.body))
	binary.BigEndian.PutUint32(b, atLength) // the header's length does not count that of the body
	copy(b[atKind:atVersion], m.kind+strings.Repeat(" ", atVersion-atKind-len(m.kind)))
	binary.BigEndian.PutUint32(b[atVersion:], 1)
	binary.BigEndian.PutUint64(b[atCreated:], uint64(time.Now().UnixMilli()))
	binary.BigEndian.PutUint64(b[atSequence:], uint64(m.sequence))
	binary.BigEndian.PutUint64(b[atFlags:], m.flags)
	copy(b[atID:], m.id[8:]) // the lower half comes first
	copy(b[atID+8:], m.id[:8])
	digest := sha256.Sum256(m.body)
	copy(b[atDigest:], digest[:])
	binary.BigEndian.PutUint32(b[atPayload:], m.payload)
	binary.BigEndian.PutUint32(b[atLength:], uint32(len(m.body)))
	return append(b, m.body...)
}

func decodeMessage(b []byte) (channelMessage, error) {
	var m channelMessage
	if len(b) < atBody {
		return m, fmt.Errorf("a message of %d bytes, shorter than its header", len(b))
	}
	begin := uint64(binary.BigEndian.Uint32(b)) + 4
	end := begin + uint64(binary.BigEndian.Uint32(b[atLength:]))
	if begin < atBody || end > uint64(len(b)) {
		return m, fmt.Errorf("a message of %d bytes, whose header says that it ends at %d", len(b), end)
	}
	m.kind = strings.Trim(string(b[atKind:atVersion]), " \x00")
	m.sequence = int64(binary.BigEndian.Uint64(b[atSequence:]))
	m.flags = binary.BigEndian.Uint64(b[atFlags:])
	copy(m.id[8:], b[atID:])
	copy(m.id[:8], b[atID+8:atDigest])
	m.payload = binary.BigEndian.Uint32(b[atPayload:])
	m.body = b[begin:end]
	if digest := sha256.Sum256(m.body); len(m.body) > 0 && !bytes.Equal(digest[:], b[atDigest:atPayload]) {
		return m, errors.New("a message whose payload is not what its digest says")
	}
	return m, nil
}

// An acknowledgement is the payload of a message that acknowledges another.
type acknowledgement struct {
	Kind       string `json:"AcknowledgedMessageType"`
	ID         string `json:"AcknowledgedMessageId"`
	Sequence   int64  `json:"AcknowledgedMessageSequenceNumber"`
	Sequential bool   `json:"IsSequentialMessage"`
}

// What the two sides agree upon at the beginning.
type (
	handshakeRequest struct {
		AgentVersion           string
		RequestedClientActions []struct {
			ActionType       string
			ActionParameters json.RawMessage
		}
	}
	handshakeResponse struct {
		ClientVersion          string
		ProcessedClientActions []processedAction
		Errors                 []string
	}
	processedAction struct {
		ActionType   string
		ActionStatus int // 1 done, 2 failed, 3 not supported
		ActionResult any
		Error        string
	}
	challenge struct{ Challenge []byte }
)

// clientVersion is the plugin's whose protocol this is.
const clientVersion = "1.2.0.0"

// How a data channel sends.
const (
	chunk    = 1024            // bytes in a message, as the plugin has it
	window   = 64              // messages that are not acknowledged yet
	overdue  = 2 * time.Second // after which one is sent again
	patience = 30 * time.Second
	alive    = time.Minute // between two pings
	early    = 10000       // messages of output that may come before their turn
)

// A dataChannel is one end of a session, the client's. One goroutine uses it.
type dataChannel struct {
	conn     *websocket.Conn
	incoming chan received
	closed   chan struct{}
	// newKeys asks for the keys of a session that is encrypted with a key of KMS.
	newKeys func(ctx context.Context, key string) (*sessionKeys, error)
	keys    *sessionKeys // nil if it is not

	expected int64 // of the output's messages
	ahead    map[int64]channelMessage

	next   int64 // of our own
	queue  []channelMessage
	sent   []sentMessage
	paused bool
}

type received struct {
	message channelMessage
	err     error
}

type sentMessage struct {
	sequence int64
	data     []byte
	at       time.Time
}

// openChannel opens the data channel of a session.
func openChannel(ctx context.Context, url, token string) (*dataChannel, error) {
	dialer := websocket.Dialer{Proxy: http.ProxyFromEnvironment, HandshakeTimeout: patience}
	conn, answer, err := dialer.DialContext(ctx, url, nil)
	if err != nil {
		kind := op.Unavailable
		if answer != nil {
			if k := kindOfStatus(answer.StatusCode); k != "" {
				kind = k
			}
			err = fmt.Errorf("%w: %s", err, answer.Status)
		}
		return nil, op.Errorf(kind, "opening the data channel of the session: %w", err)
	}
	conn.SetReadLimit(1 << 20)
	c := &dataChannel{conn: conn, incoming: make(chan received), closed: make(chan struct{}), ahead: map[int64]channelMessage{}}
	hello, err := json.Marshal(map[string]string{"MessageSchemaVersion": "1.0", "RequestId": uuid.NewString(), "TokenValue": token, "ClientId": uuid.NewString(), "ClientVersion": clientVersion})
	if err == nil {
		err = c.send(websocket.TextMessage, hello)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	go c.read()
	return c, nil
}

// read hands on what comes until the connection ends.
func (c *dataChannel) read() {
	for {
		var r received
		var data []byte
		if _, data, r.err = c.conn.ReadMessage(); r.err == nil {
			r.message, r.err = decodeMessage(data)
		}
		select {
		case c.incoming <- r:
		case <-c.closed:
			return
		}
		if r.err != nil {
			return
		}
	}
}

func (c *dataChannel) send(form int, data []byte) error {
	_ = c.conn.SetWriteDeadline(time.Now().Add(patience))
	if err := c.conn.WriteMessage(form, data); err != nil {
		return op.Errorf(op.Unavailable, "writing to the session: %w", err)
	}
	return nil
}

// write has p written to the container, in turn.
func (c *dataChannel) write(payload uint32, p []byte) error {
	for first := true; first || len(p) > 0; first = false {
		part := p
		if payload == payloadOutput {
			part = p[:min(chunk, len(p))]
		}
		p = p[len(part):]
		if c.keys != nil && payload == payloadOutput {
			part = c.keys.seal(part)
		}
		c.queue = append(c.queue, channelMessage{kind: inputData, sequence: c.next, id: uuid.New(), payload: payload, body: part})
		c.next++
	}
	return c.flush()
}

// forget drops what has not been sent yet.
func (c *dataChannel) forget() {
	if len(c.queue) > 0 {
		c.next, c.queue = c.queue[0].sequence, nil // numbers have no gaps
	}
}

// flush sends what is waiting, as far as the other side keeps up.
func (c *dataChannel) flush() error {
	for len(c.queue) > 0 && len(c.sent) < window && !c.paused {
		m := c.queue[0]
		c.queue = c.queue[1:]
		data := m.encode()
		c.sent = append(c.sent, sentMessage{m.sequence, data, time.Now()})
		if err := c.send(websocket.BinaryMessage, data); err != nil {
			return err
		}
	}
	return nil
}

// resend repeats what was not acknowledged in time.
func (c *dataChannel) resend() error {
	for i := range c.sent {
		if s := &c.sent[i]; !c.paused && time.Since(s.at) > overdue {
			s.at = time.Now()
			if err := c.send(websocket.BinaryMessage, s.data); err != nil {
				return err
			}
		}
	}
	return nil
}

// A closedError is the end of a session, and what its other side said of it.
type closedError struct{ output string }

func (e closedError) Error() string { return "the session is closed: " + e.output }

// run hands on the output of the session until done. The session's end before
// that is an error.
func (c *dataChannel) run(ctx context.Context, output func([]byte) error, done func() bool) error {
	tick, ping := time.NewTicker(overdue/4), time.NewTicker(alive)
	defer tick.Stop()
	defer ping.Stop()
	for !done() {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			err = c.resend()
		case <-ping.C:
			err = c.send(websocket.PingMessage, nil)
		case r := <-c.incoming:
			if r.err != nil {
				return op.Errorf(op.Unavailable, "reading from the session: %w", r.err)
			}
			err = c.receive(ctx, r.message, output)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *dataChannel) receive(ctx context.Context, m channelMessage, output func([]byte) error) error {
	switch m.kind {
	case startPublication, pausePublication:
		c.paused = m.kind == pausePublication
		return c.flush()
	case channelClosed:
		var end struct{ Output string }
		_ = json.Unmarshal(m.body, &end) // that it is closed is certain
		return closedError{strings.TrimSpace(end.Output)}
	case acknowledge:
		var a acknowledgement
		if err := json.Unmarshal(m.body, &a); err != nil {
			return op.Errorf(op.Internal, "an acknowledgement of the session: %w", err)
		}
		c.sent = slices.DeleteFunc(c.sent, func(s sentMessage) bool { return s.sequence == a.Sequence })
		return c.flush()
	case outputData:
	default:
		return nil
	}
	if m.sequence > c.expected && len(c.ahead) >= early {
		return nil // not acknowledged, it comes again
	}
	ack, err := json.Marshal(acknowledgement{m.kind, m.id.String(), m.sequence, true})
	if err != nil {
		return err
	}
	if err := c.send(websocket.BinaryMessage, channelMessage{kind: acknowledge, flags: 3, id: uuid.New(), body: ack}.encode()); err != nil {
		return err
	}
	if m.sequence >= c.expected {
		c.ahead[m.sequence] = m
	}
	for {
		m, ok := c.ahead[c.expected]
		if !ok {
			return nil
		}
		delete(c.ahead, c.expected)
		c.expected++
		if err := c.process(ctx, m, output); err != nil {
			return err
		}
	}
}

// process deals with a message of the output whose turn it is.
func (c *dataChannel) process(ctx context.Context, m channelMessage, output func([]byte) error) error {
	switch m.payload {
	case payloadHandshakeRequest:
		return c.shakeHands(ctx, m.body)
	case payloadChallengeRequest:
		var asked challenge
		if err := json.Unmarshal(m.body, &asked); err != nil {
			return op.Errorf(op.Internal, "the session's challenge: %w", err)
		}
		if c.keys == nil {
			return op.Errorf(op.Internal, "the session challenges keys that were not agreed upon")
		}
		plain, err := c.keys.open(asked.Challenge)
		if err != nil {
			return err
		}
		answer, err := json.Marshal(challenge{c.keys.seal(plain)})
		if err != nil {
			return err
		}
		return c.write(payloadChallengeResponse, answer)
	case payloadOutput:
		plain := m.body
		if c.keys != nil {
			var err error
			if plain, err = c.keys.open(plain); err != nil {
				return err
			}
		}
		return output(plain)
	}
	return nil
}

// shakeHands agrees to what the other side asks for.
func (c *dataChannel) shakeHands(ctx context.Context, body []byte) error {
	var request handshakeRequest
	if err := json.Unmarshal(body, &request); err != nil {
		return op.Errorf(op.Internal, "the session's handshake: %w", err)
	}
	response := handshakeResponse{ClientVersion: clientVersion, ProcessedClientActions: []processedAction{}, Errors: []string{}}
	var failure error
	for _, a := range request.RequestedClientActions {
		done := processedAction{ActionType: a.ActionType, ActionStatus: 1}
		switch a.ActionType {
		case "SessionType":
		case "KMSEncryption":
			var parameters struct {
				Key string `json:"KMSKeyId"`
			}
			keys := (*sessionKeys)(nil)
			err := json.Unmarshal(a.ActionParameters, &parameters)
			if err == nil {
				keys, err = c.newKeys(ctx, parameters.Key)
			}
			if err != nil {
				failure, done.ActionStatus, done.Error = err, 2, err.Error()
				break
			}
			c.keys, done.ActionResult = keys, map[string][]byte{"KMSCipherTextKey": keys.sealed}
		default:
			done.ActionStatus, done.Error = 3, "not supported: "+a.ActionType
		}
		if done.Error != "" {
			response.Errors = append(response.Errors, done.Error)
		}
		response.ProcessedClientActions = append(response.ProcessedClientActions, done)
	}
	answer, err := json.Marshal(response)
	if err == nil {
		err = c.write(payloadHandshakeResponse, answer)
	}
	if failure != nil {
		return failure
	}
	return err
}

// drained reports whether all that was written has been acknowledged.
func (c *dataChannel) drained() bool { return len(c.sent)+len(c.queue) == 0 }

func (c *dataChannel) close() {
	close(c.closed)
	_ = c.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	_ = c.conn.Close()
}
