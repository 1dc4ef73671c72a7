package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// firstEvent measures how long an event is under way, with a model whose items are the times at which they were yielded.
func firstEvent(ctx context.Context, s *session) error {
	server, err := s.start(ctx, s.peer, scene{model: "stamps", slots: 1, workers: 1})
	if err != nil {
		return err
	}
	defer server.stop()
	req, err := request(ctx, server, `{"input":{}}`)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	late, err := lateness(resp.Body)
	if err != nil {
		return err
	}
	if len(late) != 200 {
		return fmt.Errorf("%d of 200 events", len(late))
	}
	slices.Sort(late)
	s.record(afterYield, millis(late[len(late)/2]))
	return nil
}

// lateness is how old each item was when its event was read.
func lateness(stream io.Reader) (all []time.Duration, err error) {
	lines := bufio.NewScanner(stream)
	for lines.Scan() {
		_, rest, found := strings.Cut(lines.Text(), `{"chunk":"`)
		if !found {
			continue
		}
		now := time.Now().UnixNano()
		stamp, _, _ := strings.Cut(rest, `"`)
		made, err := strconv.ParseInt(stamp, 10, 64)
		if err != nil {
			return nil, err
		}
		all = append(all, time.Duration(now-made))
	}
	return all, lines.Err()
}
