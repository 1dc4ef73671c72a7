package service

import (
	"context"
	"maps"
	"slices"
	"strings"

	"coglet/internal/files"
	"coglet/internal/orchestrator"
	"coglet/internal/protocol"
	"coglet/internal/schema"
)

// CheckFiles returns the first file input that cannot be one, by name, and what is wrong with it.
func (s *Service) CheckFiles(in *schema.Input, fields map[string]protocol.FileField) (name string, err error) {
	names := slices.Sorted(maps.Keys(fields))
	for _, name := range names {
		if value, ok := in.Get(name); ok {
			if err := s.cfg.Inputs.Check(value, fields[name]); err != nil {
				return name, err
			}
		}
	}
	return "", nil
}

// resolver returns what makes local files of the file inputs, nil when there are none. A default that is a URL is
// fetched like one that was sent.
func (s *Service) resolver(in schema.Input, method *orchestrator.Method) func(context.Context, string) ([]byte, error) {
	var found []FileInput
	for name, field := range method.FileFields {
		value, ok := in.Get(name)
		if !ok && method.Input != nil {
			if value, ok = method.Input.Default(name); !ok || value.Kind() != '"' || !files.IsURL(string(value[1:])) {
				continue // a path that the author has written is the worker's: clients could not name it
			}
		}
		if ok && value.Kind() != 'n' {
			in.Set(name, value)
			found = append(found, FileInput{Name: name, Value: value, Field: field})
		}
	}
	if len(found) == 0 {
		return nil
	}
	slices.SortFunc(found, func(a, b FileInput) int { return strings.Compare(a.Name, b.Name) })
	return func(ctx context.Context, dir string) ([]byte, error) {
		local, err := s.cfg.Inputs.Resolve(ctx, dir, found)
		if err != nil {
			return nil, err
		}
		for i, f := range found {
			in.Set(f.Name, local[i])
		}
		return in.JSON(), nil
	}
}
